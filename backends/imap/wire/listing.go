package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

const nameLeftOut = "mailbox left out: its name cannot be read"

// mailbox reads a mailbox name and appends it in a form that imapclient reads. raw is
// the name as the server has it; !ok means that the client could not select it.
func mailbox(dst []byte, s *scanner) (out []byte, raw string, ok bool) {
	v, k := s.value()
	if k == malformed || k == list {
		return dst, "", false
	}
	raw = string(text(v, k))
	if strings.EqualFold(raw, "INBOX") {
		return append(dst, v...), raw, k != atom || isWord(v)
	}
	if _, err := DecodeName(raw); err != nil {
		return dst, raw, false
	}
	if k == atom && !isWord(bytes.ReplaceAll(v, []byte("]"), nil)) {
		// imapclient reads no backslash or wildcard in a name without quotes
		return appendQuoted(dst, raw), raw, true
	}
	return append(dst, v...), raw, true
}

func isName(raw []byte) bool {
	_, err := DecodeName(string(raw))
	return err == nil
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// listResponse takes LIST (RFC 3501, 7.2.2; RFC 5258).
func (c *Conn) listResponse(line []byte) error {
	s := scanner{b: line, depth: c.o.MaxDepth}
	s.i = len("LIST")
	s.blanks()
	drop := func(what, name string) error {
		c.report(Repair{What: what, Lost: true, Mailbox: name}, line)
		return nil
	}
	out := append(c.rd.out, "* LIST "...)
	attrs, k := s.value()
	out, why, at := appendFlags(out, attrs, k, false, c.o.MaxDepth)
	if out == nil {
		return drop("mailbox left out: its attributes cannot be read", "")
	}
	s.blanks()
	delim, k := s.value()
	d := text(delim, k)
	switch {
	case k == quoted && utf8.RuneCount(d) == 1 && utf8.Valid(d):
		out = append(append(out, ' '), delim...)
	case is(delim, "NIL") && k == atom, len(d) == 0 && (k == quoted || k == literal):
		out = append(out, " NIL"...)
	case k == atom && len(d) == 1 || k == literal && len(d) == 1:
		out = appendQuoted(append(out, ' '), string(d))
	default:
		return drop("mailbox left out: its separator cannot be read", "")
	}
	s.blanks()
	bare := s.peek() != '"' && s.peek() != '{'
	out, name, ok := mailbox(append(out, ' '), &s)
	if !ok {
		return drop(nameLeftOut, name)
	}
	s.blanks()
	if s.more() {
		ext, k := s.value()
		// What is not extended data may be the rest of a name: cut, it would be another mailbox's.
		if s.blanks(); k != list || s.more() || bare && !isExtended(ext, c.o.MaxDepth) {
			return drop(nameLeftOut, "")
		}
		if isPairs(ext, c.o.MaxDepth) {
			out = append(append(out, ' '), ext...)
		} else {
			c.report(Repair{What: "extended data of a mailbox left out", Lost: true, Mailbox: name}, line)
		}
	}
	if why != "" {
		c.report(Repair{What: why, Lost: why != flagsRewritten, Mailbox: name}, at)
	}
	c.rd.out = append(out, "\r\n"...)
	return nil
}

// isExtended reports whether a list is by its form what may follow a name (RFC 5258 section 6):
// a list or a string behind every tag, or the tag itself a string.
func isExtended(v []byte, depth int) bool {
	s := scanner{b: trimParens(v, list), depth: depth}
	n := 0
	for s.blanks(); s.more(); s.blanks() {
		_, tag := s.value()
		s.blanks()
		_, k := s.value()
		if tag == malformed || tag == list || k == malformed || tag == atom && k == atom {
			return false
		}
		n++
	}
	return n > 0
}

// isPairs reports whether a list has names and values in turn, as imapclient reads them.
func isPairs(v []byte, depth int) bool {
	if !plain(v, list, depth) {
		return false
	}
	s := scanner{b: v[1 : len(v)-1], depth: depth}
	for s.more() {
		name, k := s.value()
		if k == list || !s.take(' ') {
			return false
		}
		name = text(name, k)
		value, vk := s.value()
		s.take(' ')
		switch {
		case is(name, "OLDNAME"): // a mailbox name, which may be any
			return false
		case is(name, "CHILDINFO") && (vk != list || bytes.IndexByte(value[1:], '(') >= 0):
			return false
		}
	}
	return true
}

// plain reports whether a value is as imapclient skips it: atoms that are words, one
// blank between the elements of a list.
func plain(v []byte, k kind, depth int) bool {
	switch {
	case k == atom:
		return isWord(v)
	case k != list:
		return k != malformed
	case depth == 0:
		return false
	}
	s := scanner{b: v[1 : len(v)-1], depth: depth}
	for first := true; s.more(); first = false {
		if !first && !s.take(' ') {
			return false
		}
		if one, k := s.value(); !plain(one, k, depth-1) {
			return false
		}
	}
	return len(v) == 2 || v[len(v)-2] != ' '
}

// statusResponse takes STATUS (RFC 3501, 7.2.4). A value that cannot be read is left
// out, for a wrong one would be believed.
func (c *Conn) statusResponse(line []byte) error {
	s := scanner{b: line, depth: c.o.MaxDepth}
	s.i = len("STATUS")
	s.blanks()
	out, name, ok := mailbox(append(c.rd.out, "* STATUS "...), &s)
	if !ok {
		c.report(Repair{What: nameLeftOut, Lost: true, Mailbox: name}, line)
		return nil
	}
	s.blanks()
	v, k := s.value()
	if s.blanks(); k != list || s.more() {
		c.report(Repair{What: "STATUS that cannot be read dropped", Lost: true, Mailbox: name}, line)
		return nil
	}
	out = append(out, " ("...)
	in := scanner{b: trimParens(v, k), depth: c.o.MaxDepth}
	first := true
	for in.blanks(); in.more(); in.blanks() {
		item := in.word()
		in.blanks()
		v, k := in.value()
		if k == malformed || !isWord(item) {
			c.report(Repair{What: "STATUS that cannot be read dropped", Lost: true, Mailbox: name}, line)
			return nil
		}
		if !isStatus(item, v, k) {
			c.report(Repair{What: "STATUS item out of range left out", Lost: true, Mailbox: name}, append(append(bytes.Clone(item), ' '), v...))
			continue
		}
		if !first {
			out = append(out, ' ')
		}
		first = false
		out = append(append(append(out, item...), ' '), v...)
	}
	c.rd.out = append(out, ")\r\n"...)
	return nil
}

// isStatus reports whether imapclient reads an item of STATUS.
func isStatus(item, v []byte, k kind) bool {
	switch string(bytes.ToUpper(item)) {
	case "MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "RECENT":
		_, ok := number32(v)
		return ok
	case "SIZE", "DELETED-STORAGE", "HIGHESTMODSEQ":
		return isNumber(v)
	case "APPENDLIMIT":
		_, ok := number32(v)
		return ok || string(v) == "NIL"
	}
	return plain(v, k, 8)
}
