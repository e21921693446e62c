//go:build unix

package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// event is what happens now and then while the users pause, and after it a few runs that
// break off. It returns what it was, "" for nothing.
func (s *soak) event() string {
	s.t.Helper()
	u := s.someone(s.r.Uint64(), 3)
	var what string
	args := []string{"sync", "--json"}
	switch s.r.IntN(9) {
	case 0:
		s.loseState([]string{s.root, s.popRoot}[s.r.IntN(2)])
		what = "a lost state"
	case 1:
		box := u.box(0)
		what = "new numbers: " + box
		validity := fmt.Sprint(time.Now().Unix() + 1000 + int64(s.figures.checks))
		s.srv.Doveadm("mailbox", "update", "-u", "ada", "--uid-validity", validity, box)
	case 2:
		what = u.makeAgain(u.box(1))
	case 3:
		what = u.renameBox(u.box(3))
	case 4:
		what = u.deleteBox()
	case 5, 6:
		what = "an archive run"
		args = []string{"archive", "--apply", "--json", "work"}
		s.agesOut()
	}
	if what == "" {
		return ""
	}
	kind, _, _ := strings.Cut(what, ":")
	s.figures.count("times: " + kind)
	for range s.r.IntN(4) {
		s.weather(s.r.IntN(2) == 0)
		i := program.Interruption{After: time.Duration(s.r.Int64N(int64(s.figures.usual()))), Signal: syscall.SIGKILL}
		if s.r.IntN(3) == 0 {
			i.Signal = syscall.SIGTERM
		}
		s.check(s.run(i, args...))
	}
	s.weather(false)
	if args[0] == "archive" {
		if o := s.run(program.Interruption{}, args...); o.Code != 0 {
			s.t.Errorf("%v", o)
		}
	}
	return what
}

// box picks a mailbox, not one of the first few.
func (u *user) box(first int) string {
	first = min(first, len(u.model.boxes)-1)
	return u.model.boxes[first+u.r.IntN(len(u.model.boxes)-first)]
}

// loseState removes the state file of the account at a root. The Maildirs tell nothing of a
// mailbox that the server has no more: nobody misses it after that.
func (s *soak) loseState(root string) {
	s.t.Helper()
	if root == s.root {
		s.model.unlisted = 0
	}
	for _, name := range s.list(filepath.Join(root, ".mailsync")) {
		if strings.HasPrefix(name, "state.db") {
			if err := os.Remove(filepath.Join(root, ".mailsync", name)); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// makeAgain makes a mailbox of the same name with the same messages, which has other
// numbers.
func (u *user) makeAgain(box string) string {
	name, old := servers.Quote(corpus.WireName(box)), servers.Quote("old")
	u.do("RENAME " + name + " " + old)
	u.do("CREATE " + name)
	u.do("SELECT " + old)
	if mails := u.do("UID SEARCH ALL"); len(mails) > 0 && strings.ContainsAny(mails[0].Text, "0123456789") {
		u.do("UID COPY 1:* " + name)
	}
	u.do("UNSELECT")
	u.do("DELETE " + old)
	return "a mailbox made again: " + box
}

func (u *user) renameBox(box string) string {
	u.model.made++
	to := fmt.Sprintf("Renamed%d", u.model.made)
	u.do("RENAME " + servers.Quote(corpus.WireName(box)) + " " + servers.Quote(to))
	for i, b := range u.model.boxes {
		if b == box {
			u.model.boxes[i] = to
		}
	}
	for name, msg := range u.model.messages {
		for _, c := range msg.copies {
			if c.box == box && c.where == both {
				c.box = to
				u.model.say(name, "mailbox %s becomes %s", box, to)
			}
		}
	}
	return "a renamed mailbox: " + box + " becomes " + to
}

// deleteBox deletes the mailbox with the fewest messages on the server. What lies here stays here.
func (u *user) deleteBox() string {
	if len(u.model.boxes) < 8 {
		return ""
	}
	held := map[string]int{}
	for _, msg := range u.model.messages {
		for _, c := range msg.copies {
			held[c.box]++
		}
	}
	least := u.model.boxes[3]
	for _, b := range u.model.boxes[3:] {
		if held[b] < held[least] {
			least = b
		}
	}
	u.do("DELETE " + servers.Quote(corpus.WireName(least)))
	for i, b := range u.model.boxes {
		if b == least {
			u.model.boxes = append(u.model.boxes[:i], u.model.boxes[i+1:]...)
			break
		}
	}
	here := 0
	for _, msg := range u.model.messages {
		for _, c := range msg.copies {
			if c.box == least && c.where == both {
				c.box, c.where = corpus.WireName(least), only
				here++
			}
		}
	}
	if here > 0 {
		u.model.unlisted++
	}
	return "a deleted mailbox: " + least
}

// old reports whether a message is old enough for the archive.
func (s *soak) old(msg *message) bool {
	return msg.date < s.begun.Add(-365*24*time.Hour).Unix()
}

// agesOut has the model know what an archive run takes off the server: of drafts nothing.
func (s *soak) agesOut() {
	for name, msg := range s.model.messages {
		for _, c := range msg.copies {
			if c.where == both && c.box != "Drafts" && s.old(msg) && c.flags&seen != 0 && c.flags&flagged == 0 {
				c.where = archived
				s.model.say(name, "in %s goes to the archive", c.box)
				s.figures.count("messages archived", 1)
			}
		}
	}
}
