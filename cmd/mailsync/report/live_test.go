package report

import (
	"strings"
	"testing"
	"time"
)

// terminal is a screen of so many columns whose progress is drawn by the test alone.
func terminal(width int) *screen {
	s := open(Options{})
	s.opts.Width = func() int { return width }
	s.live.stop = make(chan struct{})
	return s
}

// shown plays what was written to stderr as a terminal does, and returns its lines.
func (s *screen) shown() string {
	var lines []string
	line, at := []rune{}, 0
	for _, r := range s.err.String() {
		switch r {
		case '\r':
			at = 0
		case '\n':
			lines = append(lines, strings.TrimRight(string(line), " "))
			line, at = nil, 0
		default:
			if at == len(line) {
				line = append(line, r)
			} else {
				line[at] = r
			}
			at++
		}
	}
	return strings.Join(append(lines, strings.TrimRight(string(line), " ")), "\n")
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestProgress(t *testing.T) {
	s := terminal(200)
	a := s.Account("work")
	step := func(want string) {
		t.Helper()
		s.draw(noon)
		if got := s.shown(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	step("work: connecting")
	a.Listed(3)
	a.Mailbox("INBOX", false)
	step("work: 0 of 3 mailboxes, INBOX")
	a.Mailbox("Archive/2024", false)
	a.Mailbox("INBOX", true)
	step("work: 1 of 3 mailboxes, Archive/2024")
	a.Mailbox("Archive/2024", true)
	a.Planned(10, 10<<20)
	a.Fetched(2, 1<<20)
	step("work: 2 of 3 mailboxes, 2 of 10 messages, 1.0 MiB of 10.0 MiB")
	noon2 := noon.Add(2 * time.Second)
	a.Fetched(2, 2<<20)
	s.draw(noon2)
	if got, want := s.shown(), "work: 2 of 3 mailboxes, 4 of 10 messages, 3.0 MiB of 10.0 MiB, 1.0 MiB/s, 7.0 s left"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Account("home").Listed(2)
	s.draw(noon2)
	if got := s.shown(); !strings.HasPrefix(got, "2 accounts: 2 of 5 mailboxes, ") {
		t.Errorf("two accounts are not added up: %s", got)
	}
}

func TestOutputWipesTheProgress(t *testing.T) {
	s := terminal(80)
	a := s.Account("work")
	s.draw(noon)
	a.Note("INBOX", "look", "")
	s.draw(noon)
	_, _ = s.Log().Write([]byte("level=INFO msg=x\n"))
	s.draw(noon)
	a.Done(Summary{Account: "work", Status: "ok"}, false)
	s.draw(noon)
	if got, want := s.shown(), "mailsync: work: INBOX: look\nlevel=INFO msg=x\n"; got != want {
		t.Errorf("the terminal shows\n%q, want\n%q", got, want)
	}
}

func TestProgressStaysOnItsLine(t *testing.T) {
	s := terminal(20)
	s.Account("a-very-long-name-of-an-account-日本語")
	s.draw(noon)
	if got := s.shown(); Columns(got) > 19 || got == "" {
		t.Errorf("%q is wider than the terminal", got)
	}
	s = terminal(0)
	s.Account("work")
	s.draw(noon) // a terminal that says it has no columns must do no harm
	if got := s.shown(); got != "" {
		t.Errorf("%q on a terminal without columns", got)
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	s := open(Options{Width: func() int { return 80 }})
	s.Account("work")
	s.mu.Lock()
	s.draw(noon)
	s.mu.Unlock()
	s.Close()
	s.Close()
	if got := s.shown(); got != "" {
		t.Errorf("%q stays on the terminal", got)
	}
}

func TestNoProgressWithoutTerminalOrWhenQuiet(t *testing.T) {
	for _, o := range []Options{{}, {Quiet: true, Width: func() int { return 80 }}} {
		s := open(o)
		s.Account("work")
		s.draw(noon)
		s.Close()
		s.expect(t, "", "")
	}
}
