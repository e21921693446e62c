package pop3

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"mailsync/state"
)

// wholeBody is the size up to which a message is read before it is handed on, so that its
// length is known then: LIST's is not to be relied on, and POP3 announces no other. It is
// also how much of a message is looked at for its date.
const wholeBody = 256 << 10

// hear reads the answer to the first ask.
func (f *fetching) hear() error {
	c, at := f.s.c, f.asks[0]
	d, err := c.body()
	if r, refused := asRefusal(err); refused {
		f.confirm()
		f.answered(retrFault(r))
		return nil
	}
	if err != nil {
		return err
	}
	f.confirm()
	handed, bad, err := f.hand(at, d)
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
		// work has seen it fail and takes it once only in this item.
		f.answered(err)
		f.blameless = true
	}
	if err != nil {
		return err
	}
	f.suspect = at.p
	f.answered(bad)
	f.breaks, f.skipped = 0, 0
	if f.a.careful {
		return f.toTheEnd()
	}
	return nil
}

// confirm tells work of the items that ended before the status line which just came, and
// which shows that their last message ended where it seemed to.
func (f *fetching) confirm() {
	f.suspect = nil
	f.finish()
}

// retrFault is what a refused RETR means: something is wrong with this message, whatever
// the response code says of the server.
func retrFault(r *refusal) error {
	return state.Faultf(state.Other, "RETR: %w", r).
		WithHint("the server shows the message and does not hand it out: look at it with the provider's webmail")
}

// hand reads a message and hands it to work. handed says that work saw it, bad that it
// came whole and is not what it should be; err is the connection's.
func (f *fetching) hand(at *ask, d *dotReader) (handed bool, bad, err error) {
	if f.buf == nil {
		f.buf = make([]byte, wholeBody+1)
	}
	n, err := fill(d, f.buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, nil, err
	}
	head := f.buf[:n]
	msg := state.Incoming{UID: at.uid, Date: receivedDate(head), Size: int64(n)}
	body := io.Reader(bytes.NewReader(head))
	want, byBytes := f.s.list.digests[at.uid]
	switch {
	case err != nil && byBytes && sha256.Sum256(head) != want.digest:
		return false, errOtherBytes, nil
	case err == nil:
		msg.Size = -1
		if body = io.MultiReader(body, d); byBytes {
			body = &checked{r: body, h: sha256.New(), want: want.digest}
		}
	}
	f.stopped = f.work.Body(at.p.item, msg, body)
	if f.stopped == nil && d.err != nil && d.err != io.EOF {
		return true, nil, d.err
	}
	return true, nil, nil
}

// fill reads until buf is full, which is no error, or the message ends, which is io.EOF.
func fill(d *dotReader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = d.Read(buf[n:])
		n += k
	}
	return n, err
}

// checked fails at the end of a message that has another digest than it should have.
type checked struct {
	r    io.Reader
	h    hash.Hash
	want [sha256.Size]byte
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.h.Write(p[:n])
	if err == io.EOF && [sha256.Size]byte(c.h.Sum(nil)) != c.want {
		return n, fmt.Errorf("read the message: %w", errOtherBytes)
	}
	return n, err
}
