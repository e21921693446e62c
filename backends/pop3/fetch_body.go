package pop3

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"

	"mailsync/state"
)

// wholeBody is the size up to which a message is read before it is handed on, so that its
// length is known then: LIST's is not to be relied on, and POP3 announces no other. It is
// also how much of a message is looked at for its date.
const wholeBody = 256 << 10

// hear reads the answer to the first ask, and to the mark behind it.
func (f *fetching) hear() error {
	c, at := f.s.c, f.window.first()
	_, err := c.reply()
	if r, refused := asRefusal(err); refused {
		// Something is wrong with this message, whatever the response code says about the server.
		f.answered(state.Faultf(state.Other, "RETR: %w", r).
			WithHint("the server lists the message and refuses to send it: look at it with the provider's webmail"))
		return f.marked(at, true)
	}
	if err != nil {
		return err
	}
	f.sum.Reset()
	d := &dotReader{r: c.r, sum: &f.sum}
	var handed bool
	var bad error
	if at.again {
		if d.skip() == nil && f.sum.Sum64() != at.sum {
			bad = errOtherBytes
		}
	} else {
		handed, bad, err = f.hand(at, d)
	}
	if f.stopped != nil {
		c.drop()
		return f.stopped
	}
	if err == nil {
		err = c.bodyEnded(d)
	} else {
		err = c.fail("read a message from "+c.o.Host, err)
	}
	if err != nil && handed {
		f.answered(err) // work takes a message once only in an item: this is for another one
		f.cutAt = at.uid
	}
	if err != nil {
		return err
	}
	at.sum = f.sum.Sum64()
	f.suspect = at
	f.answered(bad)
	f.breaks = 0
	clear(f.broke)
	if at.led && at.msg.size >= 0 && d.n != at.msg.size {
		return f.doubted(at, c.garbled("message %d has an answer's first line in front of it", at.msg.no))
	}
	return f.marked(at, false)
}

// hand reads a message and hands it to work. handed means that work saw it, bad that it is complete
// and not what it should be; err is the connection's. Done gets both, whatever work made of its
// reader's error.
func (f *fetching) hand(at *ask, d *dotReader) (handed bool, bad, err error) {
	if f.buf == nil {
		f.buf = make([]byte, wholeBody+1)
	}
	n, err := f.fill(at, d)
	if err != nil && err != io.EOF {
		return false, nil, err
	}
	head := f.buf[:n]
	at.led = bytes.HasPrefix(head, []byte("+OK")) || bytes.HasPrefix(head, []byte("-ERR"))
	msg := state.Incoming{UID: at.uid, Date: receivedDate(head), Size: int64(n)}
	body := io.Reader(bytes.NewReader(head))
	want, byBytes := f.s.list.digests[at.uid]
	var sum *checked
	switch {
	case err != nil && byBytes && sha256.Sum256(head) != want.digest:
		f.uncount(at, n)
		return false, errOtherBytes, nil
	case err == nil:
		msg.Size = -1
		if body = io.MultiReader(body, d); byBytes {
			sum = &checked{r: body, h: sha256.New(), want: want.digest}
			body = sum
		}
	}
	f.stopped = f.work.Body(at.p.item, msg, body)
	switch {
	case f.stopped == nil && d.err != nil && d.err != io.EOF:
		return true, nil, d.err
	case sum != nil:
		return true, sum.bad, nil
	}
	return true, nil, nil
}

// fill reads the beginning of a message, and has work count it meanwhile.
func (f *fetching) fill(at *ask, d *dotReader) (n int, err error) {
	if w, counts := f.work.(state.CountingWork); counts {
		d.came = func(n int) { w.Arriving(at.p.item, n) }
		defer func() { d.came = nil }()
	}
	n, err = state.Fill(d, f.buf)
	if err != nil && err != io.EOF {
		f.uncount(at, n)
	}
	return n, err
}

// uncount takes back what was counted of a message that work will not be given.
func (f *fetching) uncount(at *ask, octets int) {
	if w, counts := f.work.(state.CountingWork); counts {
		w.Arriving(at.p.item, -octets)
	}
}

// checked fails at the end of a message that has another digest than it should have.
type checked struct {
	r    io.Reader
	h    hash.Hash
	want [sha256.Size]byte
	bad  error
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.h.Write(p[:n])
	if err == io.EOF && [sha256.Size]byte(c.h.Sum(nil)) != c.want {
		c.bad = fmt.Errorf("read the message: %w", errOtherBytes)
		return n, c.bad
	}
	return n, err
}

// receivedDate returns the date of the first Received field in head, the beginning of a
// message: when the last server on its way took it (RFC 5321 section 4.4), in seconds
// since 1970. state.NoDate where there is no such field, or it cannot be read.
func receivedDate(head []byte) int64 {
	var field []byte // unfolded
	found := false
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		head = rest
		switch folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t'); {
		case found && folded:
			field = append(append(field, ' '), line...)
		case found || len(line) == 0:
			return dateOf(field)
		default:
			name, value, ok := bytes.Cut(line, []byte{':'})
			if found = ok && strings.EqualFold(string(bytes.TrimRight(name, " \t")), "received"); found {
				field = bytes.Clone(value)
			}
		}
	}
	return dateOf(field)
}

// dateOf reads what follows the last semicolon of a Received field.
func dateOf(field []byte) int64 {
	i := bytes.LastIndexByte(field, ';')
	if i < 0 {
		return state.NoDate
	}
	return state.ParseDate(string(field[i+1:]))
}
