package imap

import (
	"context"
	"math"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
)

// A server may bound how many messages one command is about (RFC 9738). It then does the command for those with the
// highest UIDs, and answers OK with the lowest UID that it came to. Yahoo also shows no more than that
// number of a mailbox, the newest, unless sequence numbers are given up (RFC 9586): what
// becomes older leaves EXISTS and the listing, and was not deleted.

// limit returns how many messages a command may be about, 0 for any number; of COPY and APPEND alone if saved.
func limit(caps goimap.CapSet, saved bool) uint32 {
	var least uint32
	for c := range caps {
		name, number, _ := strings.Cut(string(c), "=")
		n, ok := grammar.Number32(number)
		if ok && n > 0 && (name == "MESSAGELIMIT" || saved && name == "SAVELIMIT") && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// shown returns of how many messages of a mailbox this session may see no more, 0 where it sees all of them.
func (s *session) shown() uint32 {
	if s.uidOnly {
		return 0
	}
	return limit(s.caps, false)
}

// showAll has a server that may show a part of a mailbox only show all of it. From then on no
// sequence number may be sent, and no *.
func (s *session) showAll(ctx context.Context) error {
	if limit(s.caps, false) == 0 || !s.caps.Has("UIDONLY") {
		return nil
	}
	_, err := s.run(ctx, "ENABLE UIDONLY", func(l wire.Line) error {
		c := l.Scan()
		if strings.EqualFold(c.Atom(), "ENABLED") {
			for c.SP(); !c.Done(); c.SP() {
				word := c.Atom()
				if word == "" {
					break
				}
				s.uidOnly = s.uidOnly || strings.EqualFold(word, "UIDONLY")
			}
		}
		return nil
	})
	if declined(err) {
		s.uidOnly = false
		return nil
	}
	return err
}

// everyUID is the set of all UIDs.
func (s *session) everyUID() string {
	if s.uidOnly {
		return "1:" + lastUID // RFC 9586 section 3: no *
	}
	return "1:*"
}

const lastUID = "4294967295"

// partly is what a server said of having done a command for some of its messages.
type partly struct {
	code string // "MESSAGELIMIT 1000 23221" (RFC 9738 section 3.1), "" for a command that was done
}

// hear passes answers on to take, and keeps the code from an untagged NO: it is sent there where the
// tagged OK has another one.
func (p *partly) hear(take func(wire.Line) error) func(wire.Line) error {
	return func(l wire.Line) error {
		if len(l.Text) > 2 && l.Text[2] == ' ' && strings.EqualFold(l.Text[:2], "NO") {
			if after, isCode := strings.CutPrefix(strings.TrimLeft(l.Text[3:], " "), "["); isCode {
				code, _, _ := strings.Cut(after, "]")
				p.tagged(strings.ToUpper(code))
			}
		}
		if take == nil {
			return nil
		}
		return take(l)
	}
}

// tagged takes the code of the tagged OK.
func (p *partly) tagged(code string) {
	if name, _, _ := strings.Cut(code, " "); name == "MESSAGELIMIT" {
		p.code = code
	}
}

// left reports whether a command that was answered with OK was not done for some of the messages.
func (p *partly) left(ok wire.Answer) bool {
	p.tagged(ok.Code)
	return p.code != ""
}

// rest returns the command for the messages that were left out, "" where there can be none. It is not ok where
// that cannot be known, or where a command changes something: what became of it has to be looked at first.
func (p *partly) rest(line string) (rest string, ok bool) {
	words := strings.Fields(p.code)
	if len(words) != 3 {
		return "", false
	}
	lowest, ok := grammar.Number32(words[2])
	if !ok || lowest == 0 {
		return "", false
	}
	return below(line, lowest)
}

// below returns a FETCH or SEARCH command for those of its messages that have lower UIDs, "" for none of them.
func below(line string, uid uint32) (rest string, ok bool) {
	if head, isAll := strings.CutSuffix(line, " ALL"); isAll && strings.HasPrefix(line, "UID SEARCH ") {
		line = head + " UID 1:" + lastUID
	}
	for _, verb := range []string{"UID FETCH ", "UID SEARCH UID ", "UID SEARCH RETURN (ALL) UID "} {
		after, has := strings.CutPrefix(line, verb)
		if !has {
			continue
		}
		set, items, more := strings.Cut(after, " ")
		var r ranges
		if !r.addSet(strings.ReplaceAll(set, "*", lastUID)) {
			return "", false
		}
		r.sort()
		left := r.without(ranges{{First: uid, Last: math.MaxUint32}})
		if left.count() == 0 {
			return "", true
		}
		if left.count() == r.count() {
			return "", false // it did nothing, and would do nothing again
		}
		if rest = verb + left.String(); more {
			rest += " " + items
		}
		return rest, true
	}
	return "", false
}

// refused is the error for a command that was done for some of its messages, and that cannot go on.
func (p *partly) refused(ok wire.Answer) error {
	return (&refusal{typ: "NO", code: p.code, text: said(ok.Text)}).lasting()
}
