package sync

import (
	"mailsync/sync/archive"
	"mailsync/sync/bind"
	"mailsync/sync/change"
	"mailsync/sync/destroy"
	"mailsync/sync/fetch"
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
	"mailsync/sync/moves"
	"mailsync/sync/port"
	"mailsync/sync/scan"
	"mailsync/sync/send"
	"mailsync/sync/settle"
	"mailsync/sync/shelf"
	"mailsync/sync/tie"
)

// run is one run of an account, with its rooms.
type run struct {
	*mailbox.Run
	list    *list.Run
	tie     *tie.Run
	bind    *bind.Run
	scan    *scan.Run
	shelf   *shelf.Run
	moves   *moves.Run
	fetch   *fetch.Run
	send    *send.Run
	change  *change.Run
	destroy *destroy.Run
	archive *archive.Run
	settle  *settle.Run
}

func newRun(a *port.Account) *run {
	r := &run{Run: &mailbox.Run{Account: a}}
	r.send = send.New(r.Run)
	r.shelf = shelf.New(r.Run)
	r.tie = tie.New(r.Run)
	r.bind = bind.New(r.Run)
	r.scan = scan.New(r.Run, r.bind, r.tie, r.send, r.shelf)
	r.list = list.New(r.Run, r.bind)
	r.moves = moves.New(r.Run, r.scan)
	r.fetch = fetch.New(r.Run, r.tie)
	r.change = change.New(r.Run)
	r.destroy = destroy.New(r.Run, r.bind, r.send, r.shelf)
	r.archive = archive.New(r.Run, r.shelf, r.destroy)
	r.settle = settle.New(r.Run, r.bind)
	return r
}
