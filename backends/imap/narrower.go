package imap

import (
	"context"
	"math/bits"

	"mailsync/backends/imap/wire"
)

// A FETCH of many messages may be refused because of one of them, a hole, behind some of its
// lines or ahead of all. What came is known, and what did not is asked for in narrower sets,
// until the holes are alone.

// maxNarrower is how many narrower questions follow a refusal.
const maxNarrower = 100

// question is a FETCH of messages by number.
type question struct {
	verb  string // "FETCH " or "UID FETCH "
	items string
	take  func(wire.Line) error
	told  func() ranges // the numbers told of so far, sorted
}

// ask asks for a set of messages, all being those that have to be told of. Where that is refused
// it asks narrower, and returns what is left out, with the refusal; where nothing is, there was none.
func (q question) ask(ctx context.Context, s *session, set string, all ranges) (holes ranges, refusal, err error) {
	err = s.w.Each(ctx, q.verb+set+" "+q.items, q.take)
	if err == nil || !declined(err) {
		return nil, nil, s.fault(ctx, err)
	}
	refusal = s.fault(ctx, err)
	left := all.without(q.told())
	if holes, _, err = q.narrower(ctx, s, left, left.count() < all.count()); err != nil || len(holes) == 0 {
		return nil, nil, err
	}
	return holes, refusal, nil
}

// narrower asks for what a refusal left out, and returns those of which the server does not
// tell: the holes, and what it would have taken too many questions to find. early says that it
// told of others ahead of its refusal, and is returned if it did so in any.
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
		err := s.w.Each(ctx, q.verb+spelled+" "+q.items, q.take)
		if err == nil {
			fruitless = 0
			continue
		}
		if !declined(err) {
			return nil, early, s.fault(ctx, err)
		}
		rest := set.without(q.told())
		if came := rest.count() < set.count(); came {
			fruitless, early = 0, true
			todo = append(todo, split(rest, true)...)
			continue
		}
		if fruitless++; set.count() == 1 {
			holes = append(holes, set...)
			continue
		}
		todo = append(todo, split(rest, false)...)
	}
	for _, set := range todo {
		holes = append(holes, set...)
	}
	holes.sort()
	return holes, early, nil
}

// split parts a set in two, the one to ask for first last. Where lines came ahead of the
// refusal the first that is missing is the hole, most likely.
func split(set ranges, came bool) []ranges {
	n := set.count()
	switch {
	case n == 0:
		return nil
	case n == 1:
		return []ranges{set}
	case came:
		n = 2
	}
	first, others := set.cut(n / 2)
	return []ranges{others, first}
}
