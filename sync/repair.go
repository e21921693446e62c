package sync

import (
	"context"

	"mailsync/sync/port"
	"mailsync/sync/repair"
)

// Repair fetches again what Verify found missing or damaged, where the server still has
// it. A damaged file goes to the trash once its message is durable anew and has the
// bytes that were recorded; where the server sends other bytes, both stay, and that is
// said. The records are set in doubt first, so that a run that is cut off leaves the rest
// to any later one. The Result is never nil; what could not be had is in it.
func Repair(ctx context.Context, a *port.Account, found []port.Finding) *port.Result {
	hurt := map[string][]port.Finding{}
	for _, f := range found {
		hurt[f.Path] = append(hurt[f.Path], f)
	}
	whole := *a
	whole.Full = true // what the server has is to be known, not what it had
	r := newRun(&whole)
	m := repair.New(r.Run, r.list)
	return r.Through(ctx,
		r.list.Identify,
		func(ctx context.Context) error { return m.ListHurt(ctx, hurt) },
		r.scan.Scan,
		func(ctx context.Context) error { return m.Mend(ctx, hurt) },
		r.fetch.Fetch,
		m.TakeLeft)
}
