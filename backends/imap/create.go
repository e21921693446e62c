package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// CreateMailbox makes a mailbox, with the prefix of the user's namespace and the server's
// separator, subscribes to it, and returns it as a listing shows it. A role is given to it
// where the server can (CREATE-SPECIAL-USE). One that is there already is not an error.
func (a *Account) CreateMailbox(ctx context.Context, levels []string, role string) (state.Listed, error) {
	var made state.Listed
	err := a.change(ctx, "", func(s *session) (err error) {
		made, err = (&creating{s: s, role: role}).run(ctx, levels)
		return err
	})
	if err != nil {
		return state.Listed{}, fmt.Errorf("create mailbox %s: %w", reach.Quoted(strings.Join(levels, "/")), err)
	}
	return made, nil
}

// creating is a CreateMailbox under way.
type creating struct {
	s        *session
	personal []namespace
	raw      string
	role     string // "" none
}

func (c *creating) run(ctx context.Context, levels []string) (m state.Listed, err error) {
	s := c.s
	if c.personal, err = s.namespaces(ctx); err != nil {
		return state.Listed{}, err
	}
	sep, err := c.separator(ctx)
	if err != nil {
		return state.Listed{}, err
	}
	if c.raw, err = rawName(levels, sep, c.personal); err != nil {
		return state.Listed{}, err
	}
	defer func() { err = s.tied(object{raw: c.raw, aside: true}, err) }()
	refused, err := c.send(ctx)
	if err != nil {
		return state.Listed{}, err
	}
	m, there, err := c.listed(ctx)
	switch {
	case err != nil:
		return m, err
	case refused != nil && (!there || m.NoSelect):
		return m, refused
	case !there:
		return m, errors.New("the server made it, and does not list it")
	}
	c.subscribe(ctx, &m)
	// Not for its id: what Cyrus sends in its place can break the line, and the next listing asks.
	// Without its mark, nothing fails.
	st, err := s.statusByName(ctx, c.raw, s.markItems())
	switch {
	case err == nil:
		st.into(&m)
	case ctx.Err() != nil:
		return m, context.Cause(ctx)
	case !isRefusal(err):
		s.a.breaks.at(object{raw: c.raw}, err)
	}
	return m, nil
}

// separator returns what parts the levels of a name: that of INBOX's namespace, else what
// LIST answers (RFC 9051 section 6.3.9).
func (c *creating) separator(ctx context.Context) (string, error) {
	if sep := homeOf(c.personal).sep; sep != "" {
		return sep, nil
	}
	sep := "" // NIL: no levels
	_, err := c.s.run(ctx, `LIST "" ""`, func(l wire.Line) error {
		sc := l.Scan()
		if strings.EqualFold(sc.Atom(), "LIST") {
			if m, ok := readList(&sc); ok {
				sep = m.Sep
			}
		}
		return nil
	})
	return sep, err
}

// rawName spells levels as the server does: in the namespace with whose prefix they begin,
// else in INBOX's, where sep parts them. A name of which the listing would make other levels
// is refused.
func rawName(levels []string, sep string, personal []namespace) (string, error) {
	if len(levels) == 1 && strings.EqualFold(levels[0], "INBOX") {
		return "INBOX", nil
	}
	home := homeOf(personal)
	for _, n := range personal {
		rest, inside := n.within(levels)
		if !inside || n.prefix == home.prefix {
			continue
		}
		text, err := spell(rest, n.sep)
		if back, ok := levelsOf(n.prefix+text, n.sep, home); err == nil && ok && slices.Equal(back, levels) {
			return n.prefix + text, nil
		}
	}
	raw, err := spell(levels, sep)
	if err != nil {
		return "", err
	}
	for _, c := range []string{home.prefix + raw, raw} {
		if back, ok := levelsOf(c, sep, home); ok && slices.Equal(back, levels) {
			return c, nil
		}
	}
	if len(levels) > 1 && strings.EqualFold(levels[0], "INBOX") {
		// Where everything is below INBOX, INBOX is not a level of its own.
		if back, ok := levelsOf(raw, sep, home); ok && slices.Equal(back, levels[1:]) {
			return raw, nil
		}
	}
	return "", errors.New("the name cannot be spelled as the server needs it")
}

// spell encodes levels and puts the separator between them.
func spell(levels []string, sep string) (string, error) {
	for _, level := range levels {
		switch {
		case level == "":
			return "", errors.New("a level of the name is empty")
		case strings.IndexFunc(level, isUnreadable) >= 0:
			return "", errors.New("the name holds control characters")
		case sep != "" && strings.Contains(level, sep):
			return "", state.Faultf(state.Other, "the server parts the levels of a name with %s, which this one holds", reach.Quoted(sep)).
				WithHint("rename the Maildir")
		}
	}
	if len(levels) > 1 && sep == "" {
		return "", errors.New("the server has no levels of mailboxes")
	}
	return strings.Join(encoded(levels), sep), nil
}

// send sends CREATE. refused is a NO, which is what it is where the mailbox is there.
func (c *creating) send(ctx context.Context) (refused, err error) {
	s := c.s
	line := "CREATE " + quoteName(c.raw)
	lines := []string{line}
	if c.role != "" && s.caps.Has(goimap.CapCreateSpecialUse) && isFlagName(`\`+c.role) {
		// RFC 6154 section 3; one that is refused for its use is made without.
		lines = []string{line + ` (USE (\` + strings.ToUpper(c.role[:1]) + c.role[1:] + "))", line}
	}
	for _, line := range lines {
		_, refused = s.run(ctx, line, nil)
		r, no := asRefusal(refused)
		if !no {
			return nil, refused
		}
		if _, later := r.comeBack(); later {
			return nil, refused
		}
		if r.hasCode("CANNOT") { // it never will (RFC 5530 section 3)
			refused = state.Faultf(state.Other, "%w", refused).WithHint("rename the Maildir: the server can have no mailbox of this name")
		}
		if r.hasCode("ALREADYEXISTS") {
			break
		}
	}
	return refused, nil
}

// listed lists the mailbox, and reports whether it is there.
func (c *creating) listed(ctx context.Context) (state.Listed, bool, error) {
	s := c.s
	line := `LIST "" ` + quoteName(c.raw)
	if s.caps.Has(goimap.CapListExtended) && s.caps.Has(goimap.CapSpecialUse) {
		line += " RETURN (SUBSCRIBED SPECIAL-USE)"
	}
	l := &listing{byRaw: map[string]int{}, personal: c.personal}
	if _, err := s.run(ctx, line, l.read); err != nil {
		return state.Listed{}, false, err
	}
	l.name()
	if i, ok := l.find(c.raw); ok { // a name with * or % in it may have found others
		return l.Mailboxes[i], true, nil
	}
	return state.Listed{}, false, nil
}

// subscribe lets mail programs see the mailbox. A refusal is only logged.
func (c *creating) subscribe(ctx context.Context, m *state.Listed) {
	if m.Subscribed {
		return
	}
	if _, err := c.s.run(ctx, "SUBSCRIBE "+quoteName(m.Raw), nil); err != nil {
		c.s.a.o.Log.Info("subscribe refused", "mailbox", reach.Clean(m.Raw), "err", err)
		return
	}
	m.Subscribed = true
}
