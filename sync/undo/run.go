// Package undo puts back on the server what the last archive run took.
package undo

import (
	"mailsync/state"
	"mailsync/sync/archive"
	"mailsync/sync/destroy"
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
	"mailsync/sync/send"
	"mailsync/sync/shelf"
)

// Run is the undoing of an archive run.
type Run struct {
	*mailbox.Run
	list    *list.Run
	send    *send.Run
	shelf   *shelf.Run
	destroy *destroy.Run
	archive *archive.Run

	unlisted []state.MailboxRow    // mailboxes concerned that the server does not list
	trash    *state.ServerSnapshot // of the server's trash; nil: not looked at
}

// New returns the undoing of an archive run.
func New(r *mailbox.Run, l *list.Run, s *send.Run, sh *shelf.Run, d *destroy.Run, a *archive.Run) *Run {
	return &Run{Run: r, list: l, send: s, shelf: sh, destroy: d, archive: a}
}
