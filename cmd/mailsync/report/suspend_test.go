package report

import (
	"io"
	"testing"
)

// A question is on a line of its own: the progress is gone, and what others print comes after the answer.
func TestSuspend(t *testing.T) {
	s := terminal(80)
	a := s.Account("work")
	s.draw(noon)
	resume := s.Suspend()
	_, _ = io.WriteString(&s.err, "Password: ")
	s.draw(noon)
	a.Note("INBOX", "look", "")
	a.Done(Summary{Account: "work", Status: "ok"}, false)
	if got, want := s.shown(), "Password:"; got != want || s.out.Len() > 0 {
		t.Errorf("the terminal shows %q, want %q; stdout has %q", got, want, &s.out)
	}
	_, _ = io.WriteString(&s.err, "\n")
	resume()
	resume()
	if got, want := s.shown(), "Password:\nmailsync: work: INBOX: look\n"; got != want {
		t.Errorf("the terminal shows\n%q, want\n%q", got, want)
	}
	if s.out.Len() == 0 {
		t.Error("the result is still held back")
	}
	s.Account("home")
	s.draw(noon)
	if got, want := s.shown(), "Password:\nmailsync: work: INBOX: look\nhome: connecting"; got != want {
		t.Errorf("the terminal shows\n%q, want\n%q", got, want)
	}
}

// Two suspensions that overlap end with the later one, and Close keeps nothing back.
func TestSuspensionsOverlap(t *testing.T) {
	s := terminal(80)
	one, two := s.Suspend(), s.Suspend()
	s.Print("a")
	one()
	s.expect(t, "", "")
	two()
	s.expect(t, "a\n", "")
	s.Suspend()
	s.Print("b")
	s.Close()
	s.expect(t, "a\nb\n", "")
}
