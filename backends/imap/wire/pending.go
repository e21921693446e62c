package wire

import (
	"bytes"
	"slices"
	"strings"
)

// command is one that was sent and has no tagged answer yet.
type command struct {
	tag     string
	verb    string   // in upper case, "UID FETCH" where it has a UID before it
	set     []Range  // of a UID FETCH
	body    bool     // fetches bodies
	conts   int      // continuation requests that may come
	mailbox string   // raw name, of a SELECT or EXAMINE
	waits   []string // names of the responses that are its answer
}

// parseCommand reads what has to be known of a command.
func parseCommand(line []byte) *command {
	s := scanner{b: line, depth: 8}
	cmd := &command{tag: string(s.word())}
	s.blanks()
	cmd.verb = strings.ToUpper(string(s.word()))
	s.blanks()
	if cmd.verb == "UID" {
		cmd.verb += " " + strings.ToUpper(string(s.word()))
		s.blanks()
	}
	cmd.waits = answersTo(cmd.verb)
	switch cmd.verb {
	case "UID FETCH":
		cmd.set, _ = parseSet(bytes.ReplaceAll(s.word(), []byte("*"), []byte("4294967295")))
		cmd.body = bytes.IndexByte(s.b[s.i:], '[') >= 0
	case "SELECT", "EXAMINE":
		if v, k := s.value(); k != malformed {
			cmd.mailbox = string(text(v, k))
		}
	case "AUTHENTICATE", "IDLE":
		cmd.conts = 1
	}
	return cmd
}

// conversation returns the command that takes the client's lines now, nil for none.
// c.mu is held.
func (c *Conn) conversation() *command {
	if cmd := c.last(); cmd != nil && (cmd.verb == "AUTHENTICATE" || cmd.verb == "IDLE") {
		return cmd
	}
	return nil
}

// last returns the command sent last, nil if none is under way. c.mu is held.
func (c *Conn) last() *command {
	if len(c.pending) == 0 {
		return nil
	}
	return c.pending[len(c.pending)-1]
}

// enter puts a command of the client's among those under way.
func (c *Conn) enter(cmd *command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.mine) > 0 && !c.closed {
		c.turn.Wait()
	}
	if c.closed {
		return c.why()
	}
	c.add(cmd)
	return nil
}

// add notes a command as sent. c.mu is held.
func (c *Conn) add(cmd *command) {
	c.commands.Add(1)
	c.pending = append(c.pending, cmd)
	c.progress.turned()
	if cmd.verb == "SELECT" || cmd.verb == "EXAMINE" {
		c.selected, c.exists = cmd.mailbox, -1
	}
}

// answered takes out the command with that tag, nil if there is none.
func (c *Conn) answered(tag []byte) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.pending, func(cmd *command) bool { return strings.EqualFold(cmd.tag, string(tag)) })
	if i < 0 {
		return nil
	}
	cmd := c.pending[i]
	c.progress.turned()
	c.pending = slices.Delete(c.pending, i, i+1)
	if cmd.verb == "LOGOUT" {
		c.ended = true
	}
	c.turn.Broadcast()
	return cmd
}

// wantsUID reports whether a UID FETCH is under way, and the UID if it is the only one and
// asks for that one message.
func (c *Conn) wantsUID() (wanted bool, only uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.pending {
		if cmd.verb != "UID FETCH" {
			continue
		}
		if wanted {
			return true, 0
		}
		wanted = true
		if len(cmd.set) == 1 && cmd.set[0].First == cmd.set[0].Last {
			only = cmd.set[0].First
		}
	}
	return wanted, only
}

// stray reports whether a FETCH response without a body is of a message whose body is
// fetched, and nothing else of it: imapclient would take it for the answer, and then lose
// the body.
func (c *Conn) stray(uid uint32) (body bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.pending {
		if uid != 0 && contains(cmd.set, uid) {
			if !cmd.body {
				return false
			}
			body = true
		}
	}
	return body
}
