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

// opened is the mailbox that a session has selected. Commands about its messages are asked of it:
// they mean nothing while another one is selected.
type opened struct {
	s         *session
	raw       string
	readOnly  bool // as it was asked for
	refused   bool // it was to be opened for changes, and is read-only
	mark      state.Mark
	id        string   // MAILBOXID (RFC 8474 section 4.2)
	toldSize  bool     // EXISTS came
	flags     []string // FLAGS
	permanent []string // PERMANENTFLAGS
	toldPerm  bool     // PERMANENTFLAGS came
}

// open selects a mailbox with EXAMINE or SELECT. Impossible numbers are 0 in its mark.
func (s *session) open(ctx context.Context, raw string, readOnly bool) (*opened, error) {
	cmd := "SELECT "
	if readOnly {
		cmd = "EXAMINE "
	}
	cmd += quoteName(raw)
	if s.caps.Has(goimap.CapCondStore) {
		cmd += " (CONDSTORE)" // RFC 7162 section 3.1.8
	}
	s.at = nil
	at := &opened{s: s, raw: raw, readOnly: readOnly}
	ok, err := s.w.Do(ctx, cmd, func(l wire.Line) error {
		at.read(l)
		return nil
	})
	if err != nil {
		err = s.fault(ctx, err)
		return nil, s.tied(object{raw: raw}, inMailbox(raw, "open", err))
	}
	if !s.caps.Has(goimap.CapCondStore) {
		at.mark.ModSeq = 0 // told but not offered: STATUS is not asked for it either
	}
	at.refused = !readOnly && ok.Code == "READ-ONLY"
	s.at = at
	return at, nil
}

// read takes one answer of SELECT (RFC 9051 section 6.3.2).
func (at *opened) read(l wire.Line) {
	c := l.Scan()
	if n, ok := c.Number(); ok {
		c.SP()
		if strings.EqualFold(c.Atom(), "EXISTS") {
			at.mark.Exists, at.toldSize = fit32(n), true
		}
		return
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
}

// code reads a response code after its bracket. One that goes on after its value tells nothing:
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
		at.permanent, at.toldPerm = strings.Fields(list), true
	case !isNumber || isList:
	case name == "UIDVALIDITY":
		at.mark.UIDValidity = fit32(n)
	case name == "UIDNEXT":
		at.mark.UIDNext = fit32(n)
	case name == "HIGHESTMODSEQ":
		at.mark.ModSeq = n
	}
}

// settable returns the flags that STORE can change and whether it makes new keywords.
// EXAMINE often answers with an empty list, which then says nothing about SELECT: the
// mailbox's own flags are taken, and Store looks again.
func (at *opened) settable(kw *state.Keywords) (state.Flags, bool) {
	if at.refused {
		return 0, false
	}
	names, fresh := at.permanent, slices.Contains(at.permanent, `\*`)
	if len(names) == 0 && (at.readOnly || !at.toldPerm) {
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
// list the flags that are in use, and \*: there \Deleted is tried, and the echo tells.
func (at *opened) permits(name string) bool {
	if at.refused || !at.toldPerm {
		return !at.refused // RFC 9051 section 7.1: without PERMANENTFLAGS all can be changed
	}
	for _, p := range at.permanent {
		if strings.EqualFold(p, name) || p == `\*` && (!strings.HasPrefix(name, `\`) || strings.EqualFold(name, `\Deleted`)) {
			return true
		}
	}
	return false
}

// openAs selects a mailbox as for changes, which must be the one that the caller means.
func (s *session) openAs(ctx context.Context, raw string, uidValidity uint32) (*opened, error) {
	at, err := s.open(ctx, raw, false)
	if err != nil {
		return nil, err
	}
	return at, at.same(uidValidity)
}

// openToChange is openAs for a mailbox that must let itself be changed.
func (s *session) openToChange(ctx context.Context, raw string, uidValidity uint32) (*opened, error) {
	at, err := s.openAs(ctx, raw, uidValidity)
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
