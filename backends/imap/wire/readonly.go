package wire

import (
	"bytes"
	"strings"

	"mailsync/state"
)

// harmless are the commands that change nothing on the server, whatever their
// arguments. CLOSE expunges (RFC 3501, 6.4.2), SELECT takes \Recent away; FETCH is
// looked at closer.
var harmless = map[string]bool{
	"CAPABILITY": true, "NOOP": true, "LOGOUT": true, "STARTTLS": true, "AUTHENTICATE": true, "LOGIN": true,
	"ENABLE": true, "EXAMINE": true, "LIST": true, "STATUS": true, "NAMESPACE": true, "ID": true, "SEARCH": true,
	"UID SEARCH": true, "GETQUOTA": true, "GETQUOTAROOT": true, "UNSELECT": true, "IDLE": true, "COMPRESS": true,
}

// peeks are the FETCH items that leave \Seen alone, in brackets or with a section if
// their last octet is "[".
var peeks = []string{"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "RFC822.HEADER", "MODSEQ", "ENVELOPE",
	"BODYSTRUCTURE", "BODY", "BODY.PEEK[", "BINARY.PEEK[", "BINARY.SIZE[", "EMAILID", "THREADID", "SAVEDATE",
	"X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS", "X-GUID", "ALL", "FAST", "FULL"}

// allow refuses a command in backup mode unless it is known to change nothing.
func (w *writer) allow(verb string, line []byte, isLiteral bool) error {
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
func onlyPeeks(line []byte, verb string) bool {
	s := scanner{b: bytes.ToUpper(line), depth: 8}
	for range 2 + strings.Count(verb, " ") + 1 { // tag, verb, set
		s.word()
		s.blanks()
	}
	if !s.take('(') {
		return isPeek(s.name()) && modifiers(s)
	}
	for {
		s.blanks()
		if s.take(')') {
			return modifiers(s)
		}
		if !isPeek(s.name()) {
			return false
		}
	}
}

// modifiers reports whether the rest of a FETCH command is at most a list of
// CHANGEDSINCE and VANISHED (RFC 7162, 3.1.4).
func modifiers(s scanner) bool {
	s.blanks()
	if !s.more() {
		return true
	}
	v, k := s.value()
	if k != list || s.more() {
		return false
	}
	for _, w := range strings.Fields(string(v[1 : len(v)-1])) {
		if _, ok := number([]byte(w)); !ok && w != "CHANGEDSINCE" && w != "VANISHED" {
			return false
		}
	}
	return true
}

func isPeek(name []byte) bool {
	for _, p := range peeks {
		if string(name) == p || strings.HasSuffix(p, "[") && strings.HasPrefix(string(name), p) {
			return true
		}
	}
	return false
}
