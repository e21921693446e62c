package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
)

// manyWords are more keywords than a Maildir has letters.
func manyWords() (words []string) {
	for i := range 30 {
		words = append(words, fmt.Sprintf("word%02d", i))
	}
	return words
}

// manyWorded is a lab with a message, in a mailbox and in the archive run's reach, that has all of manyWords.
func manyWorded(t testing.TB) *lab {
	l := old(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(body(70), 1_500_000_100, append(manyWords(), `\Seen`)...) })
	l.clean(t)
	l.clean(t)
	return l
}

// worded are the keywords of body(70) wherever it lies on a server.
func worded(s *mem.Server, boxes ...string) (found []string) {
	for _, raw := range boxes {
		s.Change(raw, func(m *mem.Mailbox) {
			if m == nil {
				return
			}
			for _, msg := range m.Messages {
				if strings.Contains(string(msg.Body), body(70)) {
					words := slices.Sorted(maps.Keys(msg.Flags))
					found = append(found, fmt.Sprint(len(slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, "word") }))))
				}
			}
		})
	}
	return found
}

// A Maildir has letters for 26 keywords. Those beyond go with the message all the same, whatever brings it back.
func TestKeywordsBeyondTheLettersGoWithTheMessage(t *testing.T) {
	lose := func(l *lab) {
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			m.Expunge(7)
		})
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, l *lab) *mem.Server
	}{
		{"undone, from where it lay", func(t *testing.T, l *lab) *mem.Server {
			l.archived(t, inPlace)
			if r := l.undo(nil, nil); r.Status() != "ok" {
				t.Fatal(r.Fatal, r.Problems)
			}
			return l.server
		}},
		{"undone, from an archive", func(t *testing.T, l *lab) *mem.Server {
			l.archived(t, nil)
			if r := l.undo(nil, nil); r.Status() != "ok" {
				t.Fatal(r.Fatal, r.Problems)
			}
			return l.server
		}},
		{"restored to where it came from", func(t *testing.T, l *lab) *mem.Server {
			lose(l)
			if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			return l.server
		}},
		{"restored after a sync saw that it is gone", func(t *testing.T, l *lab) *mem.Server {
			lose(l)
			l.clean(t)
			if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			return l.server
		}},
		{"restored to a mailbox that was numbered anew", func(t *testing.T, l *lab) *mem.Server {
			lose(l)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(4711, 1) })
			l.clean(t)
			if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			return l.server
		}},
		{"restored to another server", func(t *testing.T, l *lab) *mem.Server {
			p := newPort(l)
			if r := p.restore(t, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			return p.server
		}},
		{"restored to another server from another Maildir", func(t *testing.T, l *lab) *mem.Server {
			l.each(t, body(70), func(p string) { l.move(t, p, strings.Replace(p, "INBOX/", "Lists/Go/", 1)) })
			p := newPort(l)
			if r := p.restore(t, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			return p.server
		}},
		{"moved here while the server lost it", func(t *testing.T, l *lab) *mem.Server {
			l.policy.Append = true
			lose(l)
			l.each(t, body(70), func(p string) { l.move(t, p, strings.Replace(p, "INBOX/", "Lists/Go/", 1)) })
			l.clean(t)
			l.clean(t)
			l.change = nil
			if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatal(r.Fatal, r.Problems)
			}
			return l.server
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := c.do(t, manyWorded(t))
			if got := worded(server, "INBOX", "Lists/Go"); !slices.Equal(got, []string{"30"}) {
				t.Errorf("keywords of the message: %v, want 30 once", got)
			}
		})
	}
}
