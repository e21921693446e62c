package imap

import (
	"context"
	"math/bits"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// A FETCH of many messages may be refused because of one of them, a hole, behind some of its
// lines or ahead of all. What was listed is known, and what was not is asked for in narrower sets,
// until the holes are alone.

// maxNarrower is how many narrower questions follow a refusal.
const maxNarrower = 100

// question is a FETCH of messages by number.
type question struct {
	verb   string // "FETCH " or "UID FETCH "
	items  string
	take   func(wire.Line) error
	listed func() ranges // the numbers listed so far, sorted
}

// ask asks for messages by UID. Where that is refused it asks narrower, and returns the refusal if messages
// are left out in the end.
func (q question) ask(ctx context.Context, s *session, uids []state.UID) (refusal, err error) {
	for set, part := range s.pieces(uids) {
		_, err := s.run(ctx, q.verb+set+" "+q.items, q.take)
		if err == nil {
			continue
		}
		if !declined(err) {
			return nil, err
		}
		left := rangesOf(part).without(q.listed())
		holes, _, failed := q.narrower(ctx, s, left, left.count() < uint64(len(part)))
		if failed != nil {
			return nil, failed
		}
		if len(holes) > 0 {
			refusal = err
		}
	}
	return refusal, nil
}

// narrower asks for what a refusal left out, and returns what the server does not
// list: the holes, and what it would have taken too many questions to find. early means that it
// listed others ahead of its refusal, and is returned if it did so in any.
func (q question) narrower(ctx context.Context, s *session, left ranges, early bool) (holes ranges, anyEarly bool, err error) {
	todo := split(left, early)
	patience := 2*bits.Len64(left.count()) + 2 // for a few holes ahead of all others
	for asked, fruitless := 0, 0; len(todo) > 0 && asked < maxNarrower && fruitless < patience; {
		set := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		spelled := set.String()
		if len(spelled) > maxSet {
			todo = append(todo, split(set, false)...)
			continue
		}
		asked++
		_, err := s.run(ctx, q.verb+spelled+" "+q.items, q.take)
		if err == nil {
			fruitless = 0
			continue
		}
		if !declined(err) {
			return nil, early, err
		}
		rest := set.without(q.listed())
		some := rest.count() < set.count()
		if fruitless++; some {
			fruitless, early = 0, true
		} else if set.count() == 1 {
			holes = append(holes, set...)
			continue
		}
		todo = append(todo, split(rest, some)...)
	}
	for _, set := range todo {
		holes = append(holes, set...)
	}
	holes.sort()
	return holes, early, nil
}

// split parts a set in two, the one to ask for first last. Where lines were sent ahead of the
// refusal (early) the first that is missing is the hole, most likely.
func split(set ranges, early bool) []ranges {
	n := set.count()
	switch {
	case n == 0:
		return nil
	case n == 1:
		return []ranges{set}
	case early:
		n = 2
	}
	first, others := set.cut(n / 2)
	return []ranges{others, first}
}
