package imapscript

import (
	"io"
	"net"
	"strings"
	"time"
)

// Answering returns a connection to a server that greets so, answers the first command so, and
// closes the connection. It is no network's: fuzzing makes thousands a second.
func Answering(greeting, answer string) net.Conn {
	a := &answering{said: make(chan []byte, 2), answer: answer}
	a.said <- []byte(greeting + "\r\n")
	return a
}

type answering struct {
	net.Conn
	said   chan []byte
	answer string
	rest   []byte
	heard  string
}

func (a *answering) Read(b []byte) (int, error) {
	if len(a.rest) == 0 {
		var open bool
		if a.rest, open = <-a.said; !open {
			return 0, io.EOF
		}
	}
	n := copy(b, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

func (a *answering) Write(b []byte) (int, error) {
	before := a.heard
	if a.heard += string(b); !strings.Contains(before, "\r\n") && strings.Contains(a.heard, "\r\n") {
		a.said <- []byte(a.answer)
		close(a.said)
	}
	return len(b), nil
}

func (a *answering) Close() error                     { return nil }
func (a *answering) SetReadDeadline(time.Time) error  { return nil }
func (a *answering) SetWriteDeadline(time.Time) error { return nil }
