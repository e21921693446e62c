// Package state holds the words every other room speaks in, and the memory of
// one account: what server and disk last agreed on.
//
// The words are plain values without behaviour beyond arithmetic: UID, Flags,
// the snapshot of a server mailbox, the snapshot of a Maildir, the record of an
// agreement, and the kinds of failure. They import nothing of ours, so that the
// engine (package sync) and the backends can meet in them without knowing each
// other.
//
// The memory is one SQLite file an account, its lock, and the registry of roots
// that remembers which Maildir trees ever existed. docs/state-format.md describes
// the bytes.
package state
