package imap

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// status is what a STATUS answered.
type status struct {
	mark      state.Mark
	messages  bool // MESSAGES was among it
	mailboxID string
	size      int64
	largest   int64 // APPENDLIMIT, -1 unknown
}

// into puts a status into a listed mailbox.
func (st *status) into(m *state.Listed) {
	m.Mark, m.HasMark = st.mark, st.messages
	m.MailboxID, m.Size = st.mailboxID, st.size
}

// readStatus reads name (item value …). Items it does not know are skipped. The value of one
// that it knows is a number, or NIL.
func readStatus(c *grammar.Scanner) (raw string, st status, ok bool) {
	st = status{size: -1, largest: -1}
	c.SP()
	if raw, ok = c.AString(); !ok {
		return "", st, false
	}
	ok = c.Items(func(name string) bool {
		if name == "MAILBOXID" {
			inner, isList := c.List()
			st.mailboxID = objectID(inner)
			return isList
		}
		n, isNumber := c.Number()
		switch {
		case isNumber:
			st.set(name, n)
			return true
		case slices.Contains(statusNumbers, name):
			return c.Null()
		}
		return c.Skip()
	})
	return raw, st, ok && c.Done()
}

// statusNumbers are the items that set takes.
var statusNumbers = []string{
	"MESSAGES", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ", "SIZE", "APPENDLIMIT",
}

// objectID is an id of RFC 8474 section 4, or "" for what cannot be one: Cyrus 3.6.1 sends
// whatever is in its memory, another each time, where STATUS asks for other items too.
func objectID(s string) string {
	s = strings.TrimSpace(s)
	odd := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '-'
	}
	if len(s) > 255 || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}

func (st *status) set(name string, n uint64) {
	switch name {
	case "MESSAGES":
		st.mark.Exists, st.messages = fit32(n), n <= math.MaxUint32
	case "UIDNEXT":
		st.mark.UIDNext = fit32(n)
	case "UIDVALIDITY":
		st.mark.UIDValidity = fit32(n)
	case "HIGHESTMODSEQ":
		st.mark.ModSeq = fit63(n)
	case "SIZE":
		if n <= math.MaxInt64 {
			st.size = int64(n)
		}
	case "APPENDLIMIT":
		if n <= math.MaxInt64 {
			st.largest = int64(n)
		}
	}
}

// fit32 makes a number that is too large 0, which means unknown.
func fit32(n uint64) uint32 {
	if n > math.MaxUint32 {
		return 0
	}
	return uint32(n)
}

// fit63 does so with a HIGHESTMODSEQ (RFC 7162 section 4).
func fit63(n uint64) uint64 {
	if n > math.MaxInt64 {
		return 0
	}
	return n
}

// statusAll asks for the marks of those mailboxes that are wanted: all commands go out before the
// first answer is waited for. A mailbox that refuses stays without a mark, and so does one that is
// left out because the connection breaks at it.
func (a *Account) statusAll(ctx context.Context, l *listing, want func(state.Listed) bool) error {
	asking := &statuses{listing: l}
	for _, m := range l.Mailboxes {
		if !m.NoSelect && (want == nil || want(m)) {
			asking.left = append(asking.left, m.Raw)
		}
	}
	all := asking.left
	for asking.leaveOut(a); len(asking.left) > 0; {
		before := len(asking.left)
		err := a.do(ctx, "", func(s *session) error { return asking.ask(ctx, s) })
		if err == nil && l.garbled && asking.withID {
			a.server.noMailboxID.Store(true) // as in list
			l.garbled, asking.left = false, all
		}
		asking.leaveOut(a)
		if err != nil && (!errors.Is(err, state.ErrBreaks) || len(asking.left) == before) {
			return err
		}
	}
	return nil
}

// statuses are marks that are asked for.
type statuses struct {
	*listing
	left   []string        // raw names
	done   map[string]bool // of these, answered for on the session that asks
	withID bool            // MAILBOXID was asked for
}

// leaveOut takes out what is left out for the rest of the run, and notes why.
func (q *statuses) leaveOut(a *Account) {
	q.left = slices.DeleteFunc(slices.Clone(q.left), func(raw string) bool {
		why := a.breaks.leftOut(raw)
		if why != nil {
			i, _ := q.find(raw)
			q.Mailboxes[i].Err = why
		}
		return why != nil
	})
}

// ask asks for all that is left on one session. A mailbox at which a connection broke is the last,
// and is asked by EXAMINE: it may be STATUS alone that fails.
func (q *statuses) ask(ctx context.Context, s *session) error {
	q.done = map[string]bool{}
	defer func() {
		q.left = slices.DeleteFunc(slices.Clone(q.left), func(raw string) bool { return q.done[raw] })
	}()
	items := " (" + s.statusItems() + ")"
	q.withID = strings.Contains(items, mailboxIDItem)
	take := func(w wire.Line) error {
		c := w.Scan()
		if strings.EqualFold(c.Atom(), "STATUS") {
			q.takeStatus(&c)
		}
		return nil
	}
	var asked, doubted []string
	for _, raw := range q.left {
		if s.a.breaks.once(raw) {
			doubted = append(doubted, raw)
		} else {
			asked = append(asked, raw)
		}
	}
	broke := func(raw string, err error) error {
		if _, refused := asRefusal(err); !refused && q.withID {
			s.a.server.noMailboxID.Store(true) // as in list
		}
		err = s.fault(ctx, err)
		return s.tied(object{raw: raw}, inMailbox(raw, "status of", err))
	}
	var sent []*wire.Sent
	var unsent error
	for _, raw := range asked { // from here on the listing is the reader's
		one, err := s.w.Send(ctx, "STATUS "+quoteName(raw)+items, take)
		if err != nil {
			unsent = broke(raw, err)
			break
		}
		sent = append(sent, one)
	}
	var trouble error
	for i, one := range sent {
		_, err := one.Wait(ctx)
		switch {
		case q.answered(s, asked[i], err):
		case trouble == nil:
			trouble = broke(asked[i], err)
		}
	}
	if trouble = cmp.Or(trouble, unsent); trouble != nil {
		return trouble
	}
	return q.open(ctx, s, doubted)
}

// open asks for marks by EXAMINE.
func (q *statuses) open(ctx context.Context, s *session, doubted []string) error {
	for _, raw := range doubted {
		at, err := s.open(ctx, raw, true)
		if !q.answered(s, raw, err) {
			return err
		}
		if i, known := q.find(raw); known && err == nil {
			st := status{mark: at.mark, messages: at.hasExists, mailboxID: at.id, size: -1}
			st.into(&q.Mailboxes[i])
		}
	}
	return nil
}

// answered reports whether a mailbox was answered for, if only by a refusal, and need not be asked again.
func (q *statuses) answered(s *session, raw string, err error) bool {
	r, refused := asRefusal(err)
	if err != nil && (!refused || r.slowDown() || s.broken.Load()) {
		return false
	}
	if refused {
		s.a.o.Log.Info("status refused", "mailbox", reach.Clean(raw), "err", r)
	}
	s.a.breaks.worked(raw)
	q.done[raw] = true
	return true
}

func (s *session) statusByName(ctx context.Context, raw, items string) (status, error) {
	found := status{size: -1, largest: -1}
	_, err := s.run(ctx, "STATUS "+quoteName(raw)+" ("+items+")", func(l wire.Line) error {
		c := l.Scan()
		if strings.EqualFold(c.Atom(), "STATUS") {
			if name, st, ok := readStatus(&c); ok && name == raw {
				found = st
			}
		}
		return nil
	})
	return found, err
}
