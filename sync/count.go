package sync

import (
	"slices"

	"mailsync/state"
)

// standing is where the messages are that the server counted of one mailbox in this run.
// Its parts add up to onServer, but for what the user accepted.
type standing struct {
	onServer, here, outstanding, keptAway, skipped int
	doubtful                                       int  // of those that are here
	unseen                                         int  // counted by the server, and not looked at one by one
	untold                                         bool // the server did not tell how many there are
}

// count adds up where every included mailbox stands now. What an earlier run counted is no
// answer of this run's server: of a mailbox that was not looked at nothing counts as here.
func (r *run) count() {
	if r.result.Mailboxes == 0 {
		return
	}
	for _, b := range r.boxes {
		s := b.standing(r.row.EstimatedSizes)
		r.result.OnServer += s.onServer
		r.result.Here += s.here
		r.result.Outstanding += s.outstanding
		r.result.KeptAway += s.keptAway
		r.result.Skipped += s.skipped
		r.result.Doubtful += s.doubtful
		r.result.Unseen += s.unseen
		if s.untold {
			r.result.Uncounted++
		}
		if b.idle {
			r.result.Unchanged++
		} else if !b.looked {
			r.result.Unlooked++
		}
	}
	slices.SortStableFunc(r.result.Problems, func(a, b Problem) int { return compareNames(a.Mailbox, b.Mailbox) })
}

// standing counts the mailbox as it stands: from its records where the run looked at it, from
// what the base counted where STATUS and directories are as the base has them.
func (b *box) standing(estimates bool) standing {
	switch {
	case b.looked:
		return standingOf(b.records, b.server, b.deletions, estimates)
	case b.idle:
		t := b.gen().Tally
		return standing{onServer: t.OnServer, here: t.Here - t.OnlyHere, outstanding: t.Outstanding, keptAway: t.KeptAway, skipped: t.Skipped,
			doubtful: t.InDoubt(estimates)}
	}
	n, told := b.exists()
	if b.unheard { // none of it can be here
		return standing{onServer: n, outstanding: n, untold: !told}
	}
	return standing{onServer: n, unseen: n, untold: !told}
}

// exists is how many messages the server said in this run that the mailbox has.
func (b *box) exists() (n int, told bool) {
	switch {
	case b.server != nil:
		return int(b.server.Mark.Exists), true
	case b.listed.HasMark:
		return int(b.listed.Mark.Exists), true
	}
	return 0, false
}

// standingOf counts the records of a mailbox that was looked at. server is what the scan saw, nil
// where STATUS said that nothing changed; left are deletions that wait for another run: what
// the user removed is not here, whatever the base still says.
//
// Where a listing was not complete, the number of what it did not show is all that is known: it
// may be what the base has, and what is more than the base has cannot be here.
func standingOf(records []state.Record, server *state.ServerSnapshot, left Waiting, estimates bool) (s standing) {
	inPart := server != nil && !server.Complete
	known := 0
	for _, rec := range records {
		if !rec.Status.OnServer() {
			continue
		}
		known++
		if !inPart || !server.All || server.Shows(rec.UID) {
			s.add(rec.Status)
			if listedApart(rec, estimates) {
				s.doubtful++
			}
		}
	}
	if inPart {
		exists := int(server.Mark.Exists)
		unlisted := max(0, exists-s.onServer)
		more := min(unlisted, max(0, exists-known))
		s.onServer += unlisted
		s.outstanding += more
		s.unseen = unlisted - more
	}
	s.here -= left.Here
	s.keptAway += left.Here
	return s
}

// add counts one message that is on the server.
func (s *standing) add(status state.Status) {
	s.onServer++
	switch {
	case status.HasFile():
		s.here++
	case status == state.Outstanding:
		s.outstanding++
	case status == state.KeptAway:
		s.keptAway++
	case status == state.Skipped:
		s.skipped++
	}
}
