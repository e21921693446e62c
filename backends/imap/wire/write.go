package wire

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// writer is the way out: a command is sent when its line, or the part of it up to a
// literal, is complete, so that one that is refused leaves no trace on the server.
type writer struct {
	readOnly bool
	sock     *socket
	x        *exchange
	log      *tracer

	mu      sync.Mutex // one writes at a time
	line    []byte
	literal int64  // octets of a literal that the client has not written yet
	inside  bool   // the command continues after a literal
	piece   []byte // of a literal of ours
}

const maxCommand = 1 << 20 // octets of one line of a command

// Write sends what the client writes. An error breaks the connection.
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

// follow takes the next piece of what the client writes: of a literal, or of a line.
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

// sendLine judges and sends the line that is complete.
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
	inside := w.inside
	w.inside = isLiteral
	w.x.continues(isLiteral)
	if !isLiteral && !inside {
		return w.sock.tell(w.line)
	}
	return w.sock.push(w.line)
}

// begin notes a line in the table of commands under way, and returns what a trace may
// show of it. A new command waits for ours to end.
func (w *writer) begin(line string, isLiteral, sync bool) (string, error) {
	cmd := w.x.last()
	switch {
	case w.inside:
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
	if w.inside {
		return "***"
	}
	c := grammar.Scan(line, nil)
	for ; keep > 0; keep-- {
		c.Word()
		c.SP()
	}
	if c.Rest() == "" {
		return line
	}
	shown := line[:len(line)-len(c.Rest())] + "***"
	for c.SP(); ; c.SP() {
		v, ok := c.AString()
		if !ok {
			return shown
		}
		w.log.Secrets.Keep(v)
	}
}

// harmless are the commands that change nothing on the server, whatever their
// arguments. CLOSE expunges (RFC 3501, 6.4.2), SELECT takes \Recent away; FETCH is
// looked at closer.
var harmless = []string{
	"CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN",
	"ENABLE", "EXAMINE", "LIST", "STATUS", "NAMESPACE", "ID", "SEARCH",
	"UID SEARCH", "GETQUOTA", "GETQUOTAROOT", "UNSELECT", "COMPRESS",
}

// peeks are the FETCH items that leave \Seen alone, in brackets or with a section if
// their last octet is "[".
var peeks = []string{"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "RFC822.HEADER", "MODSEQ", "ENVELOPE",
	"BODYSTRUCTURE", "BODY", "BODY.PEEK[", "BINARY.PEEK[", "BINARY.SIZE[", "EMAILID", "THREADID", "SAVEDATE",
	"X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS", "X-GUID", "ALL", "FAST", "FULL"}

// allow refuses a command in backup mode unless it is known to change nothing.
func (w *writer) allow(verb, line string, isLiteral bool) error {
	if !w.readOnly || slices.Contains(harmless, verb) {
		return nil
	}
	if (verb == "FETCH" || verb == "UID FETCH") && !isLiteral && onlyPeeks(line, verb) {
		return nil
	}
	return state.Faultf(state.Other, "%s refused: it could change the server, and this connection may only read", Quote(verb))
}

// onlyPeeks reports whether a FETCH command asks for nothing that sets \Seen (RFC
// 3501, 6.4.5).
func onlyPeeks(line, verb string) bool {
	c := grammar.Scan(strings.ToUpper(line), nil)
	for range 2 + strings.Count(verb, " ") + 1 { // tag, verb, set
		c.Word()
		c.SP()
	}
	if !c.Eat('(') {
		return isPeek(c.Name()) && onlyModifiers(&c)
	}
	for {
		c.SP()
		if c.Eat(')') {
			return onlyModifiers(&c)
		}
		if !isPeek(c.Name()) {
			return false
		}
	}
}

// onlyModifiers reports whether the rest of a FETCH command is at most a list of
// CHANGEDSINCE and VANISHED (RFC 7162, 3.1.4).
func onlyModifiers(c *grammar.Scanner) bool {
	if c.Done() {
		return true
	}
	c.SP()
	words, ok := c.Words()
	for _, w := range words {
		if _, isNumber := grammar.Number63(w); !isNumber && w != "CHANGEDSINCE" && w != "VANISHED" {
			return false
		}
	}
	return ok && c.Rest() == ""
}

func isPeek(name string) bool {
	for _, p := range peeks {
		if name == p || strings.HasSuffix(p, "[") && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
