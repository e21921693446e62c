// Package shelf knows the folders into which archived messages go: where each of them is to lie, which are on
// their way there, and which are found there again.
package shelf

import (
	"mailsync/sync/mailbox"
	"mailsync/sync/port"
)

// Run is what a run knows of archive folders.
type Run struct {
	*mailbox.Run
	ArchiveNumber int64 // of this archive run, 0: not known yet

	roots   map[string]port.Tree // folders of archives that are open
	indexed map[string][]shelved // what lies in the configured one, by token; nil: not looked at
}

// New returns what a run knows of archive folders.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }
