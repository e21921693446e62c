package pop3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// dotReader reads the body of a multi-line answer, which ends with a line that holds
// nothing but a dot. Lines end with CRLF and with nothing else, so LF.LF is part of a
// message; of a line that begins with a dot, that one dot is taken off (RFC 1939
// section 3). Every other octet is passed on as it was sent.
//
// Read returns io.EOF after the dot, and never before: where the connection ends
// earlier it is io.ErrUnexpectedEOF.
type dotReader struct {
	r    *bufio.Reader
	last tail
	err  error     // what Read returns from now on
	n    int64     // octets read so far
	sum  io.Writer // gets them as well; nil: nobody does
	came func(int) // is told of them; nil: nobody is
}

// tail is what the octets read so far end with, as far as it matters.
type tail uint8

const (
	lineStart tail = iota // CRLF, or nothing read yet, after the status line
	afterCR
	midLine
)

var stuffed = []byte("\r\n.")

// Read fills p as far as it can without waiting for more than one octet.
func (d *dotReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && d.err == nil {
		if n > 0 && d.r.Buffered() == 0 {
			break
		}
		n += d.some(p[n:])
	}
	d.n += int64(n)
	if d.came != nil && n > 0 {
		d.came(n)
	}
	if d.sum != nil {
		_, _ = d.sum.Write(p[:n]) // a hash takes all
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, d.err
}

// some copies what is buffered up to the next dot at the start of a line. It can copy
// nothing where all it does is to take such a dot off.
func (d *dotReader) some(p []byte) int {
	b, err := d.ahead(1)
	if err != nil {
		return 0
	}
	if d.last == lineStart && b[0] == '.' {
		d.dot()
		return 0
	}
	b, _ = d.r.Peek(min(d.r.Buffered(), len(p)))
	if d.last == afterCR && b[0] == '\n' {
		b = b[:1] // whether a dot follows is for the next call to see
		d.last = lineStart
	} else {
		if i := bytes.Index(b, stuffed); i >= 0 {
			b = b[:i+2]
		}
		d.last = tailOf(b)
	}
	copy(p, b)
	d.r.Discard(len(b))
	return len(b)
}

// tailOf is what b, which begins within a line, ends with.
func tailOf(b []byte) tail {
	switch {
	case bytes.HasSuffix(b, stuffed[:2]):
		return lineStart
	case b[len(b)-1] == '\r':
		return afterCR
	}
	return midLine
}

// dot takes off the dot at the start of a line, or ends the body with it.
func (d *dotReader) dot() {
	b, err := d.ahead(2)
	if err != nil {
		return
	}
	if b[1] == '\r' {
		// Something must follow, for this line is not over: waiting for it cannot hang
		// with a server that speaks POP3.
		if b, err = d.ahead(3); err != nil {
			return
		}
		if b[2] == '\n' {
			d.r.Discard(3)
			d.err = io.EOF
			return
		}
	}
	d.r.Discard(1)
	d.last = midLine
}

// ahead looks at octets without taking them. An end is one that is too early.
func (d *dotReader) ahead(n int) ([]byte, error) {
	b, err := d.r.Peek(n)
	if d.err = err; errors.Is(err, io.EOF) {
		d.err = io.ErrUnexpectedEOF
	}
	return b, err
}

// skip reads the rest. It returns nil if the body ended as it should.
func (d *dotReader) skip() error {
	_, err := io.Copy(io.Discard, d)
	return err
}
