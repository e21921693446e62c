package wire

import (
	"strconv"
	"strings"
	"time"

	"mailsync/backends/imap/grammar"
)

// takeItems takes FETCH items up to a parenthesis that closes them, or to the end. It
// returns where it stopped; !ok means that what is there cannot be read.
func (f *fetch) takeItems(text string) (end int, ok bool) {
	c := grammar.Scan(text, f.in.rd.lits)
	blanks := func() int {
		was := len(c.Rest())
		c.SP()
		return was - len(c.Rest())
	}
	for first := true; ; first = false {
		n, begins := blanks(), first && !f.sent && len(f.items) == 0
		if c.Rest() == "" || c.Peek() == ')' {
			f.blanks = f.blanks || c.Rest() != "" && n > 0
			f.in.rd.lits = c.Literals()
			return len(text) - len(c.Rest()), true
		}
		if begins {
			n++
		}
		name := c.Name()
		f.blanks = blanks() != 1 || f.blanks || n != 1
		if name == "" || !f.takeItem(name, &c) {
			return len(text) - len(c.Rest()), false
		}
	}
}

// takeItem takes one FETCH item, whose value is next: the client gets it in a form that
// imapclient reads, or it is left out.
func (f *fetch) takeItem(name string, c *grammar.Scanner) bool {
	rest, value := c.Rest(), *c
	if is(name, "FLAGS") {
		start := len(f.items)
		items, why, at := appendFlags(append(append(append(f.items, ' '), name...), ' '), c, false)
		if items == nil {
			*c = value
			if !c.Skip() {
				return false
			}
			items = f.items[:start]
		}
		if why != "" {
			f.note(why, why != flagsRewritten, at)
		}
		f.items = items
		return true
	}
	if !c.Skip() {
		return false
	}
	v := rest[:len(rest)-len(c.Rest())]
	switch {
	case is(name, "UID"):
		return f.takeUID(name, v)
	case is(name, "INTERNALDATE"):
		f.takeDate(name, v, &value)
	case is(name, "RFC822.SIZE"):
		if _, ok := grammar.Number63(v); ok {
			f.keep(name, v)
		} else {
			f.note("RFC822.SIZE out of range left out", true, v)
		}
	case is(name, "MODSEQ"):
		// Sent unasked once CONDSTORE is on (RFC 7162, 3.2), and not needed by the client.
	case f.tails > 0:
		return false // any two words of a text could be an unknown item and its value
	case isBody(name):
		return f.takeString(name, v)
	default:
		f.note("unknown FETCH item left out", true, name+" "+v)
	}
	return true
}

// keep passes an item on as it is.
func (f *fetch) keep(name, v string) {
	f.items = append(append(append(append(f.items, ' '), name...), ' '), v...)
}

// takeUID takes the UID, which is a number of 32 bits and not 0 (RFC 3501, 2.3.1.1).
func (f *fetch) takeUID(name, v string) bool {
	uid, ok := grammar.Number32(v)
	switch {
	case !ok || uid == 0:
		f.note("message with an impossible UID dropped", true, v)
		f.lost = true
		return !f.sent
	case f.uid != 0 && uid != f.uid:
		return false
	case f.guess:
		f.guess = false
		f.note("UID after the body, put before it", false, v)
		f.uid = uid
	case f.first || f.uid == uid:
		f.uid = uid
	default:
		f.uid = uid
		f.keep(name, v)
	}
	return true
}

// dateTime is INTERNALDATE as imapclient wants it; a day padded with a blank is legal
// (RFC 3501, 9, date-day-fixed).
const dateTime = "_2-Jan-2006 15:04:05 -0700"

// isDate reports whether imapclient reads a date; it takes the zero time for none.
func isDate(s string) bool {
	t, err := time.Parse(dateTime, s)
	return err == nil && !t.IsZero()
}

func (f *fetch) takeDate(name, v string, c *grammar.Scanner) {
	quoted := c.Peek() == '"'
	s, ok := c.Str()
	if !ok {
		s = v
	}
	if quoted && isDate(s) {
		f.keep(name, v)
		return
	}
	if s = strings.TrimSpace(s); !isDate(s) {
		f.note("INTERNALDATE that cannot be read left out", true, v)
		return
	}
	f.note("INTERNALDATE put into form", false, v)
	f.keep(name, `"`+s+`"`)
}

// takeString takes a body that is not a literal: a string, or NIL for one that the server
// cannot give.
func (f *fetch) takeString(name, v string) bool {
	if !isWhole(name) {
		f.note("body of an unknown section left out", true, name)
		return true
	}
	f.body = true
	// imapclient takes it for the message's last item: its UID is put before it.
	if wanted, _ := f.in.x.wantsUID(); wanted && f.uid == 0 && !f.sent {
		f.first = true
	}
	if v[0] != '"' && v != "NIL" {
		f.note("body that is not a string, taken for NIL", !is(v, "NIL"), v)
		v = "NIL"
	}
	f.keep(wholeBody, v)
	return !strings.Contains(v, "\r") // which is in no quoted string
}

// wholeBody is the name of all of a message's octets.
const wholeBody = "BODY[]"

// isBody reports whether an item's value is octets of a message.
func isBody(name string) bool {
	return hasPrefix(name, "BODY[") || hasPrefix(name, "BODY.PEEK[") || hasPrefix(name, "BINARY[") ||
		is(name, "RFC822") || is(name, "RFC822.TEXT") || is(name, "RFC822.HEADER")
}

// isWhole reports whether a body is what the client asks for, the complete message, by one of
// its names (RFC 3501, 6.4.5).
func isWhole(name string) bool {
	return is(name, "BODY[]") || is(name, "RFC822") || is(name, "BODY.PEEK[]")
}

// hasPrefix is strings.HasPrefix without regard to case.
func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// appendUint is strconv's for a number of 32 bits.
func appendUint(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }
