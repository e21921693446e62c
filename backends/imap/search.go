package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// show returns flags, size and date of those of some messages that are there, sorted. One about
// which the server refuses to answer is left out, and does not keep the others.
func (at *opened) show(ctx context.Context, uids []state.UID, kw *state.Keywords) ([]state.OnServer, error) {
	c := newCollector(kw, uint32(len(uids)))
	refusal, err := question{"UID FETCH ", scanItems, c.take, c.listedUIDs}.ask(ctx, at.s, uids)
	switch {
	case err != nil:
		return nil, err
	case refusal != nil && len(c.messages) == 0:
		return nil, refusal
	}
	if c.finish(); c.flawed {
		return nil, c.trouble[0].Err
	}
	return slices.DeleteFunc(c.messages, func(m state.OnServer) bool {
		_, asked := slices.BinarySearch(uids, m.UID)
		return !asked
	}), nil
}

// there returns those of some UIDs that are in the mailbox, which stays open in the way it is. It
// is asked after messages were deleted or moved, and what it does not return counts as gone.
func (at *opened) there(ctx context.Context, uids []state.UID) ([]state.UID, error) {
	var out []state.UID
	for set, part := range at.s.pieces(uids) {
		has, err := at.whichOf(ctx, set, len(part))
		if err != nil {
			return nil, err
		}
		for _, uid := range part {
			if has(uid) {
				out = append(out, uid)
			}
		}
	}
	return out, nil
}

// whichOf finds out which UIDs of a set of n are there. A SEARCH that finds nothing should be
// answered with "* SEARCH" (RFC 9051 section 7.3.4); some servers send only their OK, or NO
// where the mailbox is empty by now, and are asked in another way.
func (at *opened) whichOf(ctx context.Context, set string, n int) (has func(state.UID) bool, err error) {
	found, answered, err := at.search(ctx, "UID SEARCH UID "+set, nil)
	switch {
	case err != nil && !declined(err):
		return nil, err
	case err != nil || !answered:
		return at.whichListed(ctx, set, n)
	}
	return found.has, nil
}

// whichListed is whichOf for a server that does not answer SEARCH. That it does not list a UID means
// that the message is gone only together with EXISTS or with a message that is listed (spec 5.8). So
// the mailbox is opened anew, and is empty, or its last message is asked for as well.
func (at *opened) whichListed(ctx context.Context, set string, n int) (has func(state.UID) bool, err error) {
	anew, err := at.s.openAs(ctx, at.raw, at.mark.UIDValidity, at.readOnly)
	if err != nil {
		return nil, err
	}
	if anew.hasExists && anew.mark.Exists == 0 {
		return func(state.UID) bool { return false }, nil
	}
	c := newCollector(nil, anew.mark.Exists)
	with := set + ",*"
	if at.s.uidOnly {
		with = at.s.everyUID()
	}
	if _, err := at.s.run(ctx, "UID FETCH "+with+" (UID)", c.take); err != nil {
		return nil, err
	}
	c.finish()
	switch {
	case c.flawed:
		return nil, c.trouble[0].Err
	case len(c.messages) == 0:
		return nil, fmt.Errorf("the server does not answer which of %d messages are there", n)
	}
	return c.listedUIDs().has, nil
}

// search runs a SEARCH command and returns what it found, sorted. answered reports whether
// the server answered at all: some send only OK where they found nothing. Every other answer is given to
// other, unless that is nil.
func (at *opened) search(ctx context.Context, cmd string, other func(wire.Line) error) (found ranges, answered bool, err error) {
	sr := searching{other: other}
	if _, err = at.s.run(ctx, cmd, sr.take); err == nil {
		err = sr.odd
	}
	sr.found.sort()
	return sr.found, sr.answered, err
}

// searching takes the answers of a SEARCH.
type searching struct {
	found    ranges
	answered bool
	odd      error                 // the first that could not be read
	other    func(wire.Line) error // takes any other; nil: nobody
}

func (sr *searching) take(l wire.Line) error {
	read := (*ranges).addSearch
	sc := l.Scan()
	switch verb := sc.Atom(); {
	case strings.EqualFold(verb, "SEARCH"):
	case strings.EqualFold(verb, "ESEARCH"):
		read = (*ranges).addESearch
	case sr.other != nil:
		return sr.other(l)
	default:
		return nil
	}
	sr.answered = true
	if !read(&sr.found, &sc) {
		sr.odd = oddAnswer(l)
	}
	return nil
}

// addSearch reads 5 9 7 [(MODSEQ n)] (RFC 7162 section 3.1.5).
func (r *ranges) addSearch(c *grammar.Scanner) bool {
	for c.SP(); !c.Done(); c.SP() {
		if c.Peek() == '(' {
			return c.Skip() && c.Done()
		}
		if !r.add(c.Atom()) {
			return false
		}
	}
	return true
}

// addESearch reads (TAG "x") UID ALL 1:5,7 (RFC 4731 section 3.1). No ALL means no
// message.
func (r *ranges) addESearch(c *grammar.Scanner) bool {
	c.SP()
	if c.Peek() == '(' && !c.Skip() {
		return false
	}
	for c.SP(); !c.Done(); c.SP() {
		name := c.Name()
		switch {
		case name == "":
			return false
		case strings.EqualFold(name, "UID"):
		case strings.EqualFold(name, "ALL"):
			c.SP()
			if !r.addSet(c.Atom()) {
				return false
			}
		default:
			if !c.Skip() {
				return false
			}
		}
	}
	return true
}

// oddAnswer is the error for an answer that cannot be read.
func oddAnswer(l wire.Line) error {
	return errors.New("cannot read the server's answer " + reach.Quoted(l.Shown()))
}
