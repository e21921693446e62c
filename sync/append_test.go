package sync_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// appender is an account in step whose new files go to the server.
func appender(t testing.TB) *lab {
	t.Helper()
	l := filled()
	l.policy.Append = true
	l.clean(t)
	return l
}

// copies returns how many messages with a text are on the server, and how many files
// with it on disk.
func (l *lab) copies(t testing.TB, text string) (server, disk int) {
	t.Helper()
	for _, b := range l.onServer("INBOX", "Archive", "Lists/Go") {
		if strings.Contains(b, text) {
			server++
		}
	}
	for _, b := range l.bodies(t) {
		if strings.Contains(b, text) {
			disk++
		}
	}
	return server, disk
}

// once runs until nothing is left to do and expects a message once on both sides.
func (l *lab) once(t testing.TB, text string) {
	t.Helper()
	for range 3 {
		l.clean(t)
	}
	l.idle(t)
	if s, d := l.copies(t, text); s != 1 || d != 1 {
		t.Errorf("%q is %d times on the server, %d times here", text, s, d)
	}
}

func TestAppend(t *testing.T) {
	l := appender(t)
	l.drop(t, "INBOX/cur/x:2,FST", "Subject: one\n\nbody\n")
	l.drop(t, "INBOX/cur/1500000000.U7Tunknown.mailsync:2,S", "Subject: a token of somebody else\n\n")
	l.drop(t, "INBOX/new/empty", "")
	l.drop(t, "INBOX/tmp/half", "Subject: being writ")
	if r := l.clean(t); r.Appended != 1 {
		t.Errorf("appended %d, want 1", r.Appended)
	}
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		msg := m.Messages[len(m.Messages)-1]
		if msg.Body != "Subject: one\r\n\r\nbody\r\n" || msg.Date != 1500000000 || len(m.Messages) != 10 {
			t.Errorf("the server has %d messages, the last is %+v", len(m.Messages), msg)
		}
	})
	if got, want := l.serverFlags("INBOX", 10), []string{`\Flagged`, `\Seen`}; !slices.Equal(got, want) {
		t.Errorf("flags %v, want %v: no \\Deleted, for deletions stay at home", got, want)
	}
	for range 2 {
		if r := l.clean(t); r.Fetched+r.Appended+r.FlagsToServer+r.FlagsToDisk != 0 {
			t.Errorf("the next run still did something: %+v", r)
		}
	}
	l.idle(t)
}

// A mail program changes a file while it is being sent: what it took away from the flags
// that were sent is taken away on the server, and what it added is added.
func TestFlagsOfAFileThatIsBeingSent(t *testing.T) {
	l := appender(t)
	l.drop(t, "INBOX/cur/x:2,FS", "Subject: one\n\nbody\n")
	changed := false
	r := l.run(nil, func(s string) error {
		if strings.HasPrefix(s, "give ") && !changed {
			changed = true
			l.rename(t, "Subject: one", "RS")
		}
		return nil
	})
	if r.Status() != "ok" || !changed {
		t.Fatalf("run is %s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	l.clean(t)
	if got, want := l.serverFlags("INBOX", 10), []string{`\Answered`, `\Seen`}; !slices.Equal(got, want) {
		t.Errorf("flags %v, want %v", got, want)
	}
	l.once(t, "Subject: one")
}

// So it is where the run was interrupted, and the flags changed before the next one.
func TestFlagsOfAFileThatWasBeingSent(t *testing.T) {
	for n, whole := 1, false; !whole; n++ {
		l := appender(t)
		l.drop(t, "INBOX/cur/x:2,FS", "Subject: one\n\nbody\n")
		step, reached := cutAt(n)
		l.run(nil, step)
		whole = !reached()
		l.rename(t, "Subject: one", "RS")
		l.clean(t)
		l.clean(t)
		if got, want := l.serverFlags("INBOX", 10), []string{`\Answered`, `\Seen`}; !slices.Equal(got, want) {
			t.Errorf("cut at step %d: flags %v, want %v", n, got, want)
		}
		l.once(t, "Subject: one")
	}
}

func TestAppendKeywords(t *testing.T) {
	l := filled()
	l.policy.Append = true
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, "$Label1", true) })
	l.clean(t)
	l.drop(t, "INBOX/cur/x:2,Sa", "Subject: one\n\nbody\n")
	l.clean(t)
	if got, want := l.serverFlags("INBOX", 10), []string{"$Label1", `\Seen`}; !slices.Equal(got, want) {
		t.Errorf("flags %v, want %v", got, want)
	}
}

// More files than a batch holds go one batch after the other, and their number is kept
// where several are equal.
func TestAppendMany(t *testing.T) {
	l := appender(t)
	const n = 150
	for i := range n {
		l.drop(t, fmt.Sprintf("Lists/Go/cur/%03d:2,S", i), fmt.Sprintf("Subject: %d\n\nmany\n", i%10))
	}
	if r := l.clean(t); r.Appended != n {
		t.Errorf("appended %d, want %d", r.Appended, n)
	}
	if s, d := l.copies(t, "many"); s != n || d != n {
		t.Errorf("%d on the server, %d here, want %d", s, d, n)
	}
	l.clean(t)
	l.clean(t)
	l.idle(t)
}

// A server that says NO is reported in every run, and the file goes on the day it can.
func TestAppendRefused(t *testing.T) {
	l := appender(t)
	l.drop(t, "INBOX/new/x", "Subject: one\n\nunloved\n")
	mirror(&l.policy)
	l.remove(t, "number 1\r")
	l.server.Command = func(name, _ string) error {
		if name == "APPEND" {
			return errors.New("server answered NO [OVERQUOTA] full")
		}
		return nil
	}
	for range 2 {
		got := l.failing(t)
		if !strings.Contains(got, `append "new/x": server answered NO [OVERQUOTA] full`) {
			t.Errorf("problems %q", got)
		}
	}
	if slices.Contains(l.uids("INBOX"), 2) {
		t.Error("a deletion that would make room was held back")
	}
	l.server.Command = nil
	l.once(t, "unloved")
}

// Hundreds of messages that a server refuses keep no others back; one that refuses everything is not sent everything.
func TestAppendOfManyThatAreRefused(t *testing.T) {
	l := appender(t)
	tried := 0
	l.server.Refuses = func(body string) error {
		if tried++; strings.Contains(body, "odd") {
			return errors.New("server answered NO: message contains NUL")
		}
		return nil
	}
	for i := range 300 {
		l.drop(t, fmt.Sprintf("Lists/Go/cur/%03d:2,S", i), fmt.Sprintf("Subject: %d\n\nodd\n", i))
	}
	for i := range 100 {
		l.drop(t, fmt.Sprintf("Lists/Go/cur/x%03d:2,S", i), fmt.Sprintf("Subject: %d\n\nplain\n", i))
	}
	for range 5 {
		l.failing(t)
	}
	if s, d := l.copies(t, "plain"); s != 100 || d != 100 {
		t.Errorf("%d on the server, %d here, want 100", s, d)
	}
	for tried = 0; tried == 0; {
		if got := l.failing(t); !strings.Contains(got, "the server refuses everything") {
			t.Errorf("problems %q", got)
		}
	}
	if tried != 2*send.Batch {
		t.Errorf("%d were sent to a server that takes none", tried)
	}
}

// An answer that does not come leaves a message on the server that may not be sent again,
// whatever the server tells and keeps of it.
func TestAppendWithoutAnAnswer(t *testing.T) {
	const body = "Message-ID: <lost@x>\nSubject: one\n\nlost answer\n"
	for _, c := range []struct {
		name, body string
		stored     bool
		after      func(*mem.Mailbox)
	}{
		{"stored", body, true, nil},
		{"not stored", body, false, nil},
		{"stored with another date", body, true, func(m *mem.Mailbox) { m.Find(10).Date++ }},
		{"stored with another size", body, true, func(m *mem.Mailbox) { m.Find(10).Size = 9999 }},
		{"stored, no Message-ID", body[21:], true, nil},
		{"stored, no Message-ID, another date", body[21:], true, func(m *mem.Mailbox) { m.Find(10).Date++ }},
		{"not stored, and another came, as large", body, false, func(m *mem.Mailbox) {
			m.Add(strings.ReplaceAll(strings.ReplaceAll(body, "lost answer", "found there"), "\n", "\r\n"), 1)
		}},
		{"not stored, and another came, as large, without Message-ID", body[21:], false, func(m *mem.Mailbox) {
			m.Add(strings.ReplaceAll(strings.ReplaceAll(body[21:], "lost answer", "found there"), "\n", "\r\n"), 1)
		}},
		{"stored, and read by another client", body, true, func(m *mem.Mailbox) { m.Flag(10, `\Seen`, true) }},
	} {
		for _, noUID := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, noUID), func(t *testing.T) {
				l := appender(t)
				l.server.NoUIDPlus = noUID
				lost := errors.New("connection lost")
				if c.stored {
					l.server.Unanswered = func(name, _ string) error { return lost }
				} else {
					l.server.Command = func(name, _ string) error {
						if name == "APPEND" {
							return lost
						}
						return nil
					}
				}
				l.drop(t, "INBOX/new/x", c.body)
				if got := l.failing(t); !strings.Contains(got, "connection lost") {
					t.Fatalf("problems %q", got)
				}
				l.server.Unanswered, l.server.Command = nil, nil
				if c.after != nil {
					l.server.Change("INBOX", c.after)
				}
				// A mail program reads the file meanwhile.
				if err := l.disk.Rename("INBOX/new/x", "INBOX/cur/x:2,F"); err != nil {
					t.Fatal(err)
				}
				l.once(t, "lost answer")
			})
		}
	}
}

// While the listing is not complete, a message that may be there is not sent again.
func TestAppendWaitsForACompleteListing(t *testing.T) {
	l := appender(t)
	l.server.Unanswered = func(string, string) error { return errors.New("connection lost") }
	l.drop(t, "INBOX/new/x", "Subject: one\n\nhalf seen\n")
	l.failing(t)
	l.server.Unanswered, l.server.Partial = nil, true
	l.change = func(a *port.Account) { a.Full = true }
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Messages = slices.Insert(m.Messages, 0, m.Messages[1]) }) // shift what is listed
	l.failing(t)
	if s, _ := l.copies(t, "half seen"); s != 1 {
		t.Errorf("%d times on the server", s)
	}
	l.server.Partial, l.change = false, nil
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Messages = slices.Delete(m.Messages, 0, 1) })
	l.once(t, "half seen")
}

// A mail program that renames the file while it gets its identity does not make it two.
func TestAppendBesideAMailProgram(t *testing.T) {
	for _, at := range []string{"append", "give", "sync"} {
		t.Run(at, func(t *testing.T) {
			l := appender(t)
			l.drop(t, "INBOX/new/x", "Subject: one\n\nrenamed\n")
			l.run(nil, func(step string) error {
				if strings.HasPrefix(step, at+" ") {
					if err := l.disk.Rename("INBOX/new/x", "INBOX/cur/x:2,F"); err == nil {
						return nil
					}
				}
				return nil
			})
			l.once(t, "renamed")
		})
	}
}

// A file that its user removes, or moves to another Maildir, while it is being appended is
// neither brought back nor doubled.
func TestAppendOfAFileThatGoes(t *testing.T) {
	for _, at := range []string{"append", "give"} { // before it is sent, and after
		for _, c := range []struct {
			name, to     string
			deletion     plan.Deletion
			server, disk int // where it was sent
		}{
			{"removed, deletions are carried over", "", plan.Delete, 0, 0},
			{"removed, the server keeps it", "", plan.Keep, 1, 0},
			{"moved, deletions are carried over", "Archive/cur/x:2,S", plan.Delete, 1, 1},
			{"moved, whatever becomes of deletions", "Archive/cur/x:2,S", plan.Keep, 1, 1}, // a move is none
		} {
			t.Run(at+"/"+c.name, func(t *testing.T) {
				l := appender(t)
				l.policy.OnDiskDelete = c.deletion
				l.drop(t, "INBOX/new/x", "Subject: one\n\nrestless\n")
				gone := false
				l.run(nil, func(step string) error {
					if !gone && strings.HasPrefix(step, at+" ") && l.holds("INBOX/new/x") {
						gone = true
						if c.to == "" {
							return l.disk.Remove("INBOX/new/x")
						}
						return l.disk.Rename("INBOX/new/x", c.to)
					}
					return nil
				})
				if !gone {
					t.Fatal("the run has no such step while the file is there")
				}
				for range 4 {
					l.run(nil, nil)
				}
				l.clean(t)
				l.idle(t)
				server := c.server
				if at == "append" {
					server = c.disk
				}
				if s, d := l.copies(t, "restless"); s != server || d != c.disk {
					t.Errorf("%d times on the server, %d times here; want %d and %d", s, d, server, c.disk)
				}
			})
		}
	}
}

// One that is written anew under its name meanwhile is another message; the first stays on
// the server, for nobody removed it.
func TestAppendOfAFileThatIsWrittenAnew(t *testing.T) {
	l := appender(t)
	l.policy.OnDiskDelete = plan.Delete
	l.drop(t, "INBOX/new/x", "Subject: one\n\nfirst draft\n")
	l.run(nil, func(step string) error {
		if strings.HasPrefix(step, "give new/x") {
			if err := l.disk.Remove("INBOX/new/x"); err != nil {
				return err
			}
			l.drop(t, "INBOX/cur/x:2,D", "Subject: one\n\nsecond draft, longer\n")
			return errTestCut
		}
		return nil
	})
	l.once(t, "second draft")
	if s, _ := l.copies(t, "first draft"); s != 1 {
		t.Errorf("the first is %d times on the server", s)
	}
}

// holds reports whether a file is on disk.
func (l *lab) holds(p string) bool {
	_, err := l.disk.Lstat(p)
	return err == nil
}

// A message that was expunged right after its append is one that the server once had.
func TestAppendedAndExpunged(t *testing.T) {
	l := appender(t)
	l.drop(t, "INBOX/new/x", "Subject: one\n\nshort life\n")
	l.run(nil, func(step string) error {
		if strings.HasPrefix(step, "give new/x") {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(10) })
			return errTestCut
		}
		return nil
	})
	for range 3 {
		l.clean(t)
	}
	if s, d := l.copies(t, "short life"); s != 0 || d != 1 {
		t.Errorf("%d on the server, %d here", s, d)
	}
	if rec := l.record(t, "INBOX", 10); rec.Status != state.OnlyHere {
		t.Errorf("it is %v", rec.Status)
	}
}

// A Maildir that a mail program made becomes a mailbox with what is in it; one with
// messages of another account does not.
func TestNewMaildirBecomesAMailbox(t *testing.T) {
	l := appender(t)
	newMaildir(t, l)
	for range 4 {
		l.clean(t)
	}
	l.idle(t)
	if got := l.onServer("Neu/Äpfel"); len(got) != 2 || !strings.Contains(strings.Join(got, ""), "in a new place") || !strings.Contains(strings.Join(got, ""), "number 1") {
		t.Errorf("in the new mailbox are %q", got)
	}
	if slices.Contains(l.uids("INBOX"), 2) {
		t.Error("what was moved there is still in INBOX")
	}
	list, err := l.server.List(t.Context(), nil)
	if err != nil || len(list.Mailboxes) != 4 {
		t.Errorf("%d mailboxes, %v", len(list.Mailboxes), err)
	}
}

// Courier numbers an empty mailbox anew in each second, until it holds something: what was
// sent meanwhile is there once, in this run and the next.
func TestAppendToAMailboxThatIsNumberedAnew(t *testing.T) {
	for _, at := range []string{"append ", "appended"} {
		t.Run(at, func(t *testing.T) {
			l := appender(t)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Messages = nil })
			l.clean(t)
			l.drop(t, "INBOX/new/x", "Subject: one\n\nfirst of all\n")
			l.run(nil, func(step string) error {
				if strings.HasPrefix(step, at) {
					l.server.Change("INBOX", func(m *mem.Mailbox) { m.UIDValidity++ })
				}
				return nil
			})
			l.once(t, "first of all")
		})
	}
}
