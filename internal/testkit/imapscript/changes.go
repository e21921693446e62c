package imapscript

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// uidplus reports whether the client is told new UIDs (RFC 4315).
func (s *session) uidplus() bool { return slices.Contains(strings.Fields(s.caps()), "UIDPLUS") }

// append answers APPEND of one message (RFC 9051, 6.3.12).
func (s *session) append(cmd Command) {
	m := s.acct.Mailbox(fields(cmd)[0])
	switch {
	case m == nil:
		s.no("[TRYCREATE] no such mailbox")
		return
	case len(cmd.Literals) == 0:
		s.Send("$tag BAD no message")
		return
	}
	msg := m.Append(string(cmd.Literals[len(cmd.Literals)-1]))
	if _, list, ok := strings.Cut(cmd.Args, "("); ok {
		list, _, _ = strings.Cut(list, ")")
		msg.Flags = strings.Fields(list)
	}
	if parts := strings.Split(cmd.Args, `"`); len(parts) > 1 {
		if at, err := time.Parse("02-Jan-2006 15:04:05 -0700", parts[len(parts)-2]); err == nil {
			msg.Date = at
		}
	}
	if !s.uidplus() {
		s.ok("done")
		return
	}
	s.ok(fmt.Sprintf("[APPENDUID %d %d] done", m.UIDValidity, msg.UID))
}

// copy answers UID COPY and UID MOVE (RFC 4315, 3; RFC 6851).
func (s *session) copy(cmd Command) {
	set, _, _ := strings.Cut(cmd.Args, " ")
	to := s.acct.Mailbox(fields(cmd)[1])
	if to == nil {
		s.no("[TRYCREATE] no such mailbox")
		return
	}
	var from, made []string
	var gone []uint32
	if n := s.count(set); cmd.Verb == "UID COPY" && s.overLimit(n) {
		return
	}
	s.named(set, true, func(_ int, m *Message) {
		there := to.Append(m.Body, slices.Clone(m.Flags)...)
		there.Date = m.Date
		from, made = append(from, fmt.Sprint(m.UID)), append(made, fmt.Sprint(there.UID))
		gone = append(gone, m.UID)
	})
	code := ""
	if len(from) > 0 && s.uidplus() {
		code = fmt.Sprintf("[COPYUID %d %s %s] ", to.UIDValidity, strings.Join(from, ","), strings.Join(made, ","))
	}
	if cmd.Verb == "UID COPY" {
		s.ok(code + "copied")
		return
	}
	if code != "" {
		s.Send("* OK " + code + "moved")
	}
	for _, uid := range gone {
		s.box.Expunge(uid)
	}
	s.refresh()
	s.ok("moved")
}

// create answers CREATE (RFC 9051, 6.3.4; RFC 6154, 3).
func (s *session) create(cmd Command) {
	name := fields(cmd)[0]
	if s.acct.Mailbox(name) != nil {
		s.no("[ALREADYEXISTS] it is there")
		return
	}
	m := s.acct.Add(name)
	if _, use, ok := strings.Cut(cmd.Args, "(USE ("); ok {
		m.Attrs, _, _ = strings.Cut(use, ")")
	}
	s.ok("made")
}
