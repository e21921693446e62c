package plan

import (
	"mailsync/state"
)

// Standing is where the messages are that the server counted of one mailbox in this run.
// Its parts add up to onServer, but for what the user accepted.
type Standing struct {
	OnServer, Here, Outstanding, KeptAway, Skipped int
	Doubtful                                       int  // of those that are here
	OnlyHere                                       int  // that the server had once: in no other number
	Unseen                                         int  // counted by the server, and not looked at one by one
	Uncounted                                      bool // the server did not report how many there are
}

// StandingOf counts the records of a mailbox that was looked at. server is what the scan saw, nil
// where STATUS said that nothing changed; left are deletions that wait for another run: what
// the user removed is not here, whatever the base still has.
//
// Where a listing was not complete, the number of what it did not show is all that is known: it
// may be what the base has, and what is more than the base has cannot be here.
func StandingOf(records []state.Record, server *state.ServerSnapshot, left Waiting, estimates bool) (s Standing) {
	inPart := server != nil && !server.Complete
	known := 0
	for _, rec := range records {
		if !rec.Status.OnServer() {
			if rec.Status == state.OnlyHere {
				s.OnlyHere++
			}
			continue
		}
		known++
		if !inPart || !server.All || server.Shows(rec.UID) {
			s.add(rec.Status)
			if ListedApart(rec, estimates) {
				s.Doubtful++
			}
		}
	}
	if inPart {
		exists := int(server.Mark.Exists)
		unlisted := max(0, exists-s.OnServer)
		more := min(unlisted, max(0, exists-known))
		s.OnServer += unlisted
		s.Outstanding += more
		s.Unseen = unlisted - more
	}
	s.Here -= left.Here
	s.KeptAway += left.Here
	return s
}

// add counts one message that is on the server.
func (s *Standing) add(status state.Status) {
	s.OnServer++
	switch {
	case status.HasFile():
		s.Here++
	case status == state.Outstanding:
		s.Outstanding++
	case status == state.KeptAway:
		s.KeptAway++
	case status == state.Skipped:
		s.Skipped++
	}
}
