// Package scan looks at both sides of every mailbox in which something may have changed, and learns what the
// server showed.
package scan

import (
	"mailsync/sync/bind"
	"mailsync/sync/mailbox"
	"mailsync/sync/send"
	"mailsync/sync/shelf"
	"mailsync/sync/tie"
)

// Run is the scanning of a run.
type Run struct {
	*mailbox.Run
	bind  *bind.Run
	tie   *tie.Run
	send  *send.Run
	shelf *shelf.Run
}

// New returns the scanning of a run.
func New(r *mailbox.Run, b *bind.Run, t *tie.Run, s *send.Run, sh *shelf.Run) *Run {
	return &Run{Run: r, bind: b, tie: t, send: s, shelf: sh}
}
