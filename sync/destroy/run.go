// Package destroy carries deletions over, of messages on the server and of files here: a copy is taken away only
// on the word of a side that is sure of it, and what a trash keeps goes there.
package destroy

import (
	"mailsync/sync/bind"
	"mailsync/sync/mailbox"
	"mailsync/sync/send"
	"mailsync/sync/shelf"
)

// Run is the deletions of a run.
type Run struct {
	*mailbox.Run
	bind  *bind.Run
	send  *send.Run
	shelf *shelf.Run
}

// New returns the deletions of a run.
func New(r *mailbox.Run, b *bind.Run, s *send.Run, sh *shelf.Run) *Run {
	return &Run{Run: r, bind: b, send: s, shelf: sh}
}
