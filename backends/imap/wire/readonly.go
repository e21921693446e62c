package wire

import (
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// harmless are the commands that change nothing on the server, whatever their
// arguments. CLOSE expunges (RFC 3501, 6.4.2), SELECT takes \Recent away; FETCH is
// looked at closer.
var harmless = map[string]bool{
	"CAPABILITY": true, "NOOP": true, "LOGOUT": true, "STARTTLS": true, "AUTHENTICATE": true, "LOGIN": true,
	"ENABLE": true, "EXAMINE": true, "LIST": true, "STATUS": true, "NAMESPACE": true, "ID": true, "SEARCH": true,
	"UID SEARCH": true, "GETQUOTA": true, "GETQUOTAROOT": true, "UNSELECT": true, "COMPRESS": true,
}

// peeks are the FETCH items that leave \Seen alone, in brackets or with a section if
// their last octet is "[".
var peeks = []string{"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "RFC822.HEADER", "MODSEQ", "ENVELOPE",
	"BODYSTRUCTURE", "BODY", "BODY.PEEK[", "BINARY.PEEK[", "BINARY.SIZE[", "EMAILID", "THREADID", "SAVEDATE",
	"X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS", "X-GUID", "ALL", "FAST", "FULL"}

// allow refuses a command in backup mode unless it is known to change nothing.
func (w *writer) allow(verb, line string, isLiteral bool) error {
	if !w.readOnly || harmless[verb] {
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
