package report

import (
	"io"
	"testing"
)

// A question is on a line of its own: the progress is gone, and what others print comes after the answer.
func TestSuspend(t *testing.T) {
	w := terminal(80)
	a, _ := w.Account("work"), w.Account("home")
	w.draw(noon)
	resume := w.Suspend()
	_, _ = io.WriteString(w.vt, "Password: ")
	w.draw(noon)
	a.Note("INBOX", "look", "")
	a.Line("done")
	a.Done(Summary{Account: "work", Status: "ok"}, false)
	w.expect(t, "Password:")
	_, _ = io.WriteString(w.vt, "\n")
	resume()
	resume()
	w.expect(t, "Password:\nmailsync: work: INBOX: look\nwork: done")
	w.draw(noon)
	w.expect(t, "Password:\nmailsync: work: INBOX: look\nwork: done\nhome: connecting\nall: 1 of 2 accounts done")
}

// Two suspensions that overlap end with the later one, and Close keeps nothing back.
func TestSuspensionsOverlap(t *testing.T) {
	s := open(Options{})
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
