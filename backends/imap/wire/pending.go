package wire

import (
	"bytes"
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
