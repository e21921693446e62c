package imapscript

import (
	"fmt"
	"slices"
	"strings"
)

// This file has what a server does that bounds commands (RFC 9738), gives up sequence numbers (RFC 9586), and
// shows a part of large mailboxes, as Yahoo does.

// visible are the messages of a mailbox that this session may see.
func (s *session) visible(m *Mailbox) []*Message {
	if most := s.acct.Window; most > 0 && !s.uidOnly && len(m.Messages) > most {
		return m.Messages[len(m.Messages)-most:]
	}
	return m.Messages
}

// enable answers ENABLE (RFC 5161).
func (s *session) enable(cmd Command) {
	enabled := "CONDSTORE"
	if slices.Contains(strings.Fields(strings.ToUpper(cmd.Args)), "UIDONLY") && slices.Contains(strings.Fields(s.caps()), "UIDONLY") {
		enabled, s.uidOnly = "UIDONLY", true
	}
	s.Send("* ENABLED " + enabled)
	s.ok("done")
}

// numbers refuses a command with sequence numbers where they were given up, * among them.
func (s *session) numbers(cmd Command) (refused bool) {
	if !s.uidOnly {
		return false
	}
	set, _, _ := strings.Cut(cmd.Args, " ")
	byUID := strings.HasPrefix(cmd.Verb, "UID ")
	if byUID && !strings.Contains(set, "*") || cmd.Verb == "UNSELECT" || cmd.Verb == "CLOSE" {
		return false
	}
	s.Send("$tag BAD [UIDREQUIRED] message numbers are not used here")
	return true
}

// found is a message that a command names.
type found struct {
	seq int
	m   *Message
}

// bound keeps of the messages that a command names those that it is done for: the ones with the
// highest UIDs.
func (s *session) bound(all []found) []found {
	most := s.acct.Limit
	if most == 0 || len(all) <= most {
		return all
	}
	all = all[len(all)-most:]
	s.lowest = all[0].m.UID
	return all
}

// count returns how many messages a set of UIDs names.
func (s *session) count(set string) (n int) {
	most := s.acct.Limit
	s.acct.Limit = 0
	s.named(set, true, func(int, *Message) { n++ })
	s.acct.Limit = most
	return n
}

// overLimit refuses a command that is done as a whole or not at all.
func (s *session) overLimit(n int) (refused bool) {
	if most := s.acct.Limit; most == 0 || n <= most {
		return false
	}
	s.lowest = 0
	s.no(fmt.Sprintf("[MESSAGELIMIT %d] too many messages to copy, try a smaller subset", s.acct.Limit))
	return true
}

// told returns the text of a tagged OK, with what is to be said of the limit.
func (s *session) told(text string) string {
	if s.lowest == 0 {
		return text
	}
	code := fmt.Sprintf("[MESSAGELIMIT %d %d] ", s.acct.Limit, s.lowest)
	s.lowest = 0
	if strings.HasPrefix(text, "[") {
		s.Send("* NO " + code + "done in part")
		return text
	}
	return code + text
}

// row sends a FETCH or UIDFETCH response.
func (s *session) row(seq int, m *Message, items []string) {
	if s.uidOnly {
		items = slices.DeleteFunc(slices.Clone(items), func(item string) bool { return item == "UID" })
		s.Sendf("* %d UIDFETCH (%s)", m.UID, s.items(m, items))
		return
	}
	s.Sendf("* %d FETCH (%s)", seq, s.items(m, items))
}
