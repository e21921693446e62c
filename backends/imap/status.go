package imap

import (
	"context"
	"math"
	"strings"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// status is what a STATUS told.
type status struct {
	mark      state.Mark
	messages  bool // MESSAGES was told
	mailboxID string
	size      int64
	largest   int64 // APPENDLIMIT, -1 not told
}

// into puts a status into a listed mailbox.
func (st *status) into(m *state.Listed) {
	m.Mark, m.HasMark = st.mark, st.messages
	m.MailboxID, m.Size = st.mailboxID, st.size
}

// readStatus reads name (item value …). Items it does not know are skipped. The value of one
// that it knows is a number, or NIL.
func readStatus(c *scanner) (string, status, bool) {
	st := status{size: -1, largest: -1}
	c.sp()
	raw, ok := c.astring()
	if !ok {
		return "", st, false
	}
	c.sp()
	if !c.eat('(') {
		return "", st, false
	}
	for c.sp(); !c.eat(')'); c.sp() {
		name := strings.ToUpper(c.name())
		c.sp()
		n, isNumber := uint64(0), false
		if name != "MAILBOXID" {
			n, isNumber = c.number()
		}
		switch {
		case name == "":
			return "", st, false
		case name == "MAILBOXID":
			inner, ok := c.list()
			if !ok {
				return "", st, false
			}
			st.mailboxID = objectID(inner)
		case isNumber:
			st.set(name, n)
		case statusNumbers[name] && !c.null(), !statusNumbers[name] && !c.skip():
			return "", st, false
		}
	}
	return raw, st, c.done()
}

// statusNumbers are the items that set takes.
var statusNumbers = map[string]bool{
	"MESSAGES": true, "UIDNEXT": true, "UIDVALIDITY": true, "HIGHESTMODSEQ": true, "SIZE": true, "APPENDLIMIT": true,
}

// objectID is an id of RFC 8474 section 4, or "" for what cannot be one: Cyrus 3.6.1 sends
// whatever is in its memory, another each time, where STATUS asks for other items too.
func objectID(s string) string {
	s = strings.TrimSpace(s)
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return ""
		}
	}
	if len(s) > 255 {
		return ""
	}
	return s
}

func (st *status) set(name string, n uint64) {
	switch name {
	case "MESSAGES":
		st.mark.Exists, st.messages = fit32(n), true
	case "UIDNEXT":
		st.mark.UIDNext = fit32(n)
	case "UIDVALIDITY":
		st.mark.UIDValidity = fit32(n)
	case "HIGHESTMODSEQ":
		st.mark.ModSeq = n
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

// fit32 makes a number that cannot be what it claims to be 0, which means not told.
func fit32(n uint64) uint32 {
	if n > math.MaxUint32 {
		return 0
	}
	return uint32(n)
}

// statusAll asks for the marks of those mailboxes that are wanted: all commands go out
// before the first answer is waited for. A mailbox that refuses stays without a mark.
func (s *session) statusAll(ctx context.Context, l *listing, want func(state.Listed) bool) error {
	var asked []string
	for _, m := range l.Mailboxes {
		if !m.NoSelect && (want == nil || want(m)) {
			asked = append(asked, m.Raw)
		}
	}
	items := " (" + s.statusItems() + ")"
	take := func(w wire.Line) error {
		c := scan(w)
		if strings.EqualFold(c.atom(), "STATUS") {
			l.readStatus(&c)
		}
		return nil
	}
	broke := func(err error) error {
		if _, refused := asRefusal(err); !refused && strings.Contains(items, mailboxIDItem) {
			s.a.noMailboxID.Store(true) // as in list
		}
		return s.fault(ctx, err)
	}
	var sent []*wire.Sent
	for _, raw := range asked { // from here on the listing is the reader's
		one, err := s.w.Send(ctx, "STATUS "+quoteName(raw)+items, take)
		if err != nil {
			return broke(err)
		}
		sent = append(sent, one)
	}
	var trouble error
	for i, one := range sent {
		_, err := one.Wait(ctx)
		r, refused := asRefusal(err)
		switch {
		case err == nil || trouble != nil:
		case refused && !r.slowDown():
			s.a.o.Log.Info("status refused", "mailbox", reach.Clean(asked[i]), "err", r)
		default:
			trouble = inMailbox(asked[i], "status of", broke(err))
		}
	}
	if trouble == nil && l.garbled && strings.Contains(items, mailboxIDItem) {
		s.a.noMailboxID.Store(true) // as in list
		l.garbled = false
		return s.statusAll(ctx, l, want)
	}
	return trouble
}

func (s *session) statusByName(ctx context.Context, raw, items string) (status, error) {
	lines, err := s.w.Command(ctx, "STATUS "+quoteName(raw)+" ("+items+")")
	if err != nil {
		return status{}, err
	}
	for _, l := range lines {
		c := scan(l)
		if !strings.EqualFold(c.atom(), "STATUS") {
			continue
		}
		if name, st, ok := readStatus(&c); ok && name == raw {
			return st, nil
		}
	}
	return status{size: -1, largest: -1}, nil
}
