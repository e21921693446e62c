package sync

import (
	"context"

	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/repair"
)

// Repair fetches again what Verify found missing or damaged, where the server still has
// it. A damaged file is moved to the trash once its message is durable anew and has the
// bytes that were recorded; where the server sends other bytes, both stay, and that is
// reported. The records are set in doubt first, so that a run that is interrupted leaves the rest
// to any later one. The Result is never nil; what could not be fetched is in it.
func Repair(ctx context.Context, a *port.Account, found []port.Finding) *port.Result {
	hurt := map[string][]port.Finding{}
	for _, f := range found {
		hurt[state.RawKey(f.Raw)] = append(hurt[state.RawKey(f.Raw)], f)
	}
	account := *a
	account.Full = true // what the server has is to be known, not what it had
	account.Include = func(l state.Listed) bool {
		return len(hurt[state.RawKey(l.Raw)]) > 0 && (a.Include == nil || a.Include(l))
	}
	r := newRun(&account)
	m := repair.New(r.Run, hurt)
	return r.Through(ctx, r.list.Identify, r.list.List, r.scan.Scan, m.Mend, r.fetch.Fetch, m.TakeLeft)
}
