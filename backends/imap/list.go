package imap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// List returns every mailbox, in the server's order. With LIST-STATUS (RFC 5819) their
// marks are in the listing; else those that want picks are asked for, all at once. A
// name that cannot be read is in Broken; a listing that did not end in OK is an error. A mailbox
// at which the connection breaks is listed without a mark.
func (a *Account) List(ctx context.Context, want func(state.Listed) bool) (*state.Listing, error) {
	var l *listing
	err := a.do(ctx, "", func(s *session) (err error) {
		if l, err = s.list(ctx); err != nil {
			return err
		}
		l.Uses = l.asked || slices.ContainsFunc(l.Mailboxes, func(m state.Listed) bool { return m.Role != "" })
		l.UIDPlus, l.Move = s.caps.Has(goimap.CapUIDPlus), s.caps.Has(goimap.CapMove)
		l.Labels = s.caps.Has("X-GM-EXT-1")
		l.EmailIDs = s.caps.Has(goimap.CapObjectID) || s.caps.Has("X-GM-EXT-1")
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !l.marked {
		if err := a.statusAll(ctx, l, want); err != nil {
			return nil, err
		}
	}
	if err := a.openRoots(ctx, l, want); err != nil {
		return nil, err
	}
	a.names.remember(l.Mailboxes)
	return &l.Listing, nil
}

// listing is a Listing in the making.
type listing struct {
	state.Listing
	byRaw    map[string]int
	personal []namespace // nil unknown
	roots    []namespace // of all namespaces
	marked   bool        // STATUS was asked for
	asked    bool        // special uses were asked for
	doubles  []string    // names listed more than once
	garbled  bool        // a STATUS could not be read
}

// list asks for the best listing that the server offers, and for the plain one where it refuses that.
func (s *session) list(ctx context.Context) (*listing, error) {
	var refused error
	for _, line := range s.listCommands() {
		l := &listing{byRaw: map[string]int{}, marked: strings.Contains(line, "STATUS"), asked: strings.Contains(line, "SPECIAL-USE")}
		err := s.fault(ctx, s.askListing(ctx, l, line))
		switch r, no := asRefusal(err); {
		case err == nil && l.garbled && strings.Contains(line, mailboxIDItem):
			s.a.server.noMailboxID.Store(true) // as below, and no line was broken by it
			return s.list(ctx)
		case err == nil:
			l.name()
			for _, raw := range l.doubles {
				s.a.o.Log.Warn("the server lists a mailbox twice", "mailbox", reach.Clean(raw))
			}
			return l, nil
		case !no || r.typ != "BAD" || r.slowDown():
			err = inListing(err)
			return nil, s.tied(s.badListing(l, line, err), err)
		}
		refused = err // it announced what it does not know
	}
	return nil, inListing(refused)
}

// askListing asks for the namespaces, where they are not known yet, and for the listing behind
// that, without waiting for the first answer.
func (s *session) askListing(ctx context.Context, l *listing, line string) error {
	var sent []*wire.Sent
	for _, line := range append(s.unknownNamespaces(l), line) {
		one, err := s.w.Send(ctx, line, l.read)
		if err != nil {
			return err
		}
		sent = append(sent, one)
	}
	for i, one := range sent {
		_, err := one.Wait(ctx)
		if _, refused := asRefusal(err); err != nil && (!refused || i == len(sent)-1) {
			return err
		}
	}
	s.a.names.learn(l)
	return nil
}

// badListing prepares the next try after a listing at which the connection broke, and returns the
// mailbox that is to blame, if it is one.
func (s *session) badListing(l *listing, line string, err error) object {
	if !s.broken.Load() {
		return object{}
	}
	// Cyrus 3.6.1 was seen to send a MAILBOXID with a line break inside, each time it was asked.
	asked := strings.Contains(line, mailboxIDItem)
	s.a.server.noMailboxID.Store(asked)
	ended := reach.Interrupted(err) || s.heard.farewell() != nil
	if !l.marked || asked && !ended {
		return object{}
	}
	// Servers send the status of a mailbox behind its name, and some crash at that of one. Asked
	// for one by one, it is known which.
	s.a.server.bareList.Store(true)
	for _, m := range l.Mailboxes {
		if !m.NoSelect && !m.HasMark {
			return object{raw: m.Raw}
		}
	}
	return object{}
}

func inListing(err error) error { return fmt.Errorf("list mailboxes: %w", err) }

// mailboxIDItem asks STATUS for a mailbox's id (RFC 8474 section 4.3).
const mailboxIDItem = " MAILBOXID"

// listCommands returns the best LIST the server offers, and the plain one.
func (s *session) listCommands() []string {
	const plain = `LIST "" "*"`
	var ret []string
	if s.caps.Has(goimap.CapListExtended) {
		ret = append(ret, "SUBSCRIBED")
	}
	if s.caps.Has(goimap.CapSpecialUse) {
		ret = append(ret, "SPECIAL-USE")
	}
	if s.caps.Has(goimap.CapListStatus) && !s.a.server.bareList.Load() {
		ret = append(ret, "STATUS ("+s.statusItems()+")")
	}
	if len(ret) == 0 || !s.caps.Has(goimap.CapListExtended) && !s.caps.Has(goimap.CapListStatus) {
		return []string{plain}
	}
	return []string{plain + " RETURN (" + strings.Join(ret, " ") + ")", plain}
}

// markItems is what a STATUS asks for to learn a mailbox's mark.
func (s *session) markItems() string {
	items := "MESSAGES UIDNEXT UIDVALIDITY"
	if s.caps.Has(goimap.CapCondStore) {
		items += " HIGHESTMODSEQ" // RFC 7162 section 3.1.2.2
	}
	return items
}

// statusItems is what a STATUS asks for.
func (s *session) statusItems() string {
	items := s.markItems()
	if s.caps.Has(goimap.CapObjectID) && !s.a.server.noMailboxID.Load() {
		items += mailboxIDItem
	}
	if s.a.o.Sizes && s.caps.Has(goimap.CapStatusSize) {
		items += " SIZE" // RFC 8438
	}
	return items
}

// read takes one answer into the listing: LIST, STATUS or NAMESPACE.
func (l *listing) read(w wire.Line) error {
	c := w.Scan()
	switch verb := c.Atom(); {
	case strings.EqualFold(verb, "LIST"):
		if m, ok := readList(&c); !ok {
			l.Broken = append(l.Broken, reach.Clean(w.Shown()))
		} else if i, doubled := l.find(m.Raw); doubled {
			l.merge(i, m)
		} else {
			l.byRaw[keyOf(m.Raw)] = len(l.Mailboxes)
			l.Mailboxes = append(l.Mailboxes, m)
		}
	case strings.EqualFold(verb, "STATUS"):
		l.takeStatus(&c)
	case strings.EqualFold(verb, "NAMESPACE"):
		if personal, roots, ok := readNamespaces(&c); ok {
			l.personal, l.roots = personal, roots
		}
	}
	return nil
}

func (l *listing) takeStatus(c *grammar.Scanner) {
	raw, st, ok := readStatus(c)
	l.garbled = l.garbled || !ok
	if i, known := l.find(raw); ok && known {
		st.into(&l.Mailboxes[i])
	}
}

// find looks a mailbox up.
func (l *listing) find(raw string) (int, bool) {
	i, ok := l.byRaw[keyOf(raw)]
	return i, ok
}

// keyOf is a raw name in byRaw: INBOX has no case.
func keyOf(raw string) string {
	if state.SameName(raw, "INBOX") {
		return "INBOX"
	}
	return raw
}

// merge adds what a second listing of a name holds more than the first.
func (l *listing) merge(i int, m state.Listed) {
	old := &l.Mailboxes[i]
	old.Role = chiefRole(old.Role, m.Role)
	old.Subscribed = old.Subscribed || m.Subscribed
	// One of them is a mailbox: it can be selected.
	old.NoSelect = old.NoSelect && m.NoSelect
	l.doubles = append(l.doubles, m.Raw)
}

// readList reads (attributes) separator name [extended data]. A name without quotes that
// has a blank in it cannot be read: what looks like its end may be the end of its first
// word, and then the mail of one mailbox would be looked for in another.
func readList(c *grammar.Scanner) (state.Listed, bool) {
	m := state.Listed{Size: -1}
	c.SP()
	attrs, ok := c.Words()
	if !ok && !c.Null() {
		return m, false
	}
	c.SP()
	if m.Sep, ok = readSeparator(c); !ok {
		return m, false
	}
	c.SP()
	bare := !c.AtString()
	if m.Raw, ok = c.AString(); !ok {
		return m, false
	}
	if c.SP(); !c.Done() && !readExtended(c, bare) {
		return m, false
	}
	for _, a := range attrs {
		attribute(&m, a)
	}
	return m, true
}

// readSeparator reads what separates the levels of names: one character in a string, or nothing.
func readSeparator(c *grammar.Scanner) (string, bool) {
	sep, ok := c.Str()
	if !ok {
		return "", c.Null()
	}
	return sep, utf8.RuneCountInString(sep) <= 1
}

// readExtended reads to the end what may follow a name in a LIST: one list (RFC 5258 section 6,
// mbox-list-extended). Behind a bare name it has to be such data by its form, a list or a
// string behind every tag or the tag itself a string: Old (copy 2) is a name, too.
func readExtended(c *grammar.Scanner, bare bool) bool {
	in := *c
	if c.Peek() != '(' || !c.Skip() || !c.Done() {
		return false
	}
	if !bare {
		return true
	}
	in.Eat('(')
	for n := 0; ; n++ {
		if in.SP(); in.Eat(')') {
			return n > 0
		}
		formed := in.Peek() == '"'
		if _, tag := in.AString(); !tag {
			return false
		}
		in.SP()
		formed = formed || in.Peek() == '(' || in.AtString()
		if !formed || !in.Skip() {
			return false
		}
	}
}

// name splits every name into its levels, once the namespaces are known too.
func (l *listing) name() {
	home := homeOf(l.personal)
	for i := range l.Mailboxes {
		m := &l.Mailboxes[i]
		if levels, ok := levelsOf(m.Raw, m.Sep, home); ok {
			m.Levels = levels
		} else {
			l.Broken = append(l.Broken, reach.Clean(m.Raw))
		}
	}
	l.Mailboxes = slices.DeleteFunc(l.Mailboxes, func(m state.Listed) bool { return m.Levels == nil })
	apart(l.Mailboxes)
	l.byRaw = make(map[string]int, len(l.Mailboxes))
	for i, m := range l.Mailboxes {
		l.byRaw[keyOf(m.Raw)] = i
	}
}

// attribute takes one mailbox attribute (RFC 9051 section 7.3.1, RFC 6154), in any case.
func attribute(m *state.Listed, a string) {
	switch a = strings.ToLower(a); a {
	case `\noselect`, `\nonexistent`:
		m.NoSelect = true
	case `\subscribed`:
		m.Subscribed = true
	case `\spam`: // XLIST
		m.Role = chiefRole(m.Role, "junk")
	case `\allmail`:
		m.Role = chiefRole(m.Role, "all")
	default:
		if role, ok := strings.CutPrefix(a, `\`); ok {
			m.Role = chiefRole(m.Role, role)
		}
	}
}

// chiefRoles are the special uses, those first that are about what a mailbox is for. The last three
// are about what it shows of all messages (RFC 6154 section 2, RFC 8457).
var chiefRoles = []string{"trash", "sent", "drafts", "junk", "archive", "all", "flagged", "important"}

// chiefRole picks the one of two roles that a mailbox is known by, whichever the server names
// first: a role that changed from listing to listing would be a change each time. What is not a role
// is not picked.
func chiefRole(a, b string) string {
	for _, role := range chiefRoles {
		if a == role || b == role {
			return role
		}
	}
	return ""
}
