// Package verify compares the three states of a mailbox, and changes nothing.
package verify
