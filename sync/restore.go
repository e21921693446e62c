package sync

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// Restore puts mail of the account back on its own server: what the server had once, and
// files of other programs. It is an append, with its intents: a run that is cut off is
// finished by the next one, whichever that is. Each file gets the identity of its new
// message, so that the next sync has nothing to fetch. since leaves out what is older, NoDate nothing;
// levels says what a mailbox is called that the server does not have any more. The
// Restoration is never nil.
func Restore(ctx context.Context, a *port.Account, since int64, levels func(state.MailboxRow) []string) *restore.Restoration {
	whole := *a
	whole.Full = true // what the server has is to be known, not what it had
	r := newRun(&whole)
	r.Anyway = true
	h := restore.NewHome(r.Run, r.list, r.send)
	h.Since, h.Levels = since, levels
	result := r.Through(ctx, r.list.Identify, h.List, r.scan.Scan, h.Bring)
	result.Stopped = result.Fatal == nil && r.Stopped()
	h.Out.Result = *result
	slices.SortStableFunc(h.Out.Boxes, func(a, b restore.Restored) int { return plan.CompareNames(a.To, b.To) })
	for _, b := range h.Out.Boxes {
		h.Out.Outstanding += b.Refused
	}
	return &h.Out
}
