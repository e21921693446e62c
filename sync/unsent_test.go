package sync_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
)

// What cannot be appended holds back no deletion but those of messages that it may be: of the same bytes, or of
// the same Message-ID. So a mailbox that is full can be emptied, also of more than a batch of files.
func TestUnsentHoldsBackOnlyWhatItMayBe(t *testing.T) {
	const kept = "Message-ID: <moved@x>\nSubject: kept\n\nas it was\n"
	for _, c := range []struct {
		name, text string
		back       bool
	}{
		{"the same bytes", kept, true},
		{"the same Message-ID", strings.Replace(kept, "as it was", "as a program left it", 1), true},
		{"another message", "Message-ID: <other@x>\nSubject: other\n\nlike it\n", false},
		{"another of that length", strings.NewReplacer("moved", "other", "as it was", "as it is!").Replace(kept), false},
	} {
		for _, many := range []int{0, 200} {
			t.Run(fmt.Sprint(c.name, many), func(t *testing.T) {
				l := appender(t)
				mirror(&l.policy)
				l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(strings.ReplaceAll(kept, "\n", "\r\n"), 1500000000) })
				l.clean(t)
				uids := l.uids("INBOX")
				uid := uids[len(uids)-1]
				l.drop(t, "Archive/cur/1.M1.home:2,S", c.text)
				for i := range many {
					l.drop(t, fmt.Sprintf("INBOX/cur/2.M%d.home:2,S", i), fmt.Sprintf("Subject: %d\n\none of many\n", i))
				}
				l.remove(t, "as it was\r")
				l.server.Command = func(name, _ string) error {
					if name == "APPEND" || name == "MOVE" {
						return errors.New("server answered NO [OVERQUOTA] full")
					}
					return nil
				}
				for range 2 {
					r := l.run(nil, nil)
					if r.Status() != "partial" {
						t.Errorf("run is %s: %v %v", r.Status(), r.Fatal, r.Problems)
					}
				}
				if got := slices.Contains(l.uids("INBOX"), uid); got != c.back {
					t.Errorf("the message is on the server: %v, want %v", got, c.back)
				}
			})
		}
	}
}

// A file that cannot be read is named, and keeps no other from the server.
func TestAppendUnreadable(t *testing.T) {
	l := appender(t)
	l.drop(t, "INBOX/cur/a:2,S", "Subject: sealed\n\nsealed\n")
	l.drop(t, "INBOX/cur/b:2,S", "Subject: free\n\nfree\n")
	sealed := disktest.FailWhen(l.disk, func(_ int, call string) error {
		if strings.HasPrefix(call, "open INBOX/cur/a") {
			return syscall.EACCES
		}
		return nil
	})
	for range 2 {
		r := l.run(sealed, nil)
		if text := fmt.Sprint(r.Problems); r.Fatal != nil || !strings.Contains(text, `append "cur/a:2,S"`) {
			t.Errorf("%v: %s", r.Fatal, text)
		}
	}
	if s, _ := l.copies(t, "Subject: free"); s != 1 {
		t.Errorf("the other is there %d times", s)
	}
	l.once(t, "Subject: sealed")
}

// Nothing may be expunged because less is known: neither what comes behind a failure of the disk or the state, nor
// where the server does not say who a message is, or the file has another name by now.
func TestUnsentWhereLessIsKnown(t *testing.T) {
	const kept = "Message-ID: <moved@x>\nSubject: kept\n\nas it was\n"
	altered := strings.Replace(kept, "as it was", "as a program left it", 1)
	full := func(name, _ string) error {
		if name == "APPEND" || name == "MOVE" {
			return errors.New("server answered NO [OVERQUOTA] full")
		}
		return nil
	}
	for _, c := range []struct {
		name   string
		hinder func(t *testing.T, l *lab) disk.FS
	}{
		{"files of the batch before it cannot be tied", func(t *testing.T, l *lab) disk.FS {
			for i := range 64 {
				l.drop(t, fmt.Sprintf("Archive/cur/0.M%d.home:2,S", i), fmt.Sprintf("Subject: %d\n\nbefore it\n", i))
			}
			return disktest.FailWhen(l.disk, func(_ int, call string) error {
				if strings.HasPrefix(call, "rename Archive/cur/0.") {
					return syscall.EIO
				}
				return nil
			})
		}},
		{"the server tells no Message-ID", func(t *testing.T, l *lab) disk.FS {
			l.server.Command, l.server.Mute = full, true
			return nil
		}},
		{"a mail program changes the flags of the file", func(t *testing.T, l *lab) disk.FS {
			renamed := false
			l.server.Command = func(name, raw string) error {
				if name == "APPEND" && !renamed {
					renamed = true
					l.rename(t, "as a program left it", "FS")
				}
				return full(name, raw)
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := appender(t)
			mirror(&l.policy)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(strings.ReplaceAll(kept, "\n", "\r\n"), 1500000000) })
			l.clean(t)
			uids := l.uids("INBOX")
			l.drop(t, "Archive/cur/1.M1.home:2,S", altered)
			l.remove(t, "as it was\r")
			r := l.run(c.hinder(t, l), nil)
			if r.Status() != "partial" || !slices.Contains(l.uids("INBOX"), uids[len(uids)-1]) {
				t.Errorf("run is %s, INBOX has %v: %v %v", r.Status(), l.uids("INBOX"), r.Fatal, r.Problems)
			}
		})
	}
}
