package verify

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// counted is where the messages of one mailbox are, as the state knows it.
type counted struct {
	plan.Standing
	name string
	// unscanned: the state knows the mailbox, and not yet what is in it, for the run that
	// made its Maildir was interrupted before it had looked.
	unscanned bool
	apart     []Apart
}

func (c counted) incomplete() bool { return c.Outstanding > 0 || c.unscanned }

// countOf counts the records of a survey's current generation.
func (w *verifying) countOf(s *survey) counted {
	c := counted{name: s.Name}
	g := s.Gen()
	if g == nil || g.ID == 0 {
		return c
	}
	c.unscanned = plan.Unlearned(g) && len(s.Records) == 0
	c.Standing = plan.StandingOf(s.Records, nil, plan.Waiting{}, w.Row.EstimatedSizes)
	apart := map[state.Status][]state.UID{}
	for _, rec := range s.Records {
		switch {
		case rec.Status.HasFile():
			if rec.Status.OnServer() && plan.ListedApart(rec, w.Row.EstimatedSizes) {
				apart[state.Doubtful] = append(apart[state.Doubtful], rec.UID)
			}
		default:
			apart[rec.Status] = append(apart[rec.Status], rec.UID)
		}
	}
	for _, status := range []state.Status{state.KeptAway, state.Skipped, state.Accepted, state.Outstanding, state.Doubtful} {
		if uids := apart[status]; len(uids) > 0 {
			c.apart = append(c.apart, Apart{s.Name, status, uids})
		}
	}
	return c
}

// recount counts again what was looked at: a run may have fetched meanwhile.
func (w *verifying) recount(ctx context.Context) error {
	for _, row := range w.rows {
		if _, ok := w.counted[row.Path]; !ok {
			continue
		}
		s, err := w.recorded(ctx, row)
		if err != nil {
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
func (w *verifying) conclude(ctx context.Context) error {
	v, r := &w.verdict, &w.Result
	v.Findings = append(w.found, w.unlisted()...)
	left := map[string]bool{}
	for _, row := range w.rows {
		left[row.Path] = w.leftOut(row)
	}
	wrong := map[string]bool{}
	for _, f := range v.Findings {
		if !f.Repaired {
			if !left[f.Path] {
				r.Here -= f.Lost
			}
			wrong[f.Path] = true
		}
	}
	for _, row := range w.rows {
		c, looked := w.counted[row.Path]
		if left[row.Path] {
			v.Apart = append(v.Apart, slices.DeleteFunc(c.apart, func(a Apart) bool { return a.Status == state.Outstanding })...)
			continue
		}
		r.OnServer += c.OnServer
		r.Here += c.Here
		r.Outstanding += c.Outstanding
		r.OnlyHere += c.OnlyHere
		v.Apart = append(v.Apart, c.apart...)
		if looked && !c.incomplete() && !wrong[row.Path] {
			r.Unchanged++
		}
		if c.incomplete() && w.Server == nil {
			v.Short = append(v.Short, Shortfall{c.name, c.Outstanding, c.unscanned})
		}
	}
	return ctx.Err()
}
