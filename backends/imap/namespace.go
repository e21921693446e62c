package imap

import (
	"context"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
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
	other func(wire.Line)
}

// askNamespaces asks for the personal namespaces, once for all sessions. other gets what
// is no answer to that: a server may be on the way to the next answer already. Whoever
// asks has to wait for the answer.
func (s *session) askNamespaces(ctx context.Context, other func(wire.Line)) (*asking, error) {
	q := &asking{s: s, other: other}
	s.a.namesMu.Lock()
	q.names = s.a.names
	s.a.namesMu.Unlock()
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
	names, ok := readNamespaces(l)
	if ok {
		q.names = names
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
	a := q.s.a
	a.namesMu.Lock()
	defer a.namesMu.Unlock()
	if a.names == nil {
		a.names = append([]namespace{}, q.names...)
	}
	return a.names, nil
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

// readNamespaces reads the personal ones of NAMESPACE (("INBOX." ".")) NIL NIL. Servers
// leave the others out.
func readNamespaces(l wire.Line) ([]namespace, bool) {
	c := scan(l)
	if !strings.EqualFold(c.atom(), "NAMESPACE") {
		return nil, false
	}
	c.sp()
	names, ok := c.personal()
	for others := 0; ok && others < 2; others++ {
		if c.sp(); c.s != "" && c.s[0] == '(' {
			ok = c.skip()
		} else {
			ok = c.null() || c.done()
		}
	}
	return names, ok && c.done()
}

// personal reads one list of namespaces, or NIL.
func (c *scanner) personal() ([]namespace, bool) {
	names := []namespace{}
	if !c.eat('(') {
		return names, c.null()
	}
	for c.sp(); c.eat('('); c.sp() {
		c.sp()
		prefix, ok := c.str()
		if !ok {
			return nil, false
		}
		c.sp()
		sep, ok := c.separator()
		if !ok {
			return nil, false
		}
		names = append(names, namespace{prefix, sep})
		for c.sp(); !c.eat(')'); c.sp() {
			if !c.skip() {
				return nil, false
			}
		}
	}
	return names, c.eat(')')
}

// levelsOf splits a raw name into its decoded levels, a personal namespace's prefix
// taken off. It returns false for a name that cannot be read.
func levelsOf(raw, sep string, personal []namespace) ([]string, bool) {
	if strings.EqualFold(raw, "INBOX") {
		return []string{"INBOX"}, true
	}
	rest := raw
	longest := 0
	for _, n := range personal {
		p := n.prefix
		// "INBOX." may be spelled "Inbox." in the listing: INBOX has no case.
		if len(p) > longest && len(raw) > len(p) && (raw[:len(p)] == p || isInboxPrefix(p, raw, n.sep)) {
			longest, rest = len(p), raw[len(p):]
		}
	}
	// INBOX.INBOX is not INBOX.
	if first, _, _ := strings.Cut(rest, sepOr(sep)); strings.EqualFold(first, "INBOX") {
		rest = raw
	}
	parts := []string{rest}
	if sep != "" {
		parts = strings.Split(rest, sep)
	}
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

func sepOr(sep string) string {
	if sep == "" {
		return "\x00"
	}
	return sep
}

func isInboxPrefix(prefix, raw, sep string) bool {
	return strings.EqualFold(prefix, "INBOX"+sep) && strings.EqualFold(raw[:len(prefix)], prefix)
}
