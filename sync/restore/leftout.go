package restore

import (
	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/port"
)

// leaveOut reports what was left out of a source.
func (r *restoring) leaveOut(g *target, s *port.Source, left []state.Passed) error {
	problems, notes, count := mailbox.Describe(s.Name, left)
	g.said.Refused += count
	for _, n := range notes {
		r.note(g.said.To, n)
	}
	for _, err := range problems {
		if err := r.problem(g.said.To, err); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoring) note(mailbox, text string) {
	if r.Watch != nil {
		r.Watch.Note(mailbox, text, "")
	}
}
