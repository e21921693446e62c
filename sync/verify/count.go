package verify

import (
	"context"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// counted is where the messages of one mailbox are, as the state knows it.
type counted struct {
	name                        string
	onServer, here, outstanding int
	// unscanned says that the state knows the mailbox, and not yet what is in it: the run that
	// made its Maildir was interrupted before it had looked.
	unscanned bool
	apart     []Apart
}

func (c counted) incomplete() bool { return c.outstanding > 0 || c.unscanned }

// countOf counts the records of a survey's current generation.
func (w *verifying) countOf(s *survey) counted {
	c := counted{name: s.name}
	for _, b := range s.books {
		if !b.gen.Current || b.gen.ID == 0 {
			continue
		}
		c.unscanned = b.gen.Compared == 0 && len(b.records) == 0
		apart := map[state.Status][]state.UID{}
		for _, r := range b.records {
			switch {
			case r.Status == state.KeptAway, r.Status == state.Skipped, r.Status == state.Accepted, r.Status == state.Outstanding:
				apart[r.Status] = append(apart[r.Status], r.UID)
			case r.Status.OnServer():
				c.here++
				if plan.ListedApart(r, w.estimate) {
					apart[state.Doubtful] = append(apart[state.Doubtful], r.UID)
				}
			}
			if r.Status.OnServer() {
				c.onServer++
			}
		}
		c.outstanding = len(apart[state.Outstanding])
		for _, status := range []state.Status{state.KeptAway, state.Skipped, state.Accepted, state.Outstanding, state.Doubtful} {
			if uids := apart[status]; len(uids) > 0 {
				c.apart = append(c.apart, Apart{s.name, status, uids})
			}
		}
	}
	return c
}

// anyIncomplete reports whether the state knows of something that is not here yet.
func (w *verifying) anyIncomplete() bool {
	for _, c := range w.counted {
		if c.incomplete() {
			return true
		}
	}
	return false
}

// recount counts again what was looked at: a run may have fetched meanwhile.
func (w *verifying) recount(ctx context.Context, rows []state.MailboxRow) error {
	for _, row := range rows {
		if _, ok := w.counted[row.Path]; !ok {
			continue
		}
		s := &survey{row: row, name: w.name(row)}
		if err := w.read(ctx, s); err != nil {
			return port.Wrap("read state", err)
		}
		w.counted[row.Path] = w.countOf(s)
	}
	return nil
}

// Shortfall is what a mailbox lacks as far as the state knows.
type Shortfall struct {
	Mailbox     string
	Outstanding int  // messages
	Unscanned   bool // no run has looked yet at what the server has in it
}

// conclude adds the mailboxes up. In comparison with the server, what is outstanding was found
// message by message.
func (w *verifying) conclude(rows []state.MailboxRow, found []port.Finding) {
	v := &w.verdict
	wrong := map[string]bool{}
	for _, f := range found {
		if !f.Repaired {
			v.Here -= f.Lost
			wrong[f.Path] = true
		}
	}
	for _, row := range rows {
		c, looked := w.counted[row.Path]
		v.OnServer += c.onServer
		v.Here += c.here
		v.Outstanding += c.outstanding
		v.Apart = append(v.Apart, c.apart...)
		if looked && !c.incomplete() && !wrong[row.Path] {
			v.Whole++
		}
		if c.incomplete() && w.Server == nil {
			v.Short = append(v.Short, Shortfall{c.name, c.outstanding, c.unscanned})
		}
	}
}

// nameRecords takes the names of files for records, where nothing else is known of what is
// here, so that the server's messages can be held against them.
func (s *survey) nameRecords() {
	for i := range s.books {
		b := &s.books[i]
		for _, f := range b.files {
			if n := len(b.records); n > 0 && b.records[n-1].UID == f.uid {
				continue // a double
			}
			// Whether the server ever had it, a name does not tell for sure.
			b.records = append(b.records, state.Record{UID: f.uid, Variant: f.variant, Status: state.OnlyHere, Size: -1, Date: state.NoDate, Agreed: f.flags})
		}
	}
}
