// Package store is the memory of one account, and everything in its state
// directory: the SQLite file that holds what server and disk last agreed on, its seal, the
// lock, how the last run ended, and what restore sent. The registry of roots, which
// remembers for a user what Maildir trees there ever were, is here too.
//
// All files that have to survive a crash are written here and in backends/maildir: no other
// package calls fsync or rename. docs/state-format.md describes the bytes.
package store
