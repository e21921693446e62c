package wire

import (
	"bytes"
	"sync"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// writer is the way out: a command is sent when its line, or the part of it up to a
// literal, is whole, so that one that is refused leaves no trace on the server.
type writer struct {
	readOnly bool
	sock     *socket
	x        *exchange
	log      *tracer

	mu      sync.Mutex // one writes at a time
	line    []byte
	literal int64  // octets of a literal that are still to come from the client
	going   bool   // the command goes on after a literal
	piece   []byte // of a literal of ours
}

const maxCommand = 1 << 20 // octets of one line of a command

// Write sends what the client says. An error breaks the connection.
func (w *writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	total := len(b)
	for len(b) > 0 {
		n, err := w.follow(b)
		if err != nil {
			return total - len(b), w.x.fail(w.sock.explain(err, "while a command was sent"))
		}
		b = b[n:]
	}
	return total, nil
}

// follow takes the next piece of what the client says: of a literal, or of a line.
func (w *writer) follow(b []byte) (int, error) {
	if w.literal > 0 {
		b = b[:min(int64(len(b)), w.literal)]
		w.literal -= int64(len(b))
		if cmd := w.x.last(); cmd != nil && cmd.verb == "LOGIN" {
			w.log.Secrets.Keep(string(b))
		}
		return len(b), w.sock.push(b)
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		w.line = append(w.line, b...)
		if len(w.line) > maxCommand {
			return 0, state.Faultf(state.Other, "command of more than %d octets not sent", maxCommand)
		}
		return len(b), nil
	}
	w.line = append(w.line, b[:i+1]...)
	err := w.sendLine()
	w.line = w.line[:0]
	return i + 1, err
}

// sendLine judges and sends the line that is whole.
func (w *writer) sendLine() error {
	line := chomp(w.line)
	_, size, sync, isLiteral, bad := announced(line)
	if bad {
		return state.Faultf(state.Other, "literal of an impossible size not sent")
	}
	traced, err := w.begin(string(line), isLiteral, sync)
	if err != nil {
		return err
	}
	w.log.Line("C", traced)
	if isLiteral {
		w.literal = size
		w.log.Octets("C", size)
	}
	w.going = isLiteral
	w.x.goesOn(isLiteral)
	return w.sock.push(w.line)
}

// begin notes a line in the table of commands under way, and returns what a trace may
// show of it. A new command waits for ours to end.
func (w *writer) begin(line string, isLiteral, sync bool) (string, error) {
	cmd := w.x.last()
	switch {
	case w.going:
	case cmd != nil && cmd.verb == "AUTHENTICATE":
		w.log.keepSASL(line)
		w.x.invite(cmd)
		return "***", nil
	default:
		cmd = parseCommand(line)
		if err := w.allow(cmd.verb, line, isLiteral); err != nil {
			return "", err
		}
		if err := w.x.enter(cmd); err != nil {
			return "", err
		}
	}
	if cmd == nil {
		return line, nil
	}
	if isLiteral && sync {
		w.x.invite(cmd)
	}
	return w.hideSecrets(cmd, line), nil
}

// hideSecrets returns a line as a trace may show it, and remembers what it hides.
func (w *writer) hideSecrets(cmd *command, line string) string {
	keep := 2 // tag and verb
	switch cmd.verb {
	case "AUTHENTICATE":
		keep = 3
	case "LOGIN":
	default:
		return line
	}
	if w.going {
		return "***"
	}
	c := grammar.Scan(line, nil)
	for ; keep > 0; keep-- {
		c.Word()
		c.SP()
	}
	shown := line[:len(line)-len(c.Rest())] + "***"
	for c.SP(); ; c.SP() {
		v, ok := c.AString()
		if !ok {
			return shown
		}
		if cmd.verb == "LOGIN" {
			w.log.Secrets.Keep(v)
		} else {
			w.log.keepSASL(v)
		}
	}
}
