package wire

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// items takes FETCH items up to a parenthesis that closes them, or to the end. It
// returns where it stopped; !ok means that what is there cannot be read.
func (c *Conn) items(b []byte) (end int, ok bool) {
	f := &c.rd.fetch
	s := scanner{b: b, depth: c.o.MaxDepth}
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
		if len(name) == 0 || k == malformed || !c.item(name, v, k) {
			return s.i, false
		}
	}
}

// item takes one FETCH item: it goes to the client in a form that imapclient reads, or
// is left out.
func (c *Conn) item(name, v []byte, k kind) bool {
	f := &c.rd.fetch
	switch {
	case f.tails > 0 && !is(name, "UID") && !is(name, "FLAGS") && !is(name, "INTERNALDATE") && !is(name, "RFC822.SIZE") && !is(name, "MODSEQ"):
		return false // any two words of a text could be an unknown item and its value
	case is(name, "UID"):
		return c.itemUID(name, v)
	case is(name, "FLAGS"):
		start := len(f.items)
		f.items = append(append(append(f.items, ' '), name...), ' ')
		items, why, at := appendFlags(f.items, v, k, false, c.o.MaxDepth)
		if why != "" {
			c.note(why, why != flagsRewritten, at)
		}
		if items == nil {
			items = f.items[:start]
		}
		f.items = items
	case is(name, "INTERNALDATE"):
		c.itemDate(name, v, k)
	case is(name, "RFC822.SIZE"):
		if _, ok := number(v); ok {
			c.keep(name, v)
		} else {
			c.note("RFC822.SIZE out of range left out", true, v)
		}
	case is(name, "MODSEQ"):
		c.itemModSeq(name, v, k)
	case isBody(name):
		c.itemBody(name, v, k)
	case isStructure(name):
		if c.wantsStructure() {
			c.keep(name, v)
		}
	default:
		c.note("unknown FETCH item left out", true, append(append(bytes.Clone(name), ' '), v...))
	}
	return true
}

// keep passes an item on as it is.
func (c *Conn) keep(name, v []byte) {
	f := &c.rd.fetch
	f.items = append(append(append(append(f.items, ' '), name...), ' '), v...)
}

// itemUID takes the UID, which is a number of 32 bits and not 0 (RFC 3501, 2.3.1.1).
func (c *Conn) itemUID(name, v []byte) bool {
	f := &c.rd.fetch
	uid, ok := number32(v)
	switch {
	case !ok || uid == 0:
		c.note("message with an impossible UID dropped", true, v)
		f.lost = true
		return !f.sent
	case f.uid != 0 && uid != f.uid:
		return false
	case f.guess:
		f.guess = false
		c.note("UID after the body, put before it", false, v)
		f.uid = uid
	case f.first || f.uid == uid:
		f.uid = uid
	default:
		f.uid = uid
		c.keep(name, v)
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

func (c *Conn) itemDate(name, v []byte, k kind) {
	f := &c.rd.fetch
	s := text(v, k)
	if k == quoted && isDate(s) {
		c.keep(name, v)
		return
	}
	switch s = bytes.TrimSpace(s); {
	case k == list || !isDate(s):
		c.note("INTERNALDATE that cannot be read left out", true, v)
	default:
		c.note("INTERNALDATE put into form", false, v)
		f.items = append(append(append(f.items, ' '), name...), ` "`...)
		f.items = append(append(f.items, s...), '"')
	}
}

// itemModSeq takes MODSEQ (n) (RFC 7162, 7).
func (c *Conn) itemModSeq(name, v []byte, k kind) {
	inner := v
	if k == list {
		inner = trimBlanks(v[1 : len(v)-1])
	}
	if _, ok := number(inner); !ok {
		c.note("MODSEQ out of range left out", true, v)
		return
	}
	if k != list || len(inner) != len(v)-2 {
		c.note("MODSEQ put into form", false, v)
	}
	f := &c.rd.fetch
	f.items = append(append(append(f.items, ' '), name...), " ("...)
	f.items = append(append(f.items, inner...), ')')
}

// itemBody takes a body that is no literal: a string, or NIL for one that the server
// cannot give.
func (c *Conn) itemBody(name, v []byte, k kind) {
	name, known := canonicalBody(name)
	if !known {
		c.note("body of an unknown section left out", true, name)
		return
	}
	f := &c.rd.fetch
	f.body = true
	// imapclient takes it for the message's last item: its UID goes before it.
	if wanted, _ := c.wantsUID(); wanted && f.uid == 0 && !f.sent {
		f.first = true
	}
	switch {
	case k == quoted:
		c.keep(name, v)
	case k == atom && string(v) == "NIL":
		c.keep(name, v)
	default:
		c.note("body that is no string, taken for NIL", !is(v, "NIL"), v)
		c.keep(name, []byte("NIL"))
	}
}

// section is a body's name as imapclient reads it (RFC 3501, 9, section).
var section = regexp.MustCompile(`(?i)^BODY\[(?:(?:[0-9]{1,9}(?:\.[0-9]{1,9})*\.)?(?:HEADER|TEXT|MIME|` +
	`HEADER\.FIELDS(?:\.NOT)? \((?:"[A-Z0-9_-]+"|[A-Z0-9_-]+)(?: (?:"[A-Z0-9_-]+"|[A-Z0-9_-]+))*\))|` +
	`[0-9]{1,9}(?:\.[0-9]{1,9})*)?\]$`)

var (
	binary  = regexp.MustCompile(`(?i)^BINARY\[(?:[0-9]{1,9}(?:\.[0-9]{1,9})*)?\]$`)
	partial = regexp.MustCompile(`<([0-9]{1,9})(?:\.[0-9]*)?>$`)
)

// isBody reports whether an item's value is octets of a message.
func isBody(name []byte) bool {
	return hasPrefix(name, "BODY[") || hasPrefix(name, "BODY.PEEK[") || hasPrefix(name, "BINARY[") ||
		is(name, "RFC822") || is(name, "RFC822.TEXT") || is(name, "RFC822.HEADER")
}

// canonicalBody returns a body's name as imapclient reads it, and whether it can.
func canonicalBody(name []byte) ([]byte, bool) {
	switch { // RFC 3501, 6.4.5: RFC822 is equivalent to BODY[], and so on
	case is(name, "BODY[]"):
		return name, true
	case is(name, "RFC822"):
		return []byte("BODY[]"), true
	case is(name, "RFC822.TEXT"):
		return []byte("BODY[TEXT]"), true
	case is(name, "RFC822.HEADER"):
		return []byte("BODY[HEADER]"), true
	case hasPrefix(name, "BODY.PEEK["):
		name = append([]byte("BODY"), name[len("BODY.PEEK"):]...)
	}
	whole := name
	if m := partial.FindSubmatch(name); m != nil {
		whole = name[:len(name)-len(m[0])]
		name = append(bytes.Clone(whole), "<"+string(m[1])+">"...)
	}
	return name, section.Match(whole) || binary.Match(whole)
}

func isStructure(name []byte) bool {
	return is(name, "BODY") || is(name, "BODYSTRUCTURE") || is(name, "ENVELOPE")
}

// hasPrefix compares without regard to case. prefix is in upper case.
func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && is(b[:len(prefix)], prefix)
}

// appendUint is strconv's for a number of 32 bits.
func appendUint(b []byte, n uint32) []byte { return strconv.AppendUint(b, uint64(n), 10) }
