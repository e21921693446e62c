package pop3script

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"mailsync/internal/testkit/stage"
)

// Peer is the server's end of one connection. A method that cannot go on because the
// client is gone ends the handler.
type Peer struct {
	*stage.Peer
	tls *tls.Config // what STLS is answered with
}

// Send sends lines.
func (p *Peer) Send(lines ...string) {
	p.Raw([]byte(strings.Join(lines, "\r\n") + "\r\n"))
}

// Sendf sends a line.
func (p *Peer) Sendf(format string, args ...any) { p.Send(fmt.Sprintf(format, args...)) }

// Text sends a message or a listing as the body of a multi-line answer: dots doubled, with
// a line end added if it lacks one, and the dot at the end.
func (p *Peer) Text(body string) { p.Raw(Stuffed(body)) }

// Stuffed is a body as it is sent.
func Stuffed(body string) []byte {
	var b bytes.Buffer
	for rest := body; rest != ""; {
		line, after, ended := strings.Cut(rest, "\r\n")
		if strings.HasPrefix(line, ".") {
			b.WriteByte('.')
		}
		b.WriteString(line + "\r\n")
		if rest = after; !ended {
			break
		}
	}
	b.WriteString(".\r\n")
	return b.Bytes()
}

// Drip sends octets so many at a time, with a pause after each lot.
func (p *Peer) Drip(b []byte, lot int, pause time.Duration) {
	for len(b) > 0 {
		n := min(lot, len(b))
		p.Raw(b[:n])
		b = b[n:]
		time.Sleep(pause)
	}
}

// Next reads the next command; ok is false when the client has closed the connection
// instead.
func (p *Peer) Next() (verb, args string, ok bool) {
	line, err := p.ReadLine()
	if err != nil {
		return "", "", false
	}
	p.Stage.Record(line)
	verb, args, _ = strings.Cut(line, " ")
	return strings.ToUpper(verb), args, true
}

// Line reads a line that is no command.
func (p *Peer) Line() string {
	line, err := p.ReadLine()
	if err != nil {
		p.End()
	}
	return line
}

// StartTLS answers STLS and shakes hands.
func (p *Peer) StartTLS() {
	p.Send("+OK go ahead")
	p.Wrap(func(conn net.Conn) (io.Reader, io.Writer) {
		c := tls.Server(conn, p.tls)
		if err := c.Handshake(); err != nil {
			p.End()
		}
		return c, c
	})
}
