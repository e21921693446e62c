package pop3

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mailsync/backends/reach"
	"mailsync/state"
)

var (
	errRenamed  = errors.New("its number stands for another message now")
	errNotNamed = errors.New("the server does not list its unique-ids once more")
)

// confirm keeps of a request those messages that are what they should be, and asks for
// the unique-id of each of them.
func (s *session) confirm(l *listing, d *deletion) error {
	meant := d.meant(l)
	if s.a.careful || s.a.avoided["UIDL n"] {
		return s.namedAgain(l, meant, d)
	}
	var unsure []*message
	for part := range slices.Chunk(meant, batch) {
		var questions []question
		for _, m := range part {
			questions = append(questions, question{uidlOf(int(m.no)), func(text string, err error) error {
				switch told := m.told(text); {
				case err == nil && told == m.text:
					d.sure = append(d.sure, m)
				case err == nil && told != "":
					d.refuse(m.uid, fmt.Errorf("%w: %s is what UIDL calls it", errRenamed, reach.Quoted(told)))
				default:
					unsure = append(unsure, m)
				}
				return nil
			}})
		}
		if err := s.c.ask(questions...); err != nil {
			return err
		}
	}
	if len(unsure) == 0 {
		return nil
	}
	return s.namedAgain(l, unsure, d)
}

// meant are the messages of a request as the listing has them, but for what is not to be deleted.
func (d *deletion) meant(l *listing) (meant []*message) {
	seen := map[state.UID]bool{}
	for _, want := range d.req.Messages {
		if seen[want.UID] {
			continue
		}
		seen[want.UID] = true
		m, ok := l.find(want.UID)
		switch {
		case !ok:
			d.gone = append(d.gone, want.UID)
		case d.broke[want.UID] != nil:
			d.refuse(m.uid, d.broke[want.UID])
		case m.text == "":
			d.refuse(m.uid, errNoUIDL)
			d.kept = append(d.kept, m.uid)
		case want.Size >= 0 && m.size != want.Size, d.req.Confirm != nil && !d.req.Confirm(m.onServer()):
			d.kept = append(d.kept, m.uid)
		default:
			meant = append(meant, m)
		}
	}
	return meant
}

// told reads the answer to UIDL with this message's number: the unique-id, as the base keeps it. It
// is "" where the answer tells of none: another number, or a number of octets in its place.
func (m *message) told(text string) string {
	no, uidl, ok := scanListing([]byte(text))
	uidl = bytes.TrimRight(uidl, " \t")
	if !ok || no != int(m.no) || len(uidl) == 0 {
		return ""
	}
	told := textOf(uidl)
	if told != m.text && (told == strconv.FormatInt(m.size, 10) || digits(told) && !digits(m.text)) {
		return ""
	}
	return told
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// namedAgain asks for all unique-ids once more, for messages that UIDL with a number does not tell
// of. A whole listing that names a message again proves as much. It also shows that answers and
// commands go together still: in one that is another's answer, or stands behind it, the rest makes no sense.
func (s *session) namedAgain(l *listing, meant []*message, d *deletion) error {
	now, refused, err := s.uidlsNow()
	if err != nil {
		return err
	}
	whole := now.hasUIDL && now.flaws == 0 && len(now.messages) == len(l.messages)
	for _, m := range meant {
		i, there := now.at(m.no)
		switch {
		case !whole || !there:
			d.refuse(m.uid, refused)
		case now.messages[i].text != m.text:
			d.refuse(m.uid, errRenamed)
		default:
			d.sure = append(d.sure, m)
		}
	}
	return nil
}

// uidlsNow asks for all unique-ids once more. refused says why there are none.
func (s *session) uidlsNow() (now *listing, refused, err error) {
	now, refused = &listing{}, errNotNamed
	err = s.c.ask(question{"UIDL", func(_ string, err error) error {
		if err != nil {
			refused = fmt.Errorf("%w: %v", errNotNamed, err) // it is not the DELE that is refused
			return nil
		}
		now.hasUIDL = true
		return now.unlessCut(s.c.lines(maxMessages, now.addUIDL))
	}})
	now.sort()
	return now, refused, err
}

// leaves sees that what is not marked is still there, under the numbers that it had. A server that numbers
// anew at each DELE (RFC 1939 section 5 forbids it) has marked others than were meant.
func (s *session) leaves(l *listing, d *deletion) error {
	now, refused, err := s.uidlsNow()
	if err != nil {
		return err
	}
	if !now.hasUIDL || now.flaws > 0 {
		return s.reset(fmt.Errorf("what is left was to be seen before anything is deleted: %w", refused))
	}
	for _, m := range now.messages {
		if i, there := l.at(m.no); !there || m.text != "" && l.messages[i].text != "" && m.text != l.messages[i].text {
			return s.reset(errNumbersAnew)
		}
	}
	for _, m := range l.messages {
		if _, there := now.at(m.no); !there && !d.marks[m.no] {
			return s.reset(errNumbersAnew)
		}
	}
	return nil
}

var errNumbersAnew = errors.New("after DELE the server has other messages left than were meant: nothing is deleted")
