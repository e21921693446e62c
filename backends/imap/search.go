package imap

import (
	"context"
	"slices"
	"strings"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// search runs a SEARCH command and returns what it found, sorted. answered tells that
// the server answered at all: some send only OK where they found nothing. Everything else
// that comes goes to other.
func (at *opened) search(ctx context.Context, cmd string, other func(wire.Line) error) (found ranges, answered bool, err error) {
	var bad error
	err = at.s.w.Each(ctx, cmd, func(l wire.Line) error {
		sc := l.Scan()
		switch verb := sc.Atom(); {
		case strings.EqualFold(verb, "SEARCH"):
			answered = true
			if !found.addSearch(&sc) {
				bad = oddAnswer(l.Shown())
			}
		case strings.EqualFold(verb, "ESEARCH"):
			answered = true
			if !found.addESearch(&sc) {
				bad = oddAnswer(l.Shown())
			}
		default:
			return other(l)
		}
		return nil
	})
	if err == nil {
		err = bad
	}
	found.sort()
	return found, answered, err
}

// oddAnswer is an answer that cannot be read, as it may be shown.
type oddAnswer string

func (o oddAnswer) Error() string {
	return "cannot read the server's answer " + reach.Quoted(string(o))
}

// show returns flags, size and date of those of some messages that are there, sorted. One of which
// the server refuses to tell is not among them, and does not keep the others.
func (at *opened) show(ctx context.Context, uids []state.UID, kw *state.Keywords) ([]state.OnServer, error) {
	var out []state.OnServer
	sets, counts := splitSet(uids)
	for i, set := range sets {
		c := newCollector(kw, uint32(counts[i]))
		q := question{"UID FETCH ", scanItems, c.take, c.toldUIDs}
		if _, refusal, err := q.ask(ctx, at.s, set, rangesOf(uids[:counts[i]])); err != nil {
			return nil, err
		} else if refusal != nil && len(c.messages) == 0 {
			return nil, refusal
		}
		c.finish()
		if c.flawed {
			return nil, c.trouble[0].Err
		}
		for _, m := range c.messages {
			if _, asked := slices.BinarySearch(uids[:counts[i]], m.UID); asked {
				out = append(out, m)
			}
		}
		uids = uids[counts[i]:]
	}
	return out, nil
}
