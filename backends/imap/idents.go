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
// Message-ID field is looked at: a longer one is ignored.
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
		at, err := s.openAs(ctx, raw, uidValidity, true)
		if err != nil {
			return err
		}
		out, err = at.idents(ctx, uids)
		return inMailbox(raw, "identify messages in", err)
	})
	return out, err
}

func (at *opened) idents(ctx context.Context, uids []state.UID) ([]state.Ident, error) {
	ids := identReader{wanted: uids, of: map[state.UID]state.Ident{}}
	q := question{"UID FETCH ", identItems(at.s.caps), ids.take, ids.listed}
	for batch := range slices.Chunk(uids, identBatch) {
		// One that is left out would be taken for a message that is not there.
		if refusal, err := q.ask(ctx, at.s, batch); err != nil || refusal != nil {
			return nil, cmp.Or(err, refusal)
		}
	}
	if ids.odd != nil {
		return nil, ids.odd
	}
	return slices.SortedFunc(maps.Values(ids.of), func(a, b state.Ident) int { return cmp.Compare(a.UID, b.UID) }), nil
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
	odd    error // the first that could not be read
}

// listed returns the UIDs that were answered so far.
func (r *identReader) listed() ranges { return rangesOf(slices.Sorted(maps.Keys(r.of))) }

func (r *identReader) take(l wire.Line) error {
	c := l.Scan()
	if !isFetch(&c) {
		return nil
	}
	id, about, ok := readIdent(&c)
	if !ok && r.odd == nil {
		r.odd = oddAnswer(l)
	}
	if _, mine := slices.BinarySearch(r.wanted, id.UID); ok && about && mine {
		r.of[id.UID] = id
	}
	return nil
}

// readIdent reads (UID 5 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {9} EMAILID (M1)). about is
// false where it is about something else, flags that changed.
func readIdent(c *grammar.Scanner) (id state.Ident, about, ok bool) {
	ok = c.Items(func(name string) bool {
		switch {
		case name == "UID":
			n, isNumber := c.Number()
			id.UID = state.UID(fit32(n))
			return isNumber
		case strings.HasPrefix(name, "BODY["):
			about = true
			field, there := c.Str()
			id.MessageID = messageID(field)
			return there || c.Null()
		case name == "EMAILID": // a list of one (RFC 8474 section 5.1)
			inner, there := c.Words()
			if len(inner) == 1 {
				id.EmailID = inner[0]
			}
			return len(inner) <= 1 && (there || c.Null())
		case name == "X-GM-MSGID":
			id.EmailID = c.Atom()
			return id.EmailID != ""
		}
		return c.Skip()
	})
	return id, about, ok && c.Done()
}

// messageID returns the value of the first Message-ID field of a header, unfolded (RFC 5322
// section 2.2.3) and without outer blanks; "" for one that was cut.
func messageID(header string) string {
	if len(header) >= maxIdent {
		return ""
	}
	unfold := strings.NewReplacer("\r\n ", " ", "\r\n\t", "\t", "\n ", " ", "\n\t", "\t")
	for line := range strings.SplitSeq(unfold.Replace(header), "\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimRight(name, " \t"), "Message-ID") {
			return strings.Trim(strings.TrimSuffix(value, "\r"), " \t")
		}
	}
	return ""
}
