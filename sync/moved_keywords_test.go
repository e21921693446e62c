package sync_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
)

// holiday is the message that moves: "a" is Holiday in INBOX, and Paid in Archive.
const holiday = "Message-ID: <holiday@example.org>\r\nSubject: beach\r\n\r\nSun.\r\n"

func holidays(t testing.TB) *lab {
	t.Helper()
	l := filled()
	appending(&l.policy)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(holiday, 1700000099, `\Seen`, "Holiday") })
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Flag(1, "Paid", true) })
	l.clean(t)
	l.clean(t)
	for box, want := range map[string]string{"INBOX": "0 Holiday\n", "Archive": "0 Paid\n"} {
		if got := string(l.read(t, box+"/dovecot-keywords")); got != want {
			t.Fatalf("%s names %q", box, got)
		}
	}
	return l
}

// take plays a program that moves the message's file, with letters that are name's if that is
// not nil.
func (l *lab) take(t testing.TB, to string, letters func(string) string) {
	t.Helper()
	l.each(t, "Subject: beach", func(p string) {
		key, info, _ := strings.Cut(path.Base(p), ":2,")
		if letters != nil {
			info = letters(info)
		}
		l.move(t, p, to+"/cur/"+key+":2,"+info)
	})
	if err := l.disk.SyncDir(to + "/cur"); err != nil {
		t.Fatal(err)
	}
}

// beach says where the message is on the server, and on disk with its flags and the words of
// its letters.
func (l *lab) beach(t testing.TB) (there, here string) {
	t.Helper()
	var server, files []string
	for _, raw := range labBoxes {
		l.server.Change(raw, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				if msg.Body == holiday {
					server = append(server, fmt.Sprint(raw, slices.Sorted(maps.Keys(msg.Flags))))
				}
			}
		})
	}
	for _, f := range l.files(t) {
		if f.body != holiday {
			continue
		}
		var words []string
		for _, c := range f.flags {
			word := string(c)
			if c >= 'a' && c <= 'z' {
				for line := range strings.SplitSeq(string(l.read(t, f.box+"/dovecot-keywords")), "\n") {
					if n, name, _ := strings.Cut(line, " "); n == fmt.Sprint(c-'a') {
						word = name
					}
				}
			}
			words = append(words, word)
		}
		files = append(files, fmt.Sprint(f.box, words))
	}
	return strings.Join(server, " "), strings.Join(files, " ")
}

// A message that moves from a Maildir to another keeps its keywords, on both sides, whoever
// moved it on which, and whatever its letters mean in either place.
func TestKeywordsOfAMessageThatMoves(t *testing.T) {
	asIs := func(l *lab) { l.take(t, "Archive", nil) }
	renamed := func(info string) func(l *lab) {
		return func(l *lab) {
			l.each(t, "Subject: beach", func(p string) { l.move(t, p, "Archive/cur/1700000000.R1.host:2,"+info) })
		}
	}
	uid := state.UID(10)
	moved := "Archive[Holiday \\Seen] | Archive[S Holiday]"
	for _, c := range []struct {
		name   string
		before func(l *lab)
		do     func(l *lab)
		want   string
	}{
		{"here", nil, asIs, moved},
		{"here, and the server tells no UID", func(l *lab) { l.server.NoUIDPlus = true }, asIs, moved},
		{"here, and a flag changed in one go", nil, func(l *lab) {
			l.take(t, "Archive", func(info string) string { return "FS" + strings.Trim(info, "FS") })
		}, "Archive[Holiday \\Flagged \\Seen] | Archive[F S Holiday]"},
		{"here, marked as new", nil, func(l *lab) { l.take(t, "Archive", func(string) string { return "a" }) },
			"Archive[Holiday] | Archive[Holiday]"},
		{"here, by a program that knows letters", nil, func(l *lab) {
			l.write(t, "Archive/dovecot-keywords", []byte("0 Paid\n1 Holiday\n"))
			l.take(t, "Archive", func(string) string { return "Sb" })
		}, moved},
		{"here, by a program that knows letters, and one was added", nil, func(l *lab) {
			l.write(t, "Archive/dovecot-keywords", []byte("0 Paid\n1 Holiday\n2 Work\n"))
			l.take(t, "Archive", func(string) string { return "Sbc" })
		}, "Archive[Holiday Work \\Seen] | Archive[S Holiday Work]"},
		{"here, where no keyword has a letter", nil, func(l *lab) { l.take(t, "Lists/Go", nil) },
			"Lists/Go[Holiday \\Seen] | Lists/Go[S Holiday]"},
		{"here, where all letters are taken", func(l *lab) {
			var b strings.Builder
			for i := range 26 {
				fmt.Fprintf(&b, "%d taken%d\n", i, i)
			}
			l.write(t, "Archive/dovecot-keywords", []byte(b.String()))
		}, asIs, "Archive[Holiday \\Seen] | Archive[S]"},
		{"here, by a reader that shows no flags any more", nil, func(l *lab) {
			asIs(l)
			l.each(t, "Subject: beach", func(p string) { l.move(t, p, strings.Replace(p, ":", "_", 1)) })
		}, moved},
		{"here, and the server's flags changed meanwhile", nil, func(l *lab) {
			asIs(l)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(uid, `\Answered`, true); m.Flag(uid, "Work", true) })
		}, "Archive[Holiday Work \\Answered \\Seen] | Archive[R S Holiday Work]"},
		{"here, and the state was lost", nil, func(l *lab) {
			asIs(l)
			l.base = mem.NewBase()
		}, moved},
		{"here, under another name", nil, renamed("Sa"), moved},
		{"here, under another name, and the server tells no UID", func(l *lab) { l.server.NoUIDPlus = true }, renamed("Sa"), moved},
		{"here, under another name, by a program that knows letters", nil, func(l *lab) {
			l.write(t, "Archive/dovecot-keywords", []byte("0 Paid\n1 Holiday\n"))
			renamed("Sb")(l)
		}, moved},
		{"here, under another name, by a program that knows no letters", nil, renamed("S"), moved},
		{"not at all, and its file has another name", nil, func(l *lab) {
			l.each(t, "Subject: beach", func(p string) { l.move(t, p, "INBOX/cur/1700000000.R1.host:2,FSa") })
		}, "INBOX[Holiday \\Flagged \\Seen] | INBOX[F S Holiday]"},
		{"not at all, and its file has another name, where deletions travel", func(l *lab) {
			l.policy.Append, l.policy.OnDiskDelete, l.policy.OnServerDelete = false, plan.Delete, plan.Delete
		}, func(l *lab) {
			l.each(t, "Subject: beach", func(p string) { l.move(t, p, "INBOX/cur/1700000000.R1.host:2,Sa") })
		}, "INBOX[Holiday \\Seen] | INBOX[S Holiday]"},
		{"here, under another name, without append, and with it later", nil, func(l *lab) {
			l.policy.Append = false
			renamed("Sa")(l)
			l.clean(t)
			l.clean(t)
			l.policy.Append = true
		}, moved},
		{"here, under another name, where deletions travel", func(l *lab) {
			l.policy.OnDiskDelete, l.policy.OnServerDelete = plan.Delete, plan.Delete
		}, renamed("Sa"), moved},
		{"there", nil, func(l *lab) { l.moveThere(t, "INBOX", "Archive", uid) }, moved},
		{"there, with a flag that changed here", nil, func(l *lab) {
			l.rename(t, "Subject: beach", "FSa")
			l.moveThere(t, "INBOX", "Archive", uid)
		}, "Archive[Holiday \\Flagged \\Seen] | Archive[F S Holiday]"},
		{"there, in a tree without colons", nil, func(l *lab) {
			l.withoutColons(t, "_")
			l.moveThere(t, "INBOX", "Archive", uid)
		}, moved},
		{"on both sides", nil, func(l *lab) {
			asIs(l)
			l.moveThere(t, "INBOX", "Archive", uid)
		}, moved},
		{"there, and here to a third place", nil, func(l *lab) {
			l.take(t, "Lists/Go", nil)
			l.moveThere(t, "INBOX", "Archive", uid)
		}, moved},
		{"there, with more keywords than letters here", func(l *lab) {
			var b strings.Builder
			for i := range 26 {
				fmt.Fprintf(&b, "%d taken%d\n", i, i)
			}
			l.write(t, "INBOX/dovecot-keywords", []byte(b.String()))
			l.rename(t, "Subject: beach", "S")
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(uid, "Holiday", true) })
			l.clean(t)
			l.clean(t)
		}, func(l *lab) { l.moveThere(t, "INBOX", "Archive", uid) }, moved},
		{"a copy", nil, func(l *lab) {
			l.each(t, "Subject: beach", func(p string) {
				l.drop(t, "Archive/cur/"+path.Base(p), strings.ReplaceAll(holiday, "\r\n", "\n"))
			})
		}, "INBOX[Holiday \\Seen] Archive[Holiday \\Seen] | Archive[S Holiday] INBOX[S Holiday]"},
		{"a copy, by a program that knows letters", nil, func(l *lab) {
			l.write(t, "Archive/dovecot-keywords", []byte("0 Paid\n1 Holiday\n"))
			l.each(t, "Subject: beach", func(p string) {
				l.drop(t, "Archive/cur/"+strings.Replace(path.Base(p), ":2,Sa", ":2,Sb", 1), strings.ReplaceAll(holiday, "\r\n", "\n"))
			})
		}, "INBOX[Holiday \\Seen] Archive[Holiday \\Seen] | Archive[S Holiday] INBOX[S Holiday]"},
		{"here without append, and with it later", nil, func(l *lab) {
			l.policy.Append = false
			asIs(l)
			l.clean(t)
			l.clean(t)
			l.policy.Append = true
		}, moved},
		{"here and back", nil, func(l *lab) {
			asIs(l)
			l.clean(t)
			l.clean(t)
			l.take(t, "INBOX", nil)
		}, "INBOX[Holiday \\Seen] | INBOX[S Holiday]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := func() *lab {
				l := holidays(t)
				if c.before != nil {
					c.before(l)
				}
				c.do(l)
				return l
			}
			check := func(l *lab, when string) {
				t.Helper()
				for range 3 {
					l.clean(t)
				}
				l.idle(t)
				there, here := l.beach(t)
				if got := there + " | " + here; got != c.want {
					t.Fatalf("%s:\n got %s\nwant %s", when, got, c.want)
				}
				others := l.serverFlags("Archive", 1)
				if !slices.Equal(others, []string{"Paid", `\Seen`}) && !strings.Contains(c.name, "taken") {
					t.Fatalf("%s: another message has %v", when, others)
				}
				l.verified(t, l.verify(), "")
			}
			check(begin(), "unbroken")
			for n := 1; ; n += stride(t) {
				l := begin()
				step, reached := cutAt(n)
				l.run(nil, step)
				if !reached() {
					break
				}
				check(l, fmt.Sprintf("cut at step %d", n))
			}
		})
	}
}

// Without append a file that was moved here stays as it is, and what its letters stood for in
// its old place keeps no keyword of the new one from getting a letter.
func TestFileThatStaysWhereItWasMovedTo(t *testing.T) {
	l := holidays(t)
	l.policy.Append = false
	l.take(t, "Lists/Go", nil)
	l.clean(t)
	l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Add(body(30), 1700000030, "Urgent") })
	l.clean(t)
	l.clean(t)
	l.idle(t)
	for _, f := range l.files(t) {
		if f.body == body(30) && f.flags != "a" {
			t.Errorf("%v, want the letter of Urgent", f)
		}
		if f.body == holiday && (f.box != "Lists/Go" || f.flags != "Sa") {
			t.Errorf("%v is not as the user left it", f)
		}
	}
	if got := string(l.read(t, "Lists/Go/dovecot-keywords")); got != "0 Urgent\n" {
		t.Errorf("Lists/Go names %q", got)
	}
}

// A file that was moved under another name is no deletion, also where nothing is appended.
func TestFileMovedUnderAnotherNameIsNotDeletedThere(t *testing.T) {
	l := holidays(t)
	l.policy.Append, l.policy.OnDiskDelete = false, plan.Delete
	l.each(t, "Subject: beach", func(p string) { l.move(t, p, "Archive/cur/1700000000.R1.host:2,Sa") })
	for range 3 {
		l.clean(t)
	}
	l.idle(t)
	if there, _ := l.beach(t); there != "INBOX[Holiday \\Seen]" {
		t.Errorf("on the server: %s", there)
	}
	if got := l.rebuilt(t, "Archive/cur/1700000000.R1.host:2,Sa"); strings.ReplaceAll(got, "\n", "\r\n") != holiday {
		t.Errorf("here: %q", got)
	}
	l.remove(t, "number 1\r") // one whose bytes are nowhere else
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for _, msg := range m.Messages {
			if strings.Contains(msg.Body, "number 1\r") {
				t.Errorf("a removed message is on the server still")
			}
		}
	})
}

// A run that carried a move to the other side says so: it did something.
func TestMovesAreCounted(t *testing.T) {
	l := holidays(t)
	l.take(t, "Archive", nil)
	if r := l.clean(t); r.MovedOnServer != 1 || r.MovedOnDisk != 0 {
		t.Errorf("moved %d on the server and %d here, want 1 and 0", r.MovedOnServer, r.MovedOnDisk)
	}
	l.moveThere(t, "INBOX", "Archive", 1, 2)
	if r := l.clean(t); r.MovedOnServer != 0 || r.MovedOnDisk != 2 {
		t.Errorf("moved %d on the server and %d here, want 0 and 2", r.MovedOnServer, r.MovedOnDisk)
	}
	if r := l.clean(t); r.MovedOnServer != 0 || r.MovedOnDisk != 0 {
		t.Errorf("moved %d on the server and %d here, and there was nothing to do", r.MovedOnServer, r.MovedOnDisk)
	}
}

// What is restored elsewhere from where the user put it has the keywords that were agreed on.
func TestRestoreOfAFileThatWasMovedHere(t *testing.T) {
	l := holidays(t)
	l.policy.Append = false
	l.take(t, "Archive", nil)
	l.clean(t)
	p := newPort(l)
	if r := p.restore(t, nil); r.Fatal != nil || len(r.Problems) > 0 {
		t.Fatalf("%v %v", r.Fatal, r.Problems)
	}
	found := ""
	for line := range strings.SplitSeq(spell(p.server, labBoxes...), "\n") {
		if strings.Contains(line, "holiday@") {
			found += line
		}
	}
	if !strings.HasPrefix(found, "Archive") || !strings.Contains(found, `[Holiday \Seen]`) {
		t.Errorf("there is %q", found)
	}
}
