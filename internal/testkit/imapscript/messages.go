package imapscript

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// refresh tells the client what happened to the mailbox since it was told last.
func (s *session) refresh() {
	if s.box == nil {
		return
	}
	for i := 0; i < len(s.shown); {
		if slices.Contains(s.box.Messages, s.shown[i]) {
			i++
			continue
		}
		if s.uidOnly {
			s.Sendf("* VANISHED %d", s.shown[i].UID)
		} else {
			s.Sendf("* %d EXPUNGE", i+1)
		}
		s.shown = slices.Delete(s.shown, i, i+1)
	}
	if now := s.visible(s.box); len(s.shown) < len(now) {
		s.shown = slices.Clone(now)
		s.Sendf("* %d EXISTS", len(s.shown))
	}
}

// named calls f with the messages that a set names, with their sequence numbers.
func (s *session) named(set string, uids bool, f func(seq int, m *Message)) {
	if len(s.shown) == 0 {
		return
	}
	highest := uint32(len(s.shown))
	if uids {
		highest = s.shown[len(s.shown)-1].UID
	}
	number := func(word string) uint32 {
		if word == "*" {
			return highest
		}
		n, _ := strconv.ParseUint(word, 10, 32)
		return uint32(n)
	}
	var all []found
	for i, m := range s.shown {
		n := uint32(i + 1)
		if uids {
			n = m.UID
		}
		for _, part := range strings.Split(set, ",") {
			lo, hi, isRange := strings.Cut(part, ":")
			if !isRange {
				hi = lo
			}
			a, b := number(lo), number(hi)
			if min(a, b) <= n && n <= max(a, b) {
				all = append(all, found{i + 1, m})
				break
			}
		}
	}
	for _, one := range s.bound(all) {
		f(one.seq, one.m)
	}
}

// fetch answers FETCH and UID FETCH of UID, FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ and
// BODY[] in both forms, the Message-ID alone, EMAILID and X-GM-MSGID, with CHANGEDSINCE.
func (s *session) fetch(cmd Command) {
	set, rest, _ := strings.Cut(cmd.Args, " ")
	uids := cmd.Verb == "UID FETCH"
	rest, since, changed := strings.Cut(rest, "(CHANGEDSINCE ")
	last, _ := strconv.ParseUint(strings.Trim(since, " )"), 10, 64)
	items := strings.Fields(strings.Trim(strings.TrimSpace(rest), "()"))
	if uids && !slices.Contains(items, "UID") {
		items = append([]string{"UID"}, items...)
	}
	if changed && !slices.Contains(items, "MODSEQ") {
		items = append(items, "MODSEQ")
	}
	s.named(set, uids, func(seq int, m *Message) {
		if changed && m.ModSeq <= last {
			return
		}
		s.row(seq, m, items)
	})
	s.ok("done")
}

func (s *session) items(m *Message, items []string) string {
	var out []string
	for _, item := range items {
		switch item {
		case "UID":
			out = append(out, fmt.Sprint("UID ", m.UID))
		case "FLAGS":
			out = append(out, "FLAGS ("+strings.Join(m.Flags, " ")+")")
		case "INTERNALDATE":
			out = append(out, `INTERNALDATE "`+m.Date.Format("02-Jan-2006 15:04:05 -0700")+`"`)
		case "RFC822.SIZE":
			out = append(out, fmt.Sprint("RFC822.SIZE ", len(m.Body)))
		case "MODSEQ":
			out = append(out, fmt.Sprintf("MODSEQ (%d)", m.ModSeq))
		case "X-GM-MSGID":
			out = append(out, "X-GM-MSGID "+m.ID)
		case "EMAILID":
			out = append(out, "EMAILID ("+m.ID+")")
		case "BODY.PEEK[]", "BODY[]":
			if item == "BODY[]" && !s.readOnly && !slices.Contains(m.Flags, `\Seen`) {
				s.box.SetFlags(m, append(slices.Clone(m.Flags), `\Seen`)...)
			}
			out = append(out, "BODY[] "+Literal(m.Body))
		case "BODY.PEEK[HEADER.FIELDS": // its list is the next word
			out = append(out, "BODY[HEADER.FIELDS (MESSAGE-ID)]<0> "+Literal(m.messageID()))
		}
	}
	return strings.Join(out, " ")
}

// messageID is the header with that one field, as it is sent.
func (m *Message) messageID() string {
	header, _, _ := strings.Cut(m.Body, "\r\n\r\n")
	for line := range strings.SplitSeq(header, "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Message-ID") {
			return line + "\r\n\r\n"
		}
	}
	return "\r\n"
}

// search answers SEARCH and UID SEARCH of ALL, UID sets, and RETURN (RFC 4731).
func (s *session) search(cmd Command) {
	uids := cmd.Verb == "UID SEARCH"
	args, extended := strings.CutPrefix(cmd.Args, "RETURN (")
	if extended {
		_, args, _ = strings.Cut(args, ") ")
	}
	set, byUID := "1:*", false
	if words := strings.Fields(args); len(words) == 2 && words[0] == "UID" {
		set, byUID = words[1], true
	}
	var found []string
	s.named(set, byUID, func(seq int, m *Message) {
		if uids {
			seq = int(m.UID)
		}
		found = append(found, strconv.Itoa(seq))
	})
	answer := strings.TrimSpace("* SEARCH " + strings.Join(found, " "))
	if extended {
		answer = `* ESEARCH (TAG "$tag")`
		if uids {
			answer += " UID"
		}
		if len(found) > 0 {
			answer += " ALL " + strings.Join(found, ",")
		}
	}
	s.Send(answer)
	s.ok("done")
}

// store answers UID STORE, which echoes unless it is silent.
func (s *session) store(cmd Command) {
	set, rest, _ := strings.Cut(cmd.Args, " ")
	since, conditional := strings.CutPrefix(rest, "(UNCHANGEDSINCE ")
	if conditional {
		since, rest, _ = strings.Cut(since, ") ")
	}
	last, _ := strconv.ParseUint(since, 10, 64)
	var newer []string
	op, list, _ := strings.Cut(rest, " ")
	flags := strings.Fields(strings.Trim(list, "()"))
	silent := strings.HasSuffix(op, ".SILENT")
	s.named(set, true, func(seq int, m *Message) {
		if conditional && m.ModSeq > last {
			newer = append(newer, strconv.FormatUint(uint64(m.UID), 10))
			return
		}
		now := slices.Clone(m.Flags)
		switch {
		case strings.HasPrefix(op, "+"):
			for _, f := range flags {
				if !slices.Contains(now, f) {
					now = append(now, f)
				}
			}
		case strings.HasPrefix(op, "-"):
			now = slices.DeleteFunc(now, func(f string) bool { return slices.Contains(flags, f) })
		default:
			now = flags
		}
		s.box.SetFlags(m, now...)
		if !silent {
			echo := []string{"UID", "FLAGS"}
			if s.box.ModSeq > 0 {
				echo = append(echo, "MODSEQ")
			}
			s.row(seq, m, echo)
		}
	})
	if len(newer) > 0 {
		s.ok("[MODIFIED " + strings.Join(newer, ",") + "] done in part")
		return
	}
	s.ok("done")
}

// expunge answers UID EXPUNGE (RFC 4315, 2.1).
func (s *session) expunge(cmd Command) {
	var gone []uint32
	s.named(cmd.Args, true, func(_ int, m *Message) {
		if slices.Contains(m.Flags, `\Deleted`) {
			gone = append(gone, m.UID)
		}
	})
	for _, uid := range gone {
		s.box.Expunge(uid)
	}
	s.refresh()
	s.ok("done")
}
