// Package store is the memory of one account, and everything that lies in its state
// directory: the SQLite file that holds what server and disk last agreed on, its seal, the
// lock, how the last run ended, and what restore sent. The registry of roots, which
// remembers for a user what Maildir trees there ever were, is here too.
//
// What belongs here opens a file and keeps it whole: fsync and rename are at home here and
// in backends/maildir, and nowhere else. docs/state-format.md describes the bytes.
package store
