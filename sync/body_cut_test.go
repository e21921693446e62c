package sync_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
)

// longMail is a message whose first octets, so many, end with a line where that is asked for.
// A line with a dot in front follows.
func longMail(n int, lines bool) string {
	head := "Subject: long\r\nMessage-ID: <long@example.org>\r\n\r\n"
	body := head + strings.Repeat("A line of a message that is long.\r\n", n/35+1)
	if n == 0 {
		return ".dot\r\n" + body
	}
	body = body[:n]
	if lines && n > 1 {
		body = strings.TrimRight(body[:n-2], "\r") + "\r\n"
		body = strings.Repeat("x", n-len(body)) + body
	}
	return body + ".dot\r\nand more of it\r\n"
}

// cuttingServer ends the body of one message with an error, and yet ends its item well. size
// says that it tells how long the body is.
type cuttingServer struct {
	port.Server
	uid      state.UID
	after    int
	err      error
	together bool // the error comes with the last octet
	size     bool
	more     bool // no error, but more octets than were told
}

func (c cuttingServer) Fetch(ctx context.Context, w state.Work) error {
	return c.Server.Fetch(ctx, cuttingWork{w, c})
}

type cuttingWork struct {
	state.Work
	c cuttingServer
}

func (w cuttingWork) Body(item state.Item, msg state.Incoming, r io.Reader) error {
	if msg.UID != w.c.uid {
		return w.Work.Body(item, msg, r)
	}
	msg.Size = -1
	if w.c.size {
		msg.Size = int64(w.c.after)
	}
	if w.c.more {
		return w.Work.Body(item, msg, r)
	}
	return w.Work.Body(item, msg, &cutReader{r: r, left: w.c.after, err: w.c.err, together: w.c.together})
}

type cutReader struct {
	r        io.Reader
	left     int
	err      error
	together bool
}

func (c *cutReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 && c.together {
		err = c.err
	}
	return n, err
}

// The reader's error is enough: a body that ends with one does not count, though its item
// ended well, and though as many octets came as were told.
func TestBodyThatEndsWithAnError(t *testing.T) {
	for _, n := range []int{1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, 320 << 10} {
		for _, bad := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.EOF), os.ErrDeadlineExceeded, nil} {
			for _, together := range []bool{false, true} {
				for _, size := range []bool{false, true} {
					if bad == nil && !size {
						continue // nothing is wrong
					}
					l := newLab()
					l.server.Change("INBOX", func(m *mem.Mailbox) {
						for _, body := range append(popMails(2), longMail(400<<10, true)) {
							m.Add(body, 1_700_000_000)
						}
					})
					l.change = func(a *port.Account) {
						a.Server = cuttingServer{a.Server, 3, n, bad, together, size, bad == nil}
					}
					when := fmt.Sprintf("%d octets, %v, together %t, length told %t", n, bad, together, size)
					r := l.run(nil, nil)
					if len(r.Problems) != 1 || r.Problems[0].UID != 3 || r.Here != 2 || r.Outstanding != 1 || len(l.files(t)) != 2 {
						t.Fatalf("%s: %d here, %d outstanding, %d files: %v %v", when, r.Here, r.Outstanding, len(l.files(t)), r.Problems, r.Fatal)
					}
					l.change = nil
					l.clean(t)
					for _, f := range l.files(t) {
						if strings.Contains(f.body, "long") && len(f.body) != len(longMail(400<<10, true)) {
							t.Fatalf("%s: then %d octets", when, len(f.body))
						}
					}
				}
			}
		}
	}
}
