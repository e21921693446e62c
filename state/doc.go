// Package state holds the words that every other room speaks in: UID, Flags,
// the snapshot of a server's mailbox and that of a Maildir, the record of an agreement,
// the marker of a Maildir, and the kinds of failure.
//
// They are plain values. A method of one of them counts, compares or spells; it opens no
// file and asks no clock. They import nothing of ours and nothing of others, so that the
// engine (package sync), the backends and the store can meet in them without knowing each
// other. What remembers them is package store.
package state
