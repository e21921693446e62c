package wire

import (
	"bytes"
	"strconv"
	"time"
)

// takeItems takes FETCH items up to a parenthesis that closes them, or to the end. It
// returns where it stopped; !ok means that what is there cannot be read.
func (f *fetch) takeItems(b []byte) (end int, ok bool) {
	s := scanner{b: b, depth: f.in.o.MaxDepth}
	for first := true; ; first = false {
		from := s.i
		s.blanks()
		if !s.more() || s.peek() == ')' {
			f.blanks = f.blanks || s.more() && s.i > from
			return s.i, true
		}
		want := 1
		if first && !f.sent && from == 0 && len(f.items) == 0 {
			want = 0
		}
		f.blanks = f.blanks || s.i-from != want
		name := s.name()
		at := s.i
		s.blanks()
		f.blanks = f.blanks || s.i-at != 1
		v, k := s.value()
		if len(name) == 0 || k == malformed || !f.takeItem(name, v, k) {
			return s.i, false
		}
	}
}

// takeItem takes one FETCH item: it goes to the client in a form that imapclient reads, or
// is left out.
func (f *fetch) takeItem(name, v []byte, k kind) bool {
	switch {
	case f.tails > 0 && !is(name, "UID") && !is(name, "FLAGS") && !is(name, "INTERNALDATE") && !is(name, "RFC822.SIZE") && !is(name, "MODSEQ"):
		return false // any two words of a text could be an unknown item and its value
	case is(name, "UID"):
		return f.takeUID(name, v)
	case is(name, "FLAGS"):
		start := len(f.items)
		f.items = append(append(append(f.items, ' '), name...), ' ')
		items, why, at := appendFlags(f.items, v, k, false, f.in.o.MaxDepth)
		if why != "" {
			f.note(why, why != flagsRewritten, at)
		}
		if items == nil {
			items = f.items[:start]
		}
		f.items = items
	case is(name, "INTERNALDATE"):
		f.takeDate(name, v, k)
	case is(name, "RFC822.SIZE"):
		if _, ok := number(v); ok {
			f.keep(name, v)
		} else {
			f.note("RFC822.SIZE out of range left out", true, v)
		}
	case is(name, "MODSEQ"):
		// Told unasked once CONDSTORE is on (RFC 7162, 3.2), and of no use to the client.
	case isBody(name):
		f.takeString(name, v, k)
	default:
		f.note("unknown FETCH item left out", true, append(append(bytes.Clone(name), ' '), v...))
	}
	return true
}

// keep passes an item on as it is.
func (f *fetch) keep(name, v []byte) {
	f.items = append(append(append(append(f.items, ' '), name...), ' '), v...)
}

// takeUID takes the UID, which is a number of 32 bits and not 0 (RFC 3501, 2.3.1.1).
func (f *fetch) takeUID(name, v []byte) bool {
	uid, ok := number32(v)
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
func isDate(s []byte) bool {
	t, err := time.Parse(dateTime, string(s))
	return err == nil && !t.IsZero()
}

func (f *fetch) takeDate(name, v []byte, k kind) {
	s := text(v, k)
	if k == quoted && isDate(s) {
		f.keep(name, v)
		return
	}
	switch s = bytes.TrimSpace(s); {
	case k == list || !isDate(s):
		f.note("INTERNALDATE that cannot be read left out", true, v)
	default:
		f.note("INTERNALDATE put into form", false, v)
		f.items = append(append(append(f.items, ' '), name...), ` "`...)
		f.items = append(append(f.items, s...), '"')
	}
}

// takeString takes a body that is no literal: a string, or NIL for one that the server
// cannot give.
func (f *fetch) takeString(name, v []byte, k kind) {
	if !isWhole(name) {
		f.note("body of an unknown section left out", true, name)
		return
	}
	f.body = true
	// imapclient takes it for the message's last item: its UID goes before it.
	if wanted, _ := f.in.x.wantsUID(); wanted && f.uid == 0 && !f.sent {
		f.first = true
	}
	if k != quoted && (k != atom || string(v) != "NIL") {
		f.note("body that is no string, taken for NIL", !is(v, "NIL"), v)
		v = []byte("NIL")
	}
	f.keep(wholeBody, v)
}

// wholeBody is the name of all of a message's octets.
var wholeBody = []byte("BODY[]")

// isBody reports whether an item's value is octets of a message.
func isBody(name []byte) bool {
	return hasPrefix(name, "BODY[") || hasPrefix(name, "BODY.PEEK[") || hasPrefix(name, "BINARY[") ||
		is(name, "RFC822") || is(name, "RFC822.TEXT") || is(name, "RFC822.HEADER")
}

// isWhole reports whether a body is what the client asks for, the whole message, by one of
// its names (RFC 3501, 6.4.5).
func isWhole(name []byte) bool {
	return is(name, "BODY[]") || is(name, "RFC822") || is(name, "BODY.PEEK[]")
}

// hasPrefix compares without regard to case. prefix is in upper case.
func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && is(b[:len(prefix)], prefix)
}

// appendUint is strconv's for a number of 32 bits.
func appendUint(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }
