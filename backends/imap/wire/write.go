package wire

import (
	"bytes"
	"compress/flate"
	"io"

	"mailsync/state"
)

// output is the way out: a command is sent when its line, or the part of it up to a
// literal, is whole, so that one that is refused leaves no trace on the server.
type output struct {
	dst     io.Writer
	flate   *flate.Writer
	line    []byte
	literal int64  // octets of a literal that are still to come from the client
	going   bool   // the command goes on after a literal
	piece   []byte // of a literal of ours
}

const maxCommand = 1 << 20 // octets of one line of a command

// Write sends what the client says. An error breaks the connection.
func (c *Conn) Write(b []byte) (int, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	total := len(b)
	for len(b) > 0 {
		n, err := c.follow(b)
		if err != nil {
			return total - len(b), c.fail(c.explain(err, "while a command was sent"))
		}
		b = b[n:]
	}
	return total, nil
}

// follow takes the next piece of what the client says: of a literal, or of a line.
func (c *Conn) follow(b []byte) (int, error) {
	w := &c.wr
	if w.literal > 0 {
		b = b[:min(int64(len(b)), w.literal)]
		w.literal -= int64(len(b))
		c.mu.Lock()
		secret := c.last() != nil && c.last().verb == "LOGIN"
		c.mu.Unlock()
		if secret {
			c.o.Secrets.Keep(string(b))
		}
		return len(b), c.push(b)
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
	err := c.sendLine()
	w.line = w.line[:0]
	return i + 1, err
}

// push sends octets as they are.
func (c *Conn) push(b []byte) error {
	if c.wr.flate == nil {
		_, err := c.wr.dst.Write(b)
		return err
	}
	if _, err := c.wr.flate.Write(b); err != nil {
		return err
	}
	return c.wr.flate.Flush()
}

// sendLine judges and sends the line that is whole.
func (c *Conn) sendLine() error {
	w := &c.wr
	line := chomp(w.line)
	_, size, sync, isLiteral, bad := announced(line)
	if bad {
		return state.Faultf(state.Other, "literal of an impossible size not sent")
	}
	traced, err := c.begin(line, isLiteral, sync)
	if err != nil {
		return err
	}
	c.trace("C", traced)
	if isLiteral {
		w.literal = size
		c.traceLiteral("C", size)
	}
	c.mu.Lock()
	w.going = isLiteral
	c.sending = isLiteral
	c.arm(true)
	if !isLiteral {
		c.turn.Broadcast()
	}
	c.mu.Unlock()
	return c.push(w.line)
}

// begin notes a line in the table of commands under way, and returns what a trace may
// show of it. A new command waits for ours to end.
func (c *Conn) begin(line []byte, isLiteral, sync bool) ([]byte, error) {
	c.mu.Lock()
	talk := c.conversation()
	c.mu.Unlock()
	var cmd *command
	switch {
	case c.wr.going:
	case talk != nil && talk.verb == "AUTHENTICATE":
		c.keepSASL(line)
		c.mu.Lock()
		talk.conts++
		c.mu.Unlock()
		return []byte("***"), nil
	case talk != nil: // DONE
		return line, nil
	default:
		cmd = parseCommand(line)
		if err := c.allow(cmd.verb, line, isLiteral); err != nil {
			return nil, err
		}
		if err := c.enter(cmd); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	if cmd = c.last(); cmd != nil && isLiteral && sync {
		cmd.conts++
	}
	c.mu.Unlock()
	return c.hideSecrets(cmd, line), nil
}

// hideSecrets returns a line as a trace may show it, and remembers what it hides.
func (c *Conn) hideSecrets(cmd *command, line []byte) []byte {
	if cmd == nil {
		return line
	}
	keep := 2 // tag and verb
	switch cmd.verb {
	case "AUTHENTICATE":
		keep = 3
	case "LOGIN":
	default:
		return line
	}
	if c.wr.going {
		return []byte("***")
	}
	s := scanner{b: line, depth: 8}
	for ; keep > 0; keep-- {
		s.word()
		s.blanks()
	}
	shown := append(bytes.Clone(line[:s.i]), "***"...)
	for s.more() {
		v, k := s.value()
		if k == malformed {
			break
		}
		if cmd.verb == "LOGIN" {
			c.o.Secrets.Keep(string(text(v, k)))
		} else {
			c.keepSASL(v)
		}
		s.blanks()
	}
	return shown
}
