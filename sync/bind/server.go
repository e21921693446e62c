package bind

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// sameServer checks that an account with another host or user in the configuration than before is on the
// server that its mail was fetched from: UIDVALIDITY and messages of every mailbox that was synced have
// to agree, unless the user states that it moved. One that cannot be scanned fails; the run goes on
// with the others if one of them agrees.
func (r *Run) sameServer(ctx context.Context) error {
	if !r.ServerRenamed() || r.Moved {
		return nil
	}
	var failed error
	agreed := 0
	for _, b := range r.Boxes {
		if b.Gen() == nil || b.Gen().Tally == (state.Tally{}) {
			continue
		}
		records, err := r.RecordsOf(ctx, b.Gen())
		if err != nil {
			return err
		}
		sn, err := r.Server.Scan(ctx, state.ScanRequest{Raw: b.Listed.Raw, Full: true, Keywords: state.NewKeywords(b.Row.Keywords)})
		if err != nil {
			if port.Ends(err) {
				return err
			}
			b.Refused, failed = err, err // the run goes on only with one that agrees
			continue
		}
		if sn.UIDLs == nil && b.Gen().Tally.OnServer == 0 {
			continue
		}
		same := plan.SameNumbers(b.Gen(), sn.Mark) && plan.Agrees(records, sn.Messages)
		if !same || sn.UIDLs != nil && !plan.KnowsOne(records, sn.Messages) {
			return state.Faultf(state.Storage, "the Maildirs were filled from %s at %s, and %q is another mailbox at %s; nothing was done", r.Row.User, r.Row.Host, b.Name, r.Host).
				WithHint("give %s at %s a maildir of its own, or run once with --moved if it is the same account", r.User, r.Host)
		}
		agreed++
	}
	if failed != nil && agreed == 0 {
		return failed
	}
	r.Note("", fmt.Sprintf("%s at %s is %s at %s now: its messages are the same", r.Row.User, r.Row.Host, r.User, r.Host), "")
	return nil
}

// ServerRenamed reports that host or user are not those that the base knows.
func (r *Run) ServerRenamed() bool { return r.Row.Host != r.Host || r.Row.User != r.User }

// TakeServer makes host and user what they are now, once every marker has them, and reports whether they were others.
func (r *Run) TakeServer() bool {
	if !r.ServerRenamed() {
		return false
	}
	for _, b := range r.Boxes {
		if b.Failed {
			return false
		}
	}
	r.Row.Host, r.Row.User = r.Host, r.User
	return true
}
