package mailbox

import (
	"slices"

	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Count adds up where every included mailbox stands now. What an earlier run counted is no
// answer of this run's server: of a mailbox that was not looked at nothing counts as here.
func (r *Run) Count() {
	if r.Result.Mailboxes == 0 {
		return
	}
	for _, b := range r.Boxes {
		s := b.Standing(r.Row.EstimatedSizes)
		r.Result.OnServer += s.OnServer
		r.Result.Here += s.Here
		r.Result.Outstanding += s.Outstanding
		r.Result.KeptAway += s.KeptAway
		r.Result.Skipped += s.Skipped
		r.Result.Doubtful += s.Doubtful
		r.Result.Unseen += s.Unseen
		if s.Untold {
			r.Result.Uncounted++
		}
		if b.Idle {
			r.Result.Unchanged++
		} else if !b.Looked {
			r.Result.Unlooked++
		}
	}
	slices.SortStableFunc(r.Result.Problems, func(a, b port.Problem) int { return plan.CompareNames(a.Mailbox, b.Mailbox) })
}

// Standing counts the mailbox as it stands: from its records where the run looked at it, from
// what the base counted where STATUS and directories are as the base has them.
func (b *Box) Standing(estimates bool) plan.Standing {
	switch {
	case b.Looked:
		return plan.StandingOf(b.Records, b.Server, b.Waits, estimates)
	case b.Idle:
		t := b.Gen().Tally
		return plan.Standing{OnServer: t.OnServer, Here: t.Here - t.OnlyHere, Outstanding: t.Outstanding, KeptAway: t.KeptAway, Skipped: t.Skipped,
			Doubtful: t.InDoubt(estimates)}
	}
	n, told := b.exists()
	if b.Unheard { // none of it can be here
		return plan.Standing{OnServer: n, Outstanding: n, Untold: !told}
	}
	return plan.Standing{OnServer: n, Unseen: n, Untold: !told}
}

// exists is how many messages the server said in this run that the mailbox has.
func (b *Box) exists() (n int, told bool) {
	switch {
	case b.Server != nil:
		return int(b.Server.Mark.Exists), true
	case b.Listed.HasMark:
		return int(b.Listed.Mark.Exists), true
	}
	return 0, false
}
