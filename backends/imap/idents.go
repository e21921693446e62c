package imap

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// identBatch is how many messages one command asks about, and maxIdent how much of a
// Message-ID field is looked at: a longer one is none.
const (
	identBatch = 2000
	maxIdent   = 4096
)

// Idents returns Message-ID and, where the server has them, EMAILID (RFC 8474) or
// X-GM-MSGID of those of the messages that are there, sorted by UID. The mailbox is opened
// read-only, and nothing is marked as seen.
func (a *Account) Idents(ctx context.Context, raw string, uidValidity uint32, uids []state.UID) ([]state.Ident, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	uids = slices.Clone(uids)
	slices.Sort(uids)
	var out []state.Ident
	err := a.do(ctx, raw, func(s *session) error {
		at, err := s.open(ctx, raw, true)
		if err != nil {
			return err
		}
		if err := at.same(uidValidity); err != nil {
			return err
		}
		out, err = at.idents(ctx, uids)
		return inMailbox(raw, "identify messages in", err)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (at *opened) idents(ctx context.Context, uids []state.UID) ([]state.Ident, error) {
	ids := identReader{wanted: uids, of: map[state.UID]state.Ident{}}
	items := identItems(at.s.caps)
	for batch := range slices.Chunk(uids, identBatch) {
		sets, counts := splitSet(batch)
		for i, set := range sets {
			// One that is left out would be taken for a message that is not there.
			q := question{"UID FETCH ", items, ids.take, ids.told}
			if _, refusal, err := q.ask(ctx, at.s, set, rangesOf(batch[:counts[i]])); err != nil || refusal != nil {
				return nil, cmp.Or(err, refusal)
			}
			batch = batch[counts[i]:]
		}
	}
	if ids.odd != "" {
		return nil, ids.odd
	}
	out := make([]state.Ident, 0, len(ids.of))
	for _, id := range ids.of {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b state.Ident) int { return cmp.Compare(a.UID, b.UID) })
	return out, nil
}

// identItems asks for a piece of the field: a message can have one of any length.
func identItems(caps goimap.CapSet) string {
	items := "(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]<0.4096>"
	switch {
	case caps.Has(goimap.CapObjectID):
		items += " EMAILID"
	case caps.Has("X-GM-EXT-1"):
		items += " X-GM-MSGID"
	}
	return items + ")"
}

// identReader takes the answers.
type identReader struct {
	wanted []state.UID
	of     map[state.UID]state.Ident
	odd    oddAnswer // the first that could not be read
}

// told returns the UIDs that were told of so far.
func (r *identReader) told() ranges { return rangesOf(slices.Sorted(maps.Keys(r.of))) }

func (r *identReader) take(l wire.Line) error {
	c := l.Scan()
	if _, ok := c.Number(); !ok {
		return nil
	}
	c.SP()
	if !strings.EqualFold(c.Atom(), "FETCH") {
		return nil
	}
	id, told, ok := readIdent(&c)
	if !ok && r.odd == "" {
		r.odd = oddAnswer(l.Shown())
	}
	if _, mine := slices.BinarySearch(r.wanted, id.UID); ok && told && mine {
		r.of[id.UID] = id
	}
	return nil
}

// readIdent reads (UID 5 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {9} EMAILID (M1)). told is
// false where it speaks of something else, flags that changed.
func readIdent(c *grammar.Scanner) (id state.Ident, told, ok bool) {
	c.SP()
	if !c.Eat('(') {
		return id, false, false
	}
	for c.SP(); !c.Eat(')'); c.SP() {
		name := strings.ToUpper(c.Name())
		c.SP()
		switch {
		case name == "":
			return id, false, false
		case name == "UID":
			n, isNumber := c.Number()
			id.UID = state.UID(fit32(n))
			if !isNumber {
				return id, false, false
			}
		case strings.HasPrefix(name, "BODY["):
			told = true
			if field, there := c.Str(); there {
				id.MessageID = messageID(field)
			} else if !c.Null() {
				return id, false, false
			}
		case name == "EMAILID":
			inner, there := c.Words()
			switch {
			case len(inner) == 1:
				id.EmailID = inner[0]
			case len(inner) > 1, !there && !c.Null(): // a list of one (RFC 8474 section 5.1)
				return id, false, false
			}
		case name == "X-GM-MSGID":
			if id.EmailID = c.Atom(); id.EmailID == "" {
				return id, false, false
			}
		default:
			if !c.Skip() {
				return id, false, false
			}
		}
	}
	return id, told, c.Done()
}

// messageID returns the value of the first Message-ID field of a header, unfolded (RFC 5322
// section 2.2.3) and without outer blanks; "" for one that was cut.
func messageID(header string) string {
	if len(header) >= maxIdent {
		return ""
	}
	var value strings.Builder
	found := false
	for line := range strings.SplitSeq(header, "\n") {
		line = strings.TrimSuffix(line, "\r")
		folded := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if found {
			if !folded {
				break
			}
			value.WriteString(line)
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		if found = ok && !folded && strings.EqualFold(strings.TrimRight(name, " \t"), "Message-ID"); found {
			value.WriteString(rest)
		}
	}
	return strings.Trim(value.String(), " \t")
}
