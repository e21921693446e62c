package wire

import (
	"errors"

	"mailsync/state"
)

// ErrTail is what LastError is of a connection that broke because what followed a body in its
// FETCH response could not be read.
var ErrTail = errors.New("something that cannot be read after a body")

// maxTails is how many lines a FETCH response may go on for behind a body, with SetLoose.
const maxTails = 3

// SetLoose allows a FETCH response to continue in the next line behind a body, as some
// servers write it, or end there without its parenthesis. It is for who compares the octets of
// a body with what was announced (RFC822.SIZE), for a literal that was counted short by
// its last empty line looks the same.
func (c *Conn) SetLoose(on bool) { c.in.loose.Store(on) }

// fetch is a FETCH response on its way. imapclient hands a message over as soon as it
// meets a body, so its UID must be before it: where the server sends it later, the
// items are held back, a body of up to MaxHeld with them.
type fetch struct {
	in     *filter
	open   bool // a body was passed on, the rest is not read yet
	sent   bool // its beginning was handed to the client
	byUID  bool // it is a UIDFETCH
	first  bool // the UID is put before the items, and is not among them
	guess  bool // uid is the only one asked for; the server has not sent it yet
	body   bool // it had a body's item
	lost   bool // it cannot be handed to the client
	blanks bool // more or fewer of them than there should be
	tails  int  // further lines behind a body
	seq    string
	uid    uint32
	items  []byte // in canonical form, each with a blank before it
	at     place
	notes  []Repair
}

// place is how far the lines of a FETCH response were looked at.
type place struct {
	pos  int // where in raw the items begin that are not looked at yet
	lits int
	lex  lexer
}

// line goes to the beginning of the next line.
func (p *place) line() { p.pos, p.lex = 0, lexer{depth: 1} }

const maxNotes = 8 // repairs reported of one response

// begin takes a FETCH response whose first line is read, its items from pos on. With byUID, seq is a UID.
func (f *fetch) begin(seq string, byUID bool, first string, pos int) error {
	items := f.items[:0]
	if cap(items) > f.in.o.MaxLiteral {
		items = nil
	}
	*f = fetch{in: f.in, seq: seq, byUID: byUID, items: items, notes: f.notes[:0], at: place{pos: pos, lex: lexer{depth: 1}}}
	if byUID {
		f.first = true
		f.takeUID("UID", seq)
	}
	return f.run(first)
}

// resume reads the line after a body.
func (f *fetch) resume() error {
	if err := f.in.rd.next(); err != nil {
		return err
	}
	f.in.x.bodyEnded()
	f.open = false
	f.at.line()
	return f.run("")
}

// run looks at the lines up to the next body or to the end. first is the one that is read,
// "" where nobody has made it a string.
func (f *fetch) run(first string) error {
	from := f.at.pos
	for {
		line := f.in.rd.line()
		start, size, ok, err := f.in.rd.header(line)
		if err != nil {
			return err
		}
		if ok {
			f.at.lex.run(line[from:start], from)
		}
		if !ok || f.at.lex.quoted {
			if from > f.at.pos || first == "" {
				first = string(line)
			}
			return f.end(first)
		}
		if f.at.lits++; f.at.lits > maxLiterals {
			return f.in.log.garbled("more literals in one response than any needs", string(f.in.rd.raw))
		}
		if f.at.lex.depth == 1 && !f.at.lex.section && f.at.lex.token >= f.at.pos {
			if name := trimBlanks(string(line[f.at.lex.token:start])); isBody(name) {
				return f.takeBody(name, size)
			}
		}
		if err := f.in.rd.inline(start, size, 0); err != nil {
			return err
		}
		from = f.in.rd.seg
	}
}

// takeBody takes a body's literal of that size; its item's name is the last token.
func (f *fetch) takeBody(name string, size int64) error {
	before := string(f.in.rd.raw[f.at.pos:f.at.lex.token])
	if end, ok := f.takeItems(before); !ok || end != len(before) || f.tails > 0 {
		return f.in.log.garbled("a FETCH response that cannot be read", string(f.in.rd.raw))
	}
	if f.lost {
		return f.skipBody(size)
	}
	if !isWhole(name) {
		f.note("body of an unknown section left out", true, name)
		return f.skipBody(size)
	}
	if wanted, only := f.in.x.wantsUID(); wanted && f.uid == 0 && !f.sent {
		if only == 0 {
			return f.holdBody(size)
		}
		f.uid, f.guess, f.first = only, true, true
	}
	f.items = append(append(append(f.items, ' '), wholeBody...), ' ')
	f.items = appendHeader(f.items, size, "\r\n")
	f.pass()
	f.body, f.open, f.in.body = true, true, size
	f.in.log.Octets("S", size)
	return nil
}

// pass hands to the client what there is of the response.
func (f *fetch) pass() {
	items := f.items
	if !f.sent {
		f.in.out = append(append(append(f.in.out, "* "...), f.seq...), " FETCH ("...)
		switch {
		case f.first:
			f.in.out = appendUint(append(f.in.out, "UID "...), f.uid)
		case len(items) > 0:
			items = items[1:]
		}
	}
	f.in.out = append(f.in.out, items...)
	f.items, f.sent = f.items[:0], true
}

// holdBody keeps a body until the UID is known, or leaves it out if it is too large.
func (f *fetch) holdBody(size int64) error {
	f.first = true
	if size > int64(f.in.o.MaxHeld-len(f.items)) {
		f.note("body left out: it was sent before its UID and is too large to wait for it", true, wholeBody)
		return f.skipBody(size)
	}
	f.in.log.Octets("S", size)
	f.body = true
	f.items = append(append(append(f.items, ' '), wholeBody...), ' ')
	var err error
	if f.items, err = f.in.rd.gather(appendHeader(f.items, size, "\r\n"), size); err != nil {
		return err
	}
	return f.resume()
}

func (f *fetch) skipBody(size int64) error {
	f.in.log.Octets("S", size)
	if err := f.in.rd.discard(size); err != nil {
		return err
	}
	return f.resume()
}

// end takes the last line of the response.
func (f *fetch) end(line string) error {
	rest := line[f.at.pos:]
	end, ok := f.takeItems(rest)
	goesOn := ok && f.body && end == len(rest)
	if goesOn && f.tails < maxTails && f.in.loose.Load() {
		f.tails++
		f.note("FETCH response without an end in its line", false, line)
		if ended, err := f.tail(); err != nil || !ended {
			return err
		}
	} else if ok = ok && end < len(rest) && rest[end] == ')'; ok {
		after := rest[end+1:]
		ok = trimBlanks(after) == ""
		f.blanks = f.blanks || len(after) > 0
	}
	switch {
	case !ok && (f.sent || goesOn):
		return state.Faultf(state.Other, "server sent %w: %s", ErrTail, f.in.log.show(line))
	case !ok:
		f.lost = true
		f.note("FETCH response that cannot be read dropped", true, line)
	case f.guess:
		f.note("body without a UID, taken for the only message asked for", false, line)
	case f.first && f.uid != 0 && !f.lost && !f.byUID:
		f.note("UID after the body, put before it", false, line)
	}
	f.hand(line)
	for _, n := range f.notes {
		n.UID, n.Mailbox = f.uid, f.in.x.mailbox()
		f.in.o.Repaired(n)
	}
	return nil
}

// tail reads the line behind one at which a response should have ended. ended means that it is
// another response, which is held for next; else the response continues in it, and was read.
func (f *fetch) tail() (ended bool, err error) {
	if err := f.in.rd.next(); err != nil {
		return false, err
	}
	if f.in.x.isBeginning(string(f.in.rd.line())) {
		f.in.rd.held = true
		return true, nil
	}
	f.at.line()
	return false, f.run("")
}

// hand hands over a response that was read to its end.
func (f *fetch) hand(line string) {
	if f.blanks && len(f.notes) == 0 {
		f.note("blanks put right", false, line)
	}
	wanted, _ := f.in.x.wantsUID()
	switch {
	case f.sent:
		f.in.out = append(append(f.in.out, f.items...), ")\r\n"...)
		f.in.x.given(f.uid)
	case f.lost:
	case f.body && f.uid == 0 && wanted:
		f.note("body left out: it has no UID", true, line)
	case len(f.items) == 0 && !f.first:
		// () holds nothing, and imapclient could do nothing with it.
	default:
		at := len(f.in.out)
		f.pass()
		f.in.out = append(f.in.out, ')')
		if !f.body && f.in.x.awaitsBody(f.uid) {
			f.in.out = f.in.out[:at]
			return
		}
		f.in.out = append(f.in.out, "\r\n"...)
		f.in.x.given(f.uid)
	}
}

// note keeps a repair to be reported once the UID is known.
func (f *fetch) note(what string, lost bool, at string) {
	if len(f.notes) < maxNotes {
		f.notes = append(f.notes, Repair{What: what, Lost: lost, Excerpt: f.in.log.show(at)})
	}
}
