package sync

import (
	"context"

	"mailsync/sync/port"
	"mailsync/sync/undo"
)

// Undo puts back on the server what the last archive run took that took anything: files that
// went into an archive come back to their mailboxes first, then each is appended with its
// flags, keywords and date, and recorded under its new UID. What a run let go and did not come
// to take stays where it is. It can be interrupted and run again; what was put back is not put
// back twice. The Result is never nil.
func Undo(ctx context.Context, a *port.Account) *port.Result {
	r := newRun(a)
	r.Undoing = true
	u := undo.New(r.Run, r.list, r.send, r.shelf, r.destroy, r.archive)
	return r.Through(ctx, r.list.Identify, u.ListDeparted, r.scan.Scan, u.FindLast, u.Undo, r.settle.Settle)
}
