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

// opened is the mailbox that a session has selected. Commands about its messages are its methods:
// they mean nothing while another one is selected.
type opened struct {
	s         *session
	raw       string
	readOnly  bool // as it was asked for
	refused   bool // it was to be opened for changes, and is read-only
	mark      state.Mark
	id        string   // MAILBOXID (RFC 8474 section 4.2)
	hasExists bool     // EXISTS was sent
	flags     []string // FLAGS
	permanent []string // PERMANENTFLAGS
	hasPerm   bool     // PERMANENTFLAGS was sent
}

// open selects a mailbox with EXAMINE or SELECT. Impossible numbers are 0 in its mark.
func (s *session) open(ctx context.Context, raw string, readOnly bool) (*opened, error) {
	s.at = nil
	at := &opened{s: s, raw: raw, readOnly: readOnly}
	ok, err := s.run(ctx, at.command(), at.read)
	if err != nil {
		return nil, s.tied(object{raw: raw}, inMailbox(raw, "open", err))
	}
	at.answered(ok)
	return at, nil
}

// answered notes that it is what the session has selected now.
func (at *opened) answered(ok wire.Answer) {
	at.confirmed()
	at.refused = !at.readOnly && ok.Code == "READ-ONLY"
	at.s.at = at
}

// command is the one that opens it.
func (at *opened) command() string {
	cmd := "SELECT "
	if at.readOnly {
		cmd = "EXAMINE "
	}
	cmd += quoteName(at.raw)
	if at.s.caps.Has(goimap.CapCondStore) {
		cmd += " (CONDSTORE)" // RFC 7162 section 3.1.8
	}
	return cmd
}

// confirmed notes that the command was answered with OK.
func (at *opened) confirmed() {
	if !at.s.caps.Has(goimap.CapCondStore) {
		at.mark.ModSeq = 0 // sent but not offered: STATUS is not asked for it either
	}
}

// read takes one answer of SELECT (RFC 9051 section 6.3.2).
func (at *opened) read(l wire.Line) error {
	c := l.Scan()
	if n, ok := c.Number(); ok {
		c.SP()
		if strings.EqualFold(c.Atom(), "EXISTS") {
			at.mark.Exists, at.hasExists = fit32(n), true
		}
		return nil
	}
	switch strings.ToUpper(c.Atom()) {
	case "FLAGS":
		c.SP()
		if flags, ok := c.Words(); ok && c.Done() {
			at.flags = flags
		}
	case "OK":
		c.SP()
		if c.Eat('[') {
			at.code(&c)
		}
	}
	return nil
}

// code reads a response code after its bracket. One that goes on after its value is not taken:
// [UIDVALIDITY 5 6] is neither.
func (at *opened) code(c *grammar.Scanner) {
	name := c.Until(" ]")
	c.SP()
	list, isList := c.List()
	n, isNumber := c.Number()
	if c.SP(); !c.Eat(']') {
		return
	}
	switch name = strings.ToUpper(name); {
	case name == "MAILBOXID" && isList:
		at.id = objectID(list)
	case name == "PERMANENTFLAGS" && isList:
		at.permanent, at.hasPerm = strings.Fields(list), true
	case !isNumber || isList:
	case name == "UIDVALIDITY":
		at.mark.UIDValidity = fit32(n)
	case name == "UIDNEXT":
		at.mark.UIDNext = fit32(n)
	case name == "HIGHESTMODSEQ":
		at.mark.ModSeq = fit63(n)
	}
}

// settable returns the flags that STORE can change and whether it makes new keywords.
// EXAMINE often answers with an empty list, which then means nothing for SELECT: the
// mailbox's own flags are taken, and Store looks again.
func (at *opened) settable(kw *state.Keywords) (state.Flags, bool) {
	if at.refused {
		return 0, false
	}
	names, fresh := at.permanent, slices.Contains(at.permanent, `\*`)
	if len(names) == 0 && (at.readOnly || !at.hasPerm) {
		names, fresh = at.flags, true
	}
	known := kw.All()
	var f state.Flags
	table := state.NewKeywords(kw.Names()) // a copy: what no message has gets no bit
	for _, n := range names {
		if bit, ok := table.Bit(n); ok {
			f |= bit & known
		}
	}
	return f, fresh
}

// permits reports whether the server keeps a flag in the mailbox as it is selected. A mailbox that
// was to be opened for changes and is read-only keeps none (RFC 9051 section 7.1). Some servers
// list the flags that are in use, and \*: there \Deleted is tried, and the echo shows whether it is kept.
func (at *opened) permits(name string) bool {
	if at.refused || !at.hasPerm {
		return !at.refused // RFC 9051 section 7.1: without PERMANENTFLAGS all can be changed
	}
	ofAny := !strings.HasPrefix(name, `\`) || strings.EqualFold(name, `\Deleted`)
	return slices.ContainsFunc(at.permanent, func(p string) bool { return strings.EqualFold(p, name) || p == `\*` && ofAny })
}

// openAs is open of a mailbox that must be the one that the caller means.
func (s *session) openAs(ctx context.Context, raw string, uidValidity uint32, readOnly bool) (*opened, error) {
	if !readOnly {
		if at := s.openedAhead(ctx, raw, uidValidity); at != nil {
			return at, nil
		}
	}
	at, err := s.open(ctx, raw, readOnly)
	if err != nil {
		return nil, err
	}
	return at, at.same(uidValidity)
}

// openToChange is openAs of a mailbox that must let itself be changed.
func (s *session) openToChange(ctx context.Context, raw string, uidValidity uint32) (*opened, error) {
	at, err := s.openAs(ctx, raw, uidValidity, false)
	if err == nil && at.refused {
		err = inMailbox(raw, "change", state.Faultf(state.Other, "the server opens it read-only (%w)", state.ErrNotPermitted).
			WithHint(seeRights))
	}
	return at, err
}

// same refuses a mailbox whose UIDs are not those that the caller means.
func (at *opened) same(uidValidity uint32) error {
	if uidValidity == 0 || at.mark.UIDValidity != uidValidity {
		return inMailbox(at.raw, "open", state.ErrRenumbered)
	}
	return nil
}
