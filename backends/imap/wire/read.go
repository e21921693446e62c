package wire

import (
	"bytes"
	"io"
	"strconv"

	"mailsync/state"
)

// input is the way in: what was read and not handed on yet.
type input struct {
	src   io.Reader
	buf   []byte // buf[r:w] is read and not looked at
	r, w  int
	mid   bool // a response has begun
	fresh bool // the first line of a response is being read
	held  bool // raw is the first line of the next response

	raw []byte // the response being read, literals inline
	seg int    // where in raw its last line begins

	out   []byte // out[off:] is for the client
	off   int
	body  int64 // octets of a body's literal that go through next
	fetch fetch
	err   error // the end
}

// Read gives the client its next octets. At the end of the connection between two
// responses it returns io.EOF; anywhere else the end is an io.ErrUnexpectedEOF.
func (c *Conn) Read(b []byte) (int, error) {
	rd := &c.rd
	for {
		switch {
		case len(b) == 0:
			return 0, nil
		case rd.off < len(rd.out):
			n := copy(b, rd.out[rd.off:])
			rd.off += n
			return n, nil
		case rd.err != nil:
			return 0, rd.err
		case rd.body > 0:
			n, err := c.readBody(b)
			if n > 0 {
				return n, nil
			}
			rd.err = c.end(err)
		default:
			rd.out, rd.off = rd.out[:0], 0
			if err := c.next(); err != nil {
				rd.err = c.end(err)
			}
		}
	}
}

// end breaks the connection because of err, and returns what the client reads then.
func (c *Conn) end(err error) error {
	c.mu.Lock()
	ended, closed := c.ended, c.closed
	c.mu.Unlock()
	switch {
	case ended && !c.rd.mid:
		return io.EOF // how it ends after LOGOUT does not matter
	case err != io.EOF:
		return c.fail(err)
	case !closed:
		_ = c.fail(c.explain(io.EOF, "between two answers"))
	}
	return io.EOF
}

// readBody hands through what there is of a body's literal: what the buffer holds, or
// straight from the source where the client reads in large pieces.
func (c *Conn) readBody(b []byte) (int, error) {
	rd := &c.rd
	if int64(len(b)) > rd.body {
		b = b[:rd.body]
	}
	if rd.r == rd.w && len(b) >= 16<<10 {
		n, err := rd.src.Read(b)
		rd.body -= int64(n)
		if n == 0 && err != nil {
			return 0, c.cut(err, rd.body)
		}
		return n, nil
	}
	if rd.r == rd.w {
		if err := c.fill(); err != nil {
			return 0, c.cut(err, rd.body)
		}
	}
	n := copy(b, rd.buf[rd.r:rd.w])
	rd.r += n
	rd.body -= int64(n)
	return n, nil
}

// cut says that the connection ended inside a literal.
func (c *Conn) cut(err error, missing int64) error {
	return c.explain(err, "inside a literal, with "+strconv.FormatInt(missing, 10)+" octets missing")
}

// fill reads into the buffer, which is empty or has room at its end.
func (c *Conn) fill() error {
	rd := &c.rd
	if rd.r == rd.w {
		rd.r, rd.w = 0, 0
	}
	for range 100 {
		n, err := rd.src.Read(rd.buf[rd.w:])
		rd.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// readLine appends the next line, with its end, to raw, and makes it raw's last line.
func (c *Conn) readLine() error {
	rd := &c.rd
	rd.seg = len(rd.raw)
	for {
		have := rd.buf[rd.r:rd.w]
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			have = have[:i+1]
		}
		rd.raw = append(rd.raw, have...)
		rd.r += len(have)
		if len(rd.raw) > c.o.MaxLine {
			return state.Faultf(state.Other, "server sent a response of more than %d octets: %s", c.o.MaxLine, c.show(rd.raw))
		}
		if n := len(rd.raw); n > rd.seg && rd.raw[n-1] == '\n' {
			c.trace("S", rd.raw[rd.seg:])
			return nil
		}
		if rd.fresh && len(rd.raw) > 0 {
			c.responseBegins(rd.raw[:min(len(rd.raw), longestBeginning)], false)
		}
		if err := c.fill(); err != nil {
			clean := err == io.EOF || err == io.ErrUnexpectedEOF // of deflate, and of TLS without a good-bye
			if clean && len(rd.raw) == 0 && !rd.mid {
				return io.EOF
			}
			if !rd.mid && len(rd.raw) == 0 {
				return c.explain(err, "while an answer was waited for")
			}
			return c.explain(err, "inside the line "+c.show(rd.raw[rd.seg:]))
		}
		rd.mid = true
	}
}

// line is raw up to the end of its last line.
func (c *Conn) line() []byte {
	rd := &c.rd
	return rd.raw[:rd.seg+len(chomp(rd.raw[rd.seg:]))]
}

// readLiteral appends a literal of n octets to raw, growing it as they come.
func (c *Conn) readLiteral(n int64) error {
	rd := &c.rd
	if n > int64(c.o.MaxLiteral) || len(rd.raw)+int(n) > c.o.MaxLine {
		return state.Faultf(state.Other, "server announced a literal of %d octets where none so long belongs: %s", n, c.show(rd.raw))
	}
	c.traceLiteral("S", n)
	var err error
	rd.raw, err = c.gather(rd.raw, n)
	return err
}

// gather appends n octets to dst, which grows as they come.
func (c *Conn) gather(dst []byte, n int64) ([]byte, error) {
	rd := &c.rd
	for n > 0 {
		if rd.r == rd.w {
			if err := c.fill(); err != nil {
				return dst, c.cut(err, n)
			}
		}
		part := rd.buf[rd.r:rd.w]
		part = part[:min(int64(len(part)), n)]
		dst = append(dst, part...)
		rd.r += len(part)
		n -= int64(len(part))
	}
	return dst, nil
}

// discard reads n octets of a literal away.
func (c *Conn) discard(n int64) error {
	rd := &c.rd
	for n > 0 {
		if rd.r == rd.w {
			if err := c.fill(); err != nil {
				return c.cut(err, n)
			}
		}
		part := min(int64(rd.w-rd.r), n)
		rd.r += int(part)
		n -= part
	}
	return nil
}

// next reads the next response, and puts into out what the client is to see of it.
func (c *Conn) next() error {
	rd := &c.rd
	if rd.fetch.open {
		return c.resumeFetch()
	}
	const keep = 256 << 10
	if cap(rd.out) > keep {
		rd.out = nil
	}
	if !rd.held {
		if cap(rd.raw) > keep {
			rd.raw = nil
		}
		rd.mid, rd.raw, rd.fresh = false, rd.raw[:0], true
		if err := c.readLine(); err != nil {
			return err
		}
	}
	rd.mid, rd.fresh, rd.held = true, false, false
	line := c.line()
	c.responseBegins(line, true)
	if !c.greeted { // which nobody else writes
		if err := c.checkGreeting(line); err != nil {
			return err
		}
	}
	switch {
	case len(trimBlanks(line)) == 0:
		c.report(Repair{What: "empty line dropped"}, line)
		return nil
	case line[0] == '+':
		return c.continuation(line)
	case line[0] == '*':
		return c.untaggedResponse(line)
	}
	return c.tagged(line)
}

// checkGreeting refuses a server that speaks another protocol (RFC 3501, 7.1).
func (c *Conn) checkGreeting(line []byte) error {
	s := scanner{b: line}
	ok := s.take('*')
	s.blanks()
	w := s.word()
	if !ok || !is(w, "OK") && !is(w, "PREAUTH") && !is(w, "BYE") {
		return state.Faultf(state.Unreachable, "server does not speak IMAP, it greets with %s", c.show(line)).
			WithHint("check host, port and tls of this account")
	}
	c.mu.Lock()
	c.greeted = true
	c.turn.Broadcast()
	c.mu.Unlock()
	return nil
}

// report tells of a repair. at is the piece of the response it is about.
func (c *Conn) report(r Repair, at []byte) {
	if c.o.Repaired == nil {
		return
	}
	r.Excerpt = c.show(at)
	c.told(r)
}

// told tells of a repair that is complete but for its mailbox.
func (c *Conn) told(r Repair) {
	if c.o.Repaired == nil {
		return
	}
	if r.Mailbox == "" {
		c.mu.Lock()
		r.Mailbox = c.selected
		c.mu.Unlock()
	}
	c.o.Repaired(r)
}

// garbled is the error for what no sense can be made of.
func (c *Conn) garbled(why string, at []byte) error {
	return state.Faultf(state.Other, "server sent %s: %s", why, c.show(at))
}
