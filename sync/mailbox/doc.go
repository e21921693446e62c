// Package mailbox has one mailbox as a run knows it, its three states, its records and their commits, and what all
// mailboxes of a run share.
package mailbox
