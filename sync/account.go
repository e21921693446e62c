package sync

import (
	"context"

	"mailsync/sync/port"
)

// Run brings the account's server and disk together, in the order that doc.go tells.
// The Result is never nil; what failed is in it.
func Run(ctx context.Context, a *port.Account) *port.Result {
	r := newRun(a)
	return r.Through(ctx, r.list.Identify, r.list.List, r.scan.Scan, r.list.Compared, r.destroy.KnowTrashed, r.moves.Match, r.archive.Choose,
		r.plan, r.createAll, r.destroyAll, r.archive.Reported, r.destroy.EmptyTrash, r.settle.Settle, r.list.Compared, r.settle.Doubts)
}
