package sync

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/archive"
	"mailsync/sync/bind"
	"mailsync/sync/change"
	"mailsync/sync/destroy"
	"mailsync/sync/fetch"
	"mailsync/sync/folder"
	"mailsync/sync/forget"
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
	"mailsync/sync/moves"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/repair"
	"mailsync/sync/restore"
	"mailsync/sync/scan"
	"mailsync/sync/send"
	"mailsync/sync/settle"
	"mailsync/sync/tie"
	"mailsync/sync/undo"
)

// Run brings the account's server and disk together, in the order that doc.go gives.
// The Result is never nil; what failed is in it.
func Run(ctx context.Context, a *port.Account) *port.Result {
	r := newRun(a)
	return r.Through(ctx, r.list.Identify, r.list.List, r.scan.Scan, r.list.Compared, r.destroy.KnowTrashed, r.moves.Match, r.archive.Choose,
		r.plan, r.createAll, r.destroyAll, r.archive.Reported, r.destroy.EmptyTrash, r.settle.Settle, r.list.Compared, r.settle.Doubts)
}

// Undo puts back on the server what the last archive run took off it: files
// return from their archives to their mailboxes first, then each is appended with its
// flags, keywords and date, and recorded under its new UID. A message that was released and not
// expunged stays where it is. An interrupted undo can be run again; nothing is put back twice. The Result is never nil.
func Undo(ctx context.Context, a *port.Account) *port.Result {
	r := newRun(a)
	r.Undoing = true
	u := undo.New(r.Run, r.list, r.send, r.folder, r.destroy, r.archive)
	return r.Through(ctx, r.list.Identify, u.ListDeparted, r.scan.Scan, u.FindLast, u.Undo, r.settle.Settle)
}

// Repair fetches again what Verify found missing or damaged, where the server still has
// it. A damaged file is moved to the trash once its message is durable anew and has the
// bytes that were recorded; where the server sends other bytes, both stay, and that is
// reported. The records are set in doubt first, so that an interrupted run leaves the rest
// to any later one. The Result is never nil; what could not be fetched is in it.
func Repair(ctx context.Context, a *port.Account, found []port.Finding) *port.Result {
	hurt := map[string][]port.Finding{}
	for _, f := range found {
		hurt[state.RawKey(f.Raw)] = append(hurt[state.RawKey(f.Raw)], f)
	}
	r := newFullRun(a)
	r.Include = func(l state.Listed) bool {
		return len(hurt[state.RawKey(l.Raw)]) > 0 && (a.Include == nil || a.Include(l))
	}
	m := repair.New(r.Run, hurt)
	return r.Through(ctx, r.list.Identify, r.list.List, r.scan.Scan, m.Plan, r.fetch.Fetch, m.TrashLeft)
}

// Restore puts mail of the account back on its own server: what the server had once, and
// files of other programs. It is an append, with its intents: the next run, of any command, finishes an
// interrupted one. Each file gets the identity of its new
// message, so that the next sync has nothing to fetch. since leaves out what is older, NoDate nothing;
// levels names a mailbox that the server does not have any more. The Restoration is never nil.
func Restore(ctx context.Context, a *port.Account, since int64, levels func(state.MailboxRow) []string) *restore.Restoration {
	r := newFullRun(a)
	r.Anyway = true
	h := restore.NewOwn(r.Run, r.list, r.send)
	h.Since, h.Levels = since, levels
	result := r.Through(ctx, r.list.Identify, h.List, r.scan.Scan, h.Append)
	result.Stopped = result.Fatal == nil && r.Stopped()
	h.Out.Result = *result
	slices.SortStableFunc(h.Out.Boxes, func(a, b restore.Restored) int { return plan.CompareNames(a.To, b.To) })
	for _, b := range h.Out.Boxes {
		h.Out.Outstanding += b.Refused
	}
	return &h.Out
}

// Forget lets go of the mailbox of a row that is gone on the server, or takes it back. The Result is never nil.
func Forget(ctx context.Context, a *port.Account, row int64, back bool) *port.Result {
	r := newRun(a)
	f := forget.New(r.Run, row, r.list, r.bind)
	if back {
		return r.Through(ctx, r.list.Identify, f.TakeBack)
	}
	return r.Through(ctx, r.list.Identify, f.Gone, f.Forget)
}

// run is one run of an account, with its rooms.
type run struct {
	*mailbox.Run
	list    *list.Run
	tie     *tie.Run
	bind    *bind.Run
	scan    *scan.Run
	folder  *folder.Run
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
	r.folder = folder.New(r.Run)
	r.tie = tie.New(r.Run)
	r.bind = bind.New(r.Run)
	r.scan = scan.New(r.Run, r.bind, r.tie, r.send, r.folder)
	r.list = list.New(r.Run, r.bind)
	r.moves = moves.New(r.Run, r.scan)
	r.fetch = fetch.New(r.Run, r.tie)
	r.change = change.New(r.Run)
	r.destroy = destroy.New(r.Run, r.bind, r.send, r.folder)
	r.archive = archive.New(r.Run, r.folder, r.destroy)
	r.settle = settle.New(r.Run, r.bind)
	return r
}

// newFullRun returns a run that compares everything: it has to know what the server has, not what it had.
func newFullRun(a *port.Account) *run {
	full := *a
	full.Full = true
	return newRun(&full)
}
