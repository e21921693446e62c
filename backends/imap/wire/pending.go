package wire

import (
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
)

// command is one that was sent and has no tagged answer yet.
type command struct {
	tag     string
	verb    string          // in upper case, "UID FETCH" where it has a UID before it
	set     []grammar.Range // of a UID FETCH
	body    bool            // fetches bodies
	conts   int             // continuation requests that may come
	mailbox string          // raw name, of a SELECT or EXAMINE
	waits   []string        // names of the responses that are its answer
}

// parseCommand reads what has to be known of a command.
func parseCommand(line string) *command {
	c := grammar.Scan(line, nil)
	next := func() string {
		w := c.Word()
		c.SP()
		return w
	}
	cmd := &command{tag: next()}
	cmd.verb = strings.ToUpper(next())
	if cmd.verb == "UID" {
		cmd.verb += " " + strings.ToUpper(next())
	}
	cmd.waits = answersTo(cmd.verb)
	switch cmd.verb {
	case "UID FETCH":
		for part := range strings.SplitSeq(next(), ",") {
			if r, ok := grammar.ReadRange(strings.ReplaceAll(part, "*", "4294967295")); ok {
				cmd.set = append(cmd.set, r)
			}
		}
		cmd.body = strings.Contains(c.Rest(), "[")
	case "SELECT", "EXAMINE":
		cmd.mailbox, _ = c.AString()
	case "AUTHENTICATE", "IDLE":
		cmd.conts = 1
	}
	return cmd
}

// fetches reports whether the command is a UID FETCH of that message.
func (cmd *command) fetches(uid uint32) bool {
	return slices.ContainsFunc(cmd.set, func(r grammar.Range) bool { return r.First <= uid && uid <= r.Last })
}
