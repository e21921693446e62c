package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"mailsync/state"
)

// ErrTail is what LastError is of a connection that broke because what followed a body in its
// FETCH response could not be read.
var ErrTail = errors.New("something that cannot be read after a body")

// maxTails is how many lines a FETCH response may go on for behind a body, with SetLoose.
const maxTails = 3

// SetLoose says that a FETCH response may go on in the next line behind a body, as some
// servers write it, or end there without its parenthesis. It is for who holds the octets that
// came against what was announced (RFC822.SIZE), for a literal that was counted short by
// its last empty line looks the same.
func (c *Conn) SetLoose(on bool) { c.loose.Store(on) }

// fetch is a FETCH response on its way. imapclient hands a message over as soon as it
// meets a body, so its UID must stand before: where the server sends it later, the
// items are held back, a body of up to MaxHeld with them.
type fetch struct {
	open   bool // a body went through, the rest is still to come
	sent   bool // its beginning was handed to the client
	first  bool // the UID goes before the items, and is not among them
	guess  bool // uid is the only one asked for; the server has not said it yet
	body   bool // it had a body's item
	lost   bool // it cannot be handed to the client
	blanks bool // more or fewer of them than there should be
	tails  int  // lines that it went on for
	seq    []byte
	uid    uint32
	items  []byte // in canonical form, each with a blank before it
	pos    int    // where in raw the items begin that are not looked at yet
	lits   int
	lex    lexer
	notes  []Repair
}

const maxNotes = 8 // repairs told of one response

// beginFetch takes a FETCH response whose first line is in raw, its items from pos on.
func (c *Conn) beginFetch(seq []byte, pos int) error {
	f := &c.rd.fetch
	items := f.items[:0]
	if cap(items) > c.o.MaxLiteral {
		items = nil
	}
	*f = fetch{seq: append(f.seq[:0], seq...), items: items, notes: f.notes[:0], pos: pos, lex: lexer{depth: 1}}
	return c.runFetch()
}

// resumeFetch goes on in the line after a body.
func (c *Conn) resumeFetch() error {
	rd, f := &c.rd, &c.rd.fetch
	rd.raw = rd.raw[:0]
	if err := c.readLine(); err != nil {
		return err
	}
	c.bodyEnded()
	f.open, f.pos, f.lex = false, 0, lexer{depth: 1}
	return c.runFetch()
}

// runFetch looks at the lines up to the next body or to the end.
func (c *Conn) runFetch() error {
	rd, f := &c.rd, &c.rd.fetch
	from := f.pos
	for {
		line := c.line()
		start, size, ok, err := c.header(line)
		if err != nil {
			return err
		}
		if ok {
			f.lex.run(line[from:start], from)
		}
		if !ok || f.lex.quoted {
			return c.endFetch(line)
		}
		if f.lits++; f.lits > c.o.MaxLiterals {
			return c.garbled("more literals in one response than any needs", rd.raw)
		}
		if f.lex.depth == 1 && !f.lex.section && f.lex.token >= f.pos {
			if name := trimBlanks(line[f.lex.token:start]); isBody(name) {
				return c.fetchBody(name, size)
			}
		}
		if err := c.inline(start, size, 0); err != nil {
			return err
		}
		from = rd.seg
	}
}

// fetchBody takes a body's literal of that size; its item's name is the last token.
func (c *Conn) fetchBody(name []byte, size int64) error {
	rd, f := &c.rd, &c.rd.fetch
	before := rd.raw[f.pos:f.lex.token]
	if end, ok := c.items(before); !ok || end != len(before) || f.tails > 0 {
		return c.garbled("a FETCH response that cannot be read", rd.raw)
	}
	if f.lost {
		return c.skipBody(size)
	}
	if !isWhole(name) {
		c.note("body of an unknown section left out", true, name)
		return c.skipBody(size)
	}
	if wanted, only := c.wantsUID(); wanted && f.uid == 0 && !f.sent {
		if only == 0 {
			return c.holdBody(size)
		}
		f.uid, f.guess, f.first = only, true, true
	}
	f.items = append(append(append(f.items, ' '), wholeBody...), ' ')
	f.items = appendHeader(f.items, size)
	c.sendItems()
	f.body, f.open, rd.body = true, true, size
	c.traceLiteral("S", size)
	return nil
}

// sendItems hands to the client what there is of the response.
func (c *Conn) sendItems() {
	rd, f := &c.rd, &c.rd.fetch
	items := f.items
	if !f.sent {
		rd.out = append(append(append(rd.out, "* "...), f.seq...), " FETCH ("...)
		switch {
		case f.first:
			rd.out = appendUint(append(rd.out, "UID "...), f.uid)
		case len(items) > 0:
			items = items[1:]
		}
	}
	rd.out = append(rd.out, items...)
	f.items, f.sent = f.items[:0], true
}

// holdBody keeps a body until the UID is known, or leaves it out if it is too large.
func (c *Conn) holdBody(size int64) error {
	f := &c.rd.fetch
	f.first = true
	if size > int64(c.o.MaxHeld-len(f.items)) {
		c.note("body left out: it came before its UID and is too large to wait for it", true, wholeBody)
		return c.skipBody(size)
	}
	c.traceLiteral("S", size)
	f.body = true
	f.items = append(append(append(f.items, ' '), wholeBody...), ' ')
	var err error
	if f.items, err = c.gather(appendHeader(f.items, size), size); err != nil {
		return err
	}
	return c.resumeFetch()
}

func (c *Conn) skipBody(size int64) error {
	c.traceLiteral("S", size)
	if err := c.discard(size); err != nil {
		return err
	}
	return c.resumeFetch()
}

// endFetch takes the last line of the response.
func (c *Conn) endFetch(line []byte) error {
	f := &c.rd.fetch
	rest := line[f.pos:]
	end, ok := c.items(rest)
	goesOn := ok && f.body && end == len(rest)
	if goesOn && f.tails < maxTails && c.loose.Load() {
		f.tails++
		line = bytes.Clone(line)
		c.note("FETCH response without an end in its line", false, line)
		if ended, err := c.tail(); err != nil || !ended {
			return err
		}
	} else if ok = ok && end < len(rest) && rest[end] == ')'; ok {
		after := rest[end+1:]
		ok = len(trimBlanks(after)) == 0
		f.blanks = f.blanks || len(after) > 0
	}
	switch {
	case !ok && (f.sent || goesOn):
		return state.Faultf(state.Other, "server sent %w: %s", ErrTail, c.show(line))
	case !ok:
		f.lost = true
		c.note("FETCH response that cannot be read dropped", true, line)
	case f.guess:
		c.note("body without a UID, taken for the only message asked for", false, line)
	case f.first && f.uid != 0 && !f.lost:
		c.note("UID after the body, put before it", false, line)
	}
	c.handFetch(line)
	for _, n := range f.notes {
		n.UID = f.uid
		c.told(n)
	}
	return nil
}

// tail reads the line behind one at which a response should have ended. ended says that it is
// another response, which is held for next; else the response goes on in it, and was read.
func (c *Conn) tail() (ended bool, err error) {
	rd, f := &c.rd, &c.rd.fetch
	rd.raw = rd.raw[:0]
	if err := c.readLine(); err != nil {
		return false, err
	}
	if c.begins(c.line()) {
		rd.held = true
		return true, nil
	}
	f.pos, f.lex = 0, lexer{depth: 1}
	return false, c.runFetch()
}

// begins reports whether a line begins a response.
func (c *Conn) begins(line []byte) bool {
	s := scanner{b: line}
	tag := s.word()
	if string(tag) == "*" || string(tag) == "+" {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.pending, func(cmd *command) bool { return strings.EqualFold(cmd.tag, string(tag)) })
}

// handFetch hands over a response that was read to its end.
func (c *Conn) handFetch(line []byte) {
	rd, f := &c.rd, &c.rd.fetch
	if f.blanks && len(f.notes) == 0 {
		c.note("blanks put right", false, line)
	}
	wanted, _ := c.wantsUID()
	switch {
	case f.sent:
		rd.out = append(append(rd.out, f.items...), ")\r\n"...)
	case f.lost:
	case f.body && f.uid == 0 && wanted:
		c.note("body left out: it came without a UID", true, line)
	case len(f.items) == 0 && !f.first:
		// () says nothing, and imapclient could do nothing with it.
	default:
		at := len(rd.out)
		c.sendItems()
		rd.out = append(rd.out, ')')
		if !f.body && c.stray(f.uid) {
			rd.out = rd.out[:at]
			return
		}
		rd.out = append(rd.out, "\r\n"...)
	}
}

// note keeps a repair to be told of once the UID is known.
func (c *Conn) note(what string, lost bool, at []byte) {
	if f := &c.rd.fetch; c.o.Repaired != nil && len(f.notes) < maxNotes {
		f.notes = append(f.notes, Repair{What: what, Lost: lost, Excerpt: c.show(at)})
	}
}
