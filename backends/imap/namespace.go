package imap

import (
	"context"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// namespace is one of the user's own (RFC 2342).
type namespace struct {
	prefix string // raw
	sep    string
}

// asking is a question for the namespaces that is under way, or answered already.
type asking struct {
	s     *session
	sent  *wire.Sent // nil: known
	names []namespace
	roots []namespace // of all namespaces, the user's own and others'
	other func(wire.Line)
}

// askNamespaces asks for the personal namespaces, once for all sessions. other gets what
// is no answer to that: a server may be on the way to the next answer already. Whoever
// asks has to wait for the answer.
func (s *session) askNamespaces(ctx context.Context, other func(wire.Line)) (*asking, error) {
	q := &asking{s: s, other: other}
	q.names, q.roots = s.a.names.namespaces()
	if q.names != nil || !s.caps.Has(goimap.CapNamespace) {
		return q, nil
	}
	var err error
	q.sent, err = s.w.Send(ctx, "NAMESPACE", func(l wire.Line) error {
		if !q.take(l) {
			q.other(l)
		}
		return nil
	})
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	return q, nil
}

// take reads a line, if it is the answer.
func (q *asking) take(l wire.Line) bool {
	names, roots, ok := readNamespaces(l)
	if ok {
		q.names, q.roots = names, roots
	}
	return ok
}

// wait returns the namespaces; a server that does not tell has none.
func (q *asking) wait(ctx context.Context) ([]namespace, error) {
	if q.sent == nil {
		return q.names, nil
	}
	if _, err := q.sent.Wait(ctx); err != nil {
		if _, ok := asRefusal(err); !ok {
			return nil, err
		}
	}
	return q.s.a.names.learn(q.names, q.roots), nil
}

// namespaces returns the personal namespaces.
func (s *session) namespaces(ctx context.Context) ([]namespace, error) {
	q, err := s.askNamespaces(ctx, func(wire.Line) {})
	if err != nil {
		return nil, err
	}
	names, err := q.wait(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	return names, nil
}

// readNamespaces reads the personal ones of NAMESPACE (("INBOX." ".")) NIL NIL, and the roots of
// all. Servers leave the others out, or write what is not to be read there.
func readNamespaces(l wire.Line) (names, roots []namespace, ok bool) {
	c := l.Scan()
	if !strings.EqualFold(c.Atom(), "NAMESPACE") {
		return nil, nil, false
	}
	c.SP()
	names, ok = readPrefixes(&c)
	roots = slices.Clone(names)
	for others := 0; ok && others < 2; others++ {
		if c.SP(); c.Peek() == '(' {
			in := c
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

// isRoot reports whether a name is that of a namespace itself, with its separator or without: below it
// there are mailboxes, and it need not be one. INBOX is one always.
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

// openRoots asks of those roots of namespaces that are listed as mailboxes, and hold nothing as far as is known,
// whether they can be opened. One that cannot is a level, and no failure in each run.
func (a *Account) openRoots(ctx context.Context, l *listing, want func(state.Listed) bool) error {
	for i := range l.Mailboxes {
		m := &l.Mailboxes[i]
		if m.NoSelect || m.Err != nil || m.Mark.Exists > 0 || !isRoot(m.Raw, l.roots) || want != nil && !want(*m) {
			continue
		}
		err := a.do(ctx, m.Raw, func(s *session) error {
			at, err := s.open(ctx, m.Raw, true)
			if err == nil && !m.HasMark {
				m.Mark, m.HasMark = at.mark, at.toldSize
			}
			return err
		})
		r, refused := asRefusal(err)
		switch {
		case err == nil:
		case refused && r.typ == "NO" && r.firm:
			m.NoSelect, m.Err = true, err
		case state.KindOf(err) == state.Other:
			// Whoever opens it hears of that.
		default:
			return err
		}
	}
	return nil
}

// homeOf returns the namespace that INBOX lies in: its prefix stands before every name of
// the user's and says nothing. Another's does say something, for what is called Work there
// may be called Work here, too. Without a prefix it is the one that says so, else the one
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
	// INBOX.INBOX is not INBOX.
	if first, _, _ := strings.Cut(rest, sepOr(sep)); strings.EqualFold(first, "INBOX") {
		rest = raw
	}
	parts := partsOf(rest, sep)
	for i, p := range parts {
		if p == "" {
			continue // a name like "/x" or "a//b" has empty levels
		}
		text, ok := decodeName(p)
		if !ok {
			return nil, false
		}
		parts[i] = text
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
// stays as it is, which has several spellings of one text; at last the whole name is one
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

func sepOr(sep string) string {
	if sep == "" {
		return "\x00"
	}
	return sep
}

func isInboxPrefix(prefix, raw, sep string) bool {
	return strings.EqualFold(prefix, "INBOX"+sep) && strings.EqualFold(raw[:len(prefix)], prefix)
}
