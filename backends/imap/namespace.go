package imap

import (
	"context"
	"slices"
	"strings"
	"sync"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// namespace is one of the user's own (RFC 2342).
type namespace struct {
	prefix string // raw
	sep    string
}

// unknownNamespaces gives a listing the namespaces, or returns the command that asks for them, where they are not
// known yet and the server can answer.
func (s *session) unknownNamespaces(l *listing) []string {
	if l.personal, l.roots = s.a.names.namespaces(); l.personal == nil && s.caps.Has(goimap.CapNamespace) {
		return []string{"NAMESPACE"}
	}
	return nil
}

// namespaces returns the personal namespaces; a server that does not answer has none.
func (s *session) namespaces(ctx context.Context) ([]namespace, error) {
	l := &listing{byRaw: map[string]int{}} // a LIST may be sent, too
	for _, line := range s.unknownNamespaces(l) {
		_, err := s.run(ctx, line, l.read)
		if err != nil && !isRefusal(err) {
			return nil, err
		}
		s.a.names.learn(l)
	}
	return l.personal, nil
}

// readNamespaces reads the personal ones of NAMESPACE (("INBOX." ".")) NIL NIL, and the roots of
// all. Servers leave the others out, or write there what cannot be read.
func readNamespaces(c *grammar.Scanner) (names, roots []namespace, ok bool) {
	c.SP()
	names, ok = readPrefixes(c)
	roots = slices.Clone(names)
	for others := 0; ok && others < 2; others++ {
		if c.SP(); c.Peek() == '(' {
			in := *c
			if more, readable := readPrefixes(&in); readable {
				roots = append(roots, more...)
			}
			ok = c.Skip()
		} else {
			ok = c.Null() || c.Done()
		}
	}
	return names, roots, ok && c.Done()
}

// isRoot reports whether a name is that of a namespace itself, with its separator or without: there are mailboxes
// below it, and it need not be one. INBOX always is one.
func isRoot(raw string, roots []namespace) bool {
	return !strings.EqualFold(raw, "INBOX") && slices.ContainsFunc(roots, func(n namespace) bool {
		return n.prefix != "" && (raw == n.prefix || raw+n.sep == n.prefix || len(raw) == len(n.prefix) && isInboxPrefix(n.prefix, raw, n.sep))
	})
}

// readPrefixes reads one list of namespaces, or NIL.
func readPrefixes(c *grammar.Scanner) ([]namespace, bool) {
	names := []namespace{}
	if !c.Eat('(') {
		return names, c.Null()
	}
	for c.SP(); c.Eat('('); c.SP() {
		c.SP()
		prefix, ok := c.Str()
		if !ok {
			return nil, false
		}
		c.SP()
		sep, ok := readSeparator(c)
		if !ok {
			return nil, false
		}
		names = append(names, namespace{prefix, sep})
		for c.SP(); !c.Eat(')'); c.SP() {
			if !c.Skip() {
				return nil, false
			}
		}
	}
	return names, c.Eat(')')
}

// openRoots opens those roots of namespaces that are listed as mailboxes, and are empty as far as is known.
// One that cannot be opened is a level, which must not fail in each run.
func (a *Account) openRoots(ctx context.Context, l *listing, want func(state.Listed) bool) error {
	for i := range l.Mailboxes {
		m := &l.Mailboxes[i]
		if m.NoSelect || m.Err != nil || m.Mark.Exists > 0 || !isRoot(m.Raw, l.roots) || want != nil && !want(*m) {
			continue
		}
		err := a.do(ctx, m.Raw, func(s *session) error {
			at, err := s.open(ctx, m.Raw, true)
			if err == nil && !m.HasMark {
				m.Mark, m.HasMark = at.mark, at.hasExists
			}
			return err
		})
		r, refused := asRefusal(err)
		switch {
		case err == nil:
		case refused && r.typ == "NO" && r.firm:
			m.NoSelect, m.Err = true, err
		case state.KindOf(err) == state.Other:
			// Whoever opens it gets the error, too.
		default:
			return err
		}
	}
	return nil
}

// homeOf returns the namespace of INBOX: its prefix is before every name of
// the user's and means nothing. That of another does mean something, for a mailbox called Work there
// may be called Work here, too. It is the one without a prefix, else the one
// below INBOX, else the first, in which clients make mailboxes (RFC 2342 section 5).
func homeOf(personal []namespace) namespace {
	for _, holds := range []func(namespace) bool{
		func(n namespace) bool { return n.prefix == "" },
		func(n namespace) bool { return strings.EqualFold(n.prefix, "INBOX"+n.sep) },
	} {
		if i := slices.IndexFunc(personal, holds); i >= 0 {
			return personal[i]
		}
	}
	if len(personal) > 0 {
		return personal[0]
	}
	return namespace{}
}

// within returns what is left of a name's levels below the namespace's prefix, and whether
// they begin with it.
func (n namespace) within(levels []string) ([]string, bool) {
	if n.prefix == "" || n.sep == "" {
		return nil, false
	}
	above := NameOf(strings.TrimSuffix(n.prefix, n.sep), n.sep)
	if len(levels) <= len(above) || !slices.Equal(levels[:len(above)], above) {
		return nil, false
	}
	return levels[len(above):], true
}

// levelsOf splits a raw name into its decoded levels, the prefix of INBOX's namespace taken
// off. It returns false for a name that cannot be read.
func levelsOf(raw, sep string, home namespace) ([]string, bool) {
	if strings.EqualFold(raw, "INBOX") {
		return []string{"INBOX"}, true
	}
	rest := raw
	// "INBOX." may be spelled "Inbox." in the listing: INBOX has no case.
	if p := home.prefix; len(raw) > len(p) && (strings.HasPrefix(raw, p) || isInboxPrefix(p, raw, home.sep)) {
		rest = raw[len(p):]
	}
	if strings.EqualFold(partsOf(rest, sep)[0], "INBOX") {
		rest = raw // INBOX.INBOX is not INBOX
	}
	parts := partsOf(rest, sep)
	for i, p := range parts {
		if p == "" {
			continue // a name like "/x" or "a//b" has empty levels
		}
		var ok bool
		if parts[i], ok = decodeName(p); !ok {
			return nil, false
		}
	}
	return parts, raw != ""
}

func partsOf(raw, sep string) []string {
	if sep == "" {
		return []string{raw}
	}
	return strings.Split(raw, sep)
}

// apart gives mailboxes that would share a name names of their own, so that a pattern means
// one and none is filed in the other's place: INBOX's prefix stays on; then modified UTF-7
// stays as it is, which has several spellings of one text; at last the complete name is one
// level, for there are servers with a separator for each namespace.
func apart(mailboxes []state.Listed) {
	shared := sharing(mailboxes)
	for _, longer := range []func(state.Listed) []string{
		func(m state.Listed) []string {
			levels, _ := levelsOf(m.Raw, m.Sep, namespace{})
			return levels
		},
		func(m state.Listed) []string {
			if raw := partsOf(m.Raw, m.Sep); !slices.Equal(raw, encoded(m.Levels)) {
				return raw
			}
			return m.Levels
		},
		func(m state.Listed) []string { return []string{m.Raw} },
	} {
		for again := true; again && len(shared) > 0; shared = sharing(mailboxes) {
			again = false
			for _, i := range shared {
				m := &mailboxes[i]
				levels := longer(*m)
				again = again || !slices.Equal(levels, m.Levels)
				m.Levels = levels
			}
		}
	}
}

// sharing returns the places of mailboxes whose name another has, too.
func sharing(mailboxes []state.Listed) (places []int) {
	byName := make(map[string][]int, len(mailboxes))
	for i, m := range mailboxes {
		name := strings.Join(m.Levels, "\x00")
		byName[name] = append(byName[name], i)
	}
	for _, same := range byName {
		if len(same) > 1 {
			places = append(places, same...)
		}
	}
	return places
}

func encoded(levels []string) []string {
	out := make([]string, len(levels))
	for i, l := range levels {
		out[i] = encodeName(l)
	}
	return out
}

func isInboxPrefix(prefix, raw, sep string) bool {
	return strings.EqualFold(prefix, "INBOX"+sep) && strings.EqualFold(raw[:len(prefix)], prefix)
}

// names is what all sessions of an account know about how the server names its mailboxes.
// It is safe for concurrent use.
type names struct {
	mu       sync.Mutex
	personal []namespace // nil until asked
	roots    []namespace // of all namespaces
	other    string      // raw name of a mailbox that is not INBOX, "" until one was listed
}

// namespaces returns the personal namespaces and the roots of all, nil where they were not asked for yet.
func (n *names) namespaces() (personal, roots []namespace) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.personal, n.roots
}

// learn remembers the namespaces that a listing found first; all later ones get those, too.
func (n *names) learn(l *listing) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.personal == nil {
		n.personal, n.roots = append([]namespace{}, l.personal...), l.roots
	}
	l.personal, l.roots = n.personal, n.roots
}

// remember remembers a mailbox that is not INBOX and can be opened.
func (n *names) remember(listed []state.Listed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range listed {
		if !m.NoSelect && m.Err == nil && !state.SameName(m.Raw, "INBOX") {
			n.other = m.Raw
			return
		}
	}
}

// otherThan returns a mailbox that is not the one of this name, "" where none is known.
func (n *names) otherThan(raw string) string {
	if !state.SameName(raw, "INBOX") {
		return "INBOX"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.other
}
