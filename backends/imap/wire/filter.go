package wire

import (
	"io"
	"strings"
	"sync/atomic"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// filter makes of what the server sends what the client reads. The goroutine that reads uses
// it.
type filter struct {
	o     *Options
	rd    *reader
	x     *exchange
	log   *tracer
	loose atomic.Bool // see SetLoose

	greeted bool   // the greeting was read
	out     []byte // out[off:] is for the client
	off     int
	body    int64 // octets of a body's literal that go through next
	fetch   fetch
	err     error // the end
}

// Read gives the client its next octets. At the end of the connection between two
// responses it returns io.EOF; anywhere else the end is an io.ErrUnexpectedEOF.
func (in *filter) Read(b []byte) (int, error) {
	for {
		switch {
		case len(b) == 0:
			return 0, nil
		case in.off < len(in.out):
			n := copy(b, in.out[in.off:])
			in.off += n
			return n, nil
		case in.err != nil:
			return 0, in.err
		case in.body > 0:
			n, err := in.rd.pass(b, in.body)
			in.body -= int64(n)
			if n > 0 {
				return n, nil
			}
			in.err = in.end(err)
		default:
			in.out, in.off = in.out[:0], 0
			if err := in.next(); err != nil {
				in.err = in.end(err)
			}
		}
	}
}

// end breaks the connection because of err, and returns what the client reads then.
func (in *filter) end(err error) error {
	ended := in.x.ended()
	switch {
	case ended.loggedOut && !in.rd.sock.mid:
		return io.EOF // how it ends after LOGOUT does not matter
	case err != io.EOF:
		return in.x.fail(err)
	case !ended.closed:
		_ = in.x.fail(in.rd.sock.explain(io.EOF, "while an answer was waited for"))
	}
	return io.EOF
}

// next reads the next response, and puts into out what the client is to see of it.
func (in *filter) next() error {
	if in.fetch.open {
		return in.fetch.resume()
	}
	if cap(in.out) > keep {
		in.out = nil
	}
	line, err := in.rd.first()
	if err != nil {
		return err
	}
	in.x.responseBegins(line, true)
	if !in.greeted {
		if err := in.checkGreeting(line); err != nil {
			return err
		}
	}
	switch {
	case strings.Trim(line, " \t") == "":
		in.report(Repair{What: "empty line dropped"}, line)
		return nil
	case line[0] == '+':
		return in.continuation(line)
	case line[0] == '*':
		return in.untaggedResponse(line)
	}
	return in.tagged(line)
}

// checkGreeting refuses a server that speaks another protocol (RFC 3501, 7.1).
func (in *filter) checkGreeting(line string) error {
	c := grammar.Scan(line, nil)
	ok := c.Eat('*')
	c.SP()
	switch strings.ToUpper(c.Word()) {
	case "OK", "PREAUTH", "BYE":
	default:
		ok = false
	}
	if !ok {
		return state.Faultf(state.Unreachable, "server does not speak IMAP, it greets with %s", in.log.show(line)).
			WithHint("check host, port and tls of this account")
	}
	in.greeted = true
	in.x.greet()
	return nil
}

// report reports a repair. at is the piece of the response it is about.
func (in *filter) report(r Repair, at string) {
	r.Excerpt, r.Mailbox = in.log.show(at), in.x.mailbox()
	in.o.Repaired(r)
}
