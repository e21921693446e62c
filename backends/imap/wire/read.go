package wire

import (
	"bytes"
	"io"
	"strconv"

	"mailsync/state"
)

// reader splits what is read into lines and literals, and bounds both. The goroutine that reads
// uses it.
type reader struct {
	o     *Options
	sock  *socket
	x     *exchange
	log   *tracer
	buf   []byte // buf[r:w] is read and not looked at
	r, w  int
	fresh bool // the first line of a response is being read
	held  bool // raw is the first line of the next response

	raw  []byte   // the text of the response being read
	seg  int      // where in raw its last line begins
	lits [][]byte // the contents of the literals whose headers are in raw
	size int      // of all of those
}

// maxLiterals is how many one response may have.
const maxLiterals = 256

// keep is how much of what a long response took is kept for the next one.
const keep = 256 << 10

// first reads the first line of the next response.
func (rd *reader) first() (string, error) {
	if !rd.held {
		if cap(rd.raw) > keep {
			rd.raw = nil
		}
		rd.sock.mid, rd.fresh = false, true
		rd.clear()
		if err := rd.readLine(); err != nil {
			return "", err
		}
	}
	rd.sock.mid, rd.fresh, rd.held = true, false, false
	return string(rd.line()), nil
}

// next reads the line in which a response continues, in place of what was read of it.
func (rd *reader) next() error {
	rd.clear()
	return rd.readLine()
}

// clear forgets what was read of a response.
func (rd *reader) clear() { rd.raw, rd.lits, rd.size = rd.raw[:0], nil, 0 }

// pass hands through a piece of a literal of which left octets are missing: what the buffer
// holds, or straight from the source where the client reads in large pieces.
func (rd *reader) pass(b []byte, left int64) (int, error) {
	if int64(len(b)) > left {
		b = b[:left]
	}
	if rd.r == rd.w && len(b) >= 16<<10 {
		n, err := rd.sock.src.Read(b)
		if n == 0 && err != nil {
			return 0, rd.cut(err, left)
		}
		return n, nil
	}
	if rd.r == rd.w {
		if err := rd.fill(); err != nil {
			return 0, rd.cut(err, left)
		}
	}
	n := copy(b, rd.buf[rd.r:rd.w])
	rd.r += n
	return n, nil
}

// deflate turns on compression.
func (rd *reader) deflate() error {
	rest := bytes.Clone(rd.buf[rd.r:rd.w])
	rd.r, rd.w = 0, 0
	return rd.sock.deflate(rest)
}

// cut is the error where the connection ended inside a literal.
func (rd *reader) cut(err error, missing int64) error {
	return rd.sock.explain(err, "inside a literal, with "+strconv.FormatInt(missing, 10)+" octets missing")
}

// fill reads into the buffer, which is empty or has room at its end.
func (rd *reader) fill() error {
	if rd.r == rd.w {
		rd.r, rd.w = 0, 0
	}
	for range 100 {
		n, err := rd.sock.src.Read(rd.buf[rd.w:])
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
func (rd *reader) readLine() error {
	rd.seg = len(rd.raw)
	for {
		have := rd.buf[rd.r:rd.w]
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			have = have[:i+1]
		}
		rd.raw = append(rd.raw, have...)
		rd.r += len(have)
		if len(rd.raw) > rd.o.MaxLine {
			return state.Faultf(state.Other, "server sent a response of more than %d octets: %s", rd.o.MaxLine, rd.log.show(string(rd.raw)))
		}
		if n := len(rd.raw); n > rd.seg && rd.raw[n-1] == '\n' {
			if rd.log.On() {
				rd.log.Line("S", rd.shown(string(rd.raw[rd.seg:])))
			}
			return nil
		}
		if rd.fresh && len(rd.raw) > 0 {
			rd.x.responseBegins(string(rd.raw[:min(len(rd.raw), longestBeginning)]), false)
		}
		if err := rd.fill(); err != nil {
			clean := err == io.EOF || err == io.ErrUnexpectedEOF // of deflate, and of TLS without a good-bye
			if clean && len(rd.raw) == 0 && !rd.sock.mid {
				return io.EOF
			}
			if !rd.sock.mid && len(rd.raw) == 0 {
				return rd.sock.explain(err, "while an answer was waited for")
			}
			return rd.sock.explain(err, "inside the line "+rd.log.show(string(rd.raw[rd.seg:])))
		}
		rd.sock.mid = true
	}
}

// shown is a line as a trace shows it: a password can be tried against what is in a challenge.
func (rd *reader) shown(line string) string {
	if len(line) > 3 && line[0] == '+' && rd.x.proving() {
		return "+ ***"
	}
	return line
}

// line is raw up to the end of its last line.
func (rd *reader) line() []byte {
	return rd.raw[:rd.seg+len(chomp(rd.raw[rd.seg:]))]
}

// readLiteral reads a literal of n octets that is not a body.
func (rd *reader) readLiteral(n int64) error {
	if n > int64(rd.o.MaxLiteral) || len(rd.raw)+rd.size+int(n) > rd.o.MaxLine {
		return state.Faultf(state.Other, "server announced a literal of %d octets where none so long belongs: %s", n, rd.log.show(string(rd.raw)))
	}
	rd.log.Octets("S", n)
	lit, err := rd.gather(nil, n)
	rd.lits, rd.size = append(rd.lits, lit), rd.size+len(lit)
	return err
}

// gather appends n octets of a literal to dst, which grows as they are read.
func (rd *reader) gather(dst []byte, n int64) ([]byte, error) {
	err := rd.parts(n, func(part []byte) { dst = append(dst, part...) })
	return dst, err
}

// discard reads n octets of a literal, and drops them.
func (rd *reader) discard(n int64) error { return rd.parts(n, func([]byte) {}) }

// parts hands over n octets of a literal as they are read.
func (rd *reader) parts(n int64, take func([]byte)) error {
	for n > 0 {
		if rd.r == rd.w {
			if err := rd.fill(); err != nil {
				return rd.cut(err, n)
			}
		}
		part := rd.buf[rd.r:rd.w]
		part = part[:min(int64(len(part)), n)]
		take(part)
		rd.r += len(part)
		n -= int64(len(part))
	}
	return nil
}

// rest reads the literals of a response whose first line is read, and what follows them. It
// returns the text of the response without its end.
func (rd *reader) rest(first string) (string, error) {
	var lex lexer
	from := 0
	for n := 0; ; n++ {
		line := rd.line()
		start, size, ok, err := rd.header(line)
		if ok {
			lex.run(line[from:start], from)
		}
		switch {
		case err != nil:
			return "", err
		case (!ok || lex.quoted) && n == 0:
			return first, nil
		case !ok || lex.quoted:
			return string(line), nil
		}
		if err := rd.inline(start, size, n); err != nil {
			return "", err
		}
		from = rd.seg
	}
}

// header finds the literal's header that ends a line, a literal8's ~ included.
func (rd *reader) header(line []byte) (start int, size int64, ok bool, err error) {
	if rd.seg == len(line) {
		return 0, 0, false, nil
	}
	start, size, _, ok, bad := announced(line)
	if bad {
		return 0, 0, false, rd.log.garbled("a literal of an impossible size", string(line))
	}
	if !ok || start < rd.seg {
		return 0, 0, false, nil
	}
	if start > rd.seg && line[start-1] == '~' {
		start--
	}
	return start, size, true, nil
}

// inline reads a literal that is not a body, the nth of its response, and the line after
// it.
func (rd *reader) inline(start int, size int64, n int) error {
	if n >= maxLiterals {
		return rd.log.garbled("more literals in one response than any needs", string(rd.raw))
	}
	rd.raw = appendHeader(rd.raw[:start], size, "")
	if err := rd.readLiteral(size); err != nil {
		return err
	}
	return rd.readLine()
}
