package sync_test

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// changing are the ways in which servers change what is appended.
var changing = []struct {
	name string
	way  func(*mem.Server)
}{
	{"nothing", func(*mem.Server) {}},
	{"a header line more", stores(func(b string, d int64) (string, int64) { return "X-Stored: today\r\n" + b, d })},
	{"another date", stores(func(b string, d int64) (string, int64) { return b, d + 86400 })},
	{"a header line more, another date", stores(func(b string, d int64) (string, int64) { return "Received: by x\r\n\tfor y\r\n" + b, d + 5 })},
	{"other line ends", stores(func(b string, d int64) (string, int64) { return strings.ReplaceAll(b, "\r\n", "\n"), d + 5 })},
	{"no Message-ID, another date", stores(func(b string, d int64) (string, int64) {
		head, rest, found := strings.Cut(b, "Message-ID: ")
		if found {
			_, rest, _ = strings.Cut(rest, "\r\n")
		}
		return head + rest, d + 5
	})},
	{"a Message-ID more", stores(func(b string, d int64) (string, int64) {
		if strings.Contains(b, "Message-ID:") {
			return b, d
		}
		return fmt.Sprintf("Message-ID: <%d@server>\r\n%s", len(b), b), d + 5
	})},
	{"a new Message-ID, another date", stores(func(b string, d int64) (string, int64) {
		return strings.Replace(b, "Message-ID: <", "Message-ID: <server.", 1), d + 5
	})},
	{"a footer, another date", stores(func(b string, d int64) (string, int64) { return b + "-- \r\nscanned\r\n", d + 5 })},
}

// notAsSent are the ways after which nothing but the server's OK tells that it is what was sent: where
// nobody heard that, it is sent again.
func notAsSent(name string) bool {
	return strings.Contains(name, "footer") || strings.Contains(name, "new_Message-ID") || strings.Contains(name, "new Message-ID")
}

func stores(how func(string, int64) (string, int64)) func(*mem.Server) {
	return func(s *mem.Server) { s.Stores = how }
}

// worlds runs f on every server that tells no UID, or does, changes what it stores, and shows
// it at once, or later. With -short these are only those that tell no UID and show it later.
func worlds(t *testing.T, f func(t *testing.T, way func(*mem.Server))) {
	for _, c := range changing {
		for _, late := range []bool{false, true} {
			for _, noUID := range []bool{true, false} {
				if testing.Short() && !(late && noUID) {
					continue
				}
				t.Run(fmt.Sprintf("%s/late %v/no UIDs %v", c.name, late, noUID), func(t *testing.T) {
					f(t, func(s *mem.Server) {
						c.way(s)
						s.Late, s.NoUIDPlus = late, noUID
					})
				})
			}
		}
	}
}

// put are files of other programs: equal ones, some without a Message-ID, one without a body.
func (l *lab) put(t testing.TB) (texts []string) {
	t.Helper()
	for i, body := range []string{
		"Message-ID: <one@x>\nSubject: one\nFrom: a@x\n\nwith an id, sent\n",
		"Subject: two\nFrom: a@x\n\nno id, sent\n",
		"Subject: three\nFrom: a@x\n\nequal, sent\n",
		"Subject: three\nFrom: a@x\n\nequal, sent\n",
		"Subject: four, sent\nFrom: a@x\n\n",
	} {
		l.drop(t, fmt.Sprintf("INBOX/new/file%d", i), body)
		texts = append(texts, body)
	}
	return texts
}

// stays runs six times and expects that nothing is sent, or comes, twice.
func (l *lab) stays(t testing.TB, server, disk int) {
	t.Helper()
	for n := range 6 {
		if r := l.run(nil, nil); r.Status() != "ok" {
			t.Fatalf("run %d: %v %v", n, r.Fatal, r.Problems)
		}
		if s, d := l.copies(t, ""); s != server || d != disk && n > 1 {
			t.Fatalf("run %d: %d on the server, %d here; want %d and %d\n%q\n%q", n, s, d, server, disk, l.onServer("INBOX", "Archive"), l.bodies(t))
		}
	}
	l.idle(t)
}

// What the server confirmed is sent once, whatever it makes of it, and has one file here: the
// one that was sent, which is no proof of what the server has.
func TestConfirmedIsNotSentAgain(t *testing.T) {
	worlds(t, func(t *testing.T, way func(*mem.Server)) {
		l := appender(t)
		way(l.server)
		l.put(t)
		if r := l.clean(t); r.Appended != 5 || r.Fetched != 0 {
			t.Fatalf("appended %d, fetched %d", r.Appended, r.Fetched)
		}
		l.stays(t, 17, 17)
		rows, err := l.base.Mailboxes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.Raw != "INBOX" {
				continue
			}
			proofs, err := l.base.Proofs(t.Context(), row.Current().ID, nil)
			if err != nil {
				t.Fatal(err)
			}
			for uid := state.UID(10); uid <= 14; uid++ {
				if p, known := proofs[uid]; !known || p.ByServer {
					t.Errorf("uid %d has the proof %+v", uid, p)
				}
			}
		}
	})
}

// The same with the state lost: what the server made of it has the identity that the file has, and
// there is one file. Where not even the text is the same, both stay.
func TestConfirmedAndTheStateLost(t *testing.T) {
	worlds(t, func(t *testing.T, way func(*mem.Server)) {
		if strings.Contains(t.Name(), "footer") {
			return
		}
		l := appender(t)
		way(l.server)
		texts := l.put(t)[1:4] // the first has a Message-ID and is fetched again, of the last there is no text
		if err := l.disk.Remove("INBOX/new/file4"); err != nil {
			t.Fatal(err)
		}
		l.clean(t)
		l.stays(t, 16, 16)
		for range 2 {
			l.base = mem.NewBase()
			l.stays(t, 16, 16)
			all := strings.ReplaceAll(strings.Join(l.bodies(t), "\x00"), "\r\n", "\n")
			for _, text := range texts {
				if !strings.Contains(all, "INBOX "+text) {
					t.Errorf("%q is not here as it was sent: %q", text, all)
				}
			}
		}
	})
}

// New mail that comes at the same moment is another message, however much alike it is.
func TestConfirmedBesideNewMail(t *testing.T) {
	worlds(t, func(t *testing.T, way func(*mem.Server)) {
		l := appender(t)
		way(l.server)
		l.put(t)
		came := false
		l.run(nil, func(step string) error {
			if !came && strings.HasPrefix(step, "append ") {
				came = true
				l.server.Change("INBOX", func(m *mem.Mailbox) {
					m.Add("Subject: two\r\nFrom: b@x\r\nDate: today\r\n\r\nfrom somebody else, sent\r\n", 1500000000)
					m.Add("Message-ID: <two@x>\r\nSubject: two\r\nFrom: a@x\r\n\r\nfrom somebody else, sent\r\n", 1500000009)
					m.Add("Subject: four\r\nFrom: b@x\r\n\r\n", 1500000000)
				})
			}
			return nil
		})
		l.stays(t, 20, 20)
		for _, want := range []string{"b@x\r\nDate", "<two@x>", "four\r\nFrom: b"} {
			if _, d := l.copies(t, want); d != 1 {
				t.Errorf("%q is %d times here: %q", want, d, l.bodies(t))
			}
		}
	})
}

// A server that changes what it stores and tells no UID: cut at every step, everything is once
// on both sides.
func TestConfirmedCutAtEveryStep(t *testing.T) {
	for _, c := range changing {
		if notAsSent(c.name) {
			continue
		}
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", c.name, late), func(t *testing.T) {
				t.Parallel()
				for n := 1; ; n += stride(t) {
					l := appender(t)
					c.way(l.server)
					l.server.NoUIDPlus, l.server.Late = true, late
					l.put(t)
					step, reached := cutAt(n)
					l.run(nil, step)
					l.stays(t, 17, 17)
					if !reached() {
						break
					}
				}
			})
		}
	}
}

// A message that the server confirms and loses is reported, its file stays, and sync sends it
// never again; restore does, for there it is asked for.
func TestConfirmedAndLost(t *testing.T) {
	for _, noUID := range []bool{false, true} {
		for _, delete := range []bool{false, true} {
			t.Run(fmt.Sprint(noUID, delete), func(t *testing.T) {
				l := appender(t)
				if delete {
					mirror(&l.policy)
				}
				l.server.NoUIDPlus = noUID
				l.put(t)
				l.server.Keeps = func(body string) bool { return strings.Contains(body, "with an id") }
				r := l.run(nil, nil)
				if r.Appended != 1 || len(r.Problems) != 4 || r.Status() != "partial" ||
					!strings.Contains(r.Problems[0].Err.Error(), "confirmed") || state.HintOf(r.Problems[0].Err) == "" {
					t.Fatalf("%s, appended %d: %v", r.Status(), r.Appended, r.Problems)
				}
				l.server.Keeps = nil
				for range 4 {
					r := l.run(nil, nil)
					if r.Appended > 0 || r.Fatal != nil || noUID && len(r.Problems) != 4 {
						t.Fatalf("appended %d: %v %v", r.Appended, r.Fatal, r.Problems)
					}
					if s, d := l.copies(t, "sent"); s != 1 || d != 5 {
						t.Fatalf("%d on the server, %d here", s, d)
					}
				}
				if r := l.home(nil, nil); r.Appended != 4 || len(r.Problems) > 0 || r.Fatal != nil {
					t.Fatalf("restore appended %d: %v %v", r.Appended, r.Problems, r.Fatal)
				}
				l.stays(t, 17, 17)
			})
		}
	}
}

// One that shows up later than that is the one that was sent.
func TestConfirmedAndFoundLater(t *testing.T) {
	for _, noUID := range []bool{false, true} {
		l := appender(t)
		l.server.NoUIDPlus = noUID
		l.put(t)
		var taken []*mem.Message
		l.server.Keeps = func(string) bool { return false }
		l.run(nil, nil)
		l.server.Keeps = nil
		l.run(nil, nil)
		for i, body := range l.put2(t) {
			taken = append(taken, &mem.Message{UID: state.UID(10 + i), Date: 1500000000, Size: -1, Body: "X-Late: yes\r\n" + body, Flags: map[string]bool{}})
		}
		l.server.Change("INBOX", func(m *mem.Mailbox) {
			m.Messages = append(m.Messages, taken...)
			m.Flag(10, `\Flagged`, true) // another MODSEQ
			m.Flag(11, `\Flagged`, true)
			m.Flag(12, `\Flagged`, true)
			m.Flag(13, `\Flagged`, true)
			m.Flag(14, `\Flagged`, true)
		})
		l.run(nil, nil)
		l.run(nil, nil)
		if s, d := l.copies(t, "sent"); s != 5 || d != 5 && noUID {
			t.Errorf("no UIDs %v: %d on the server, %d here\n%q", noUID, s, d, l.bodies(t))
		}
	}
}

// put2 is what put has put, as it is sent.
func (l *lab) put2(t testing.TB) (bodies []string) {
	for _, b := range l.bodies(t) {
		if _, body, _ := strings.Cut(b, " "); strings.Contains(body, "sent") {
			bodies = append(bodies, strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n"))
		}
	}
	return bodies
}

// What restore puts back to its own account is put back once.
func TestRestoreHomeConfirmed(t *testing.T) {
	worlds(t, func(t *testing.T, way func(*mem.Server)) {
		for n := 0; n == 0 || n < 40; n += 3 { // 0: not cut
			if notAsSent(t.Name()) && n > 0 {
				break // see above
			}
			l := lost(t, false)
			way(l.server)
			var step func(string) error
			if n > 0 {
				step, _ = cutAt(n)
			}
			l.home(nil, step)
			for range 3 {
				if r := l.home(nil, nil); r.Fatal != nil || len(r.Problems) > 0 {
					t.Fatalf("cut at %d: %v %v", n, r.Fatal, r.Problems)
				}
				l.clean(t)
			}
			l.stays(t, 13, 13)
		}
	})
}

// And what an undo of an archive run does.
func TestUndoConfirmed(t *testing.T) {
	worlds(t, func(t *testing.T, way func(*mem.Server)) {
		for n := 0; n == 0 || n < 40; n += 3 {
			if notAsSent(t.Name()) && n > 0 {
				break
			}
			l, server, here := archivedOnce(t, nil)
			way(l.server)
			var step func(string) error
			if n > 0 {
				step, _ = cutAt(n)
			}
			l.undo(nil, step)
			l.change = func(a *port.Account) {
				a.Release = &port.Release{}
				l.shelve(a, l.disk)
			}
			for range 3 {
				if r := l.undo(nil, nil); r.Status() != "ok" {
					t.Fatalf("cut at %d: %v %v", n, r.Fatal, r.Problems)
				}
				if r := l.run(nil, nil); r.Fatal != nil || r.Fetched > 0 {
					t.Fatalf("cut at %d: fetched %d, %v %v", n, r.Fetched, r.Fatal, r.Problems)
				}
			}
			if got := len(l.told()); got != len(server) || len(l.bodies(t)) != len(here) {
				t.Fatalf("cut at %d: %d on the server, %d here, want %d and %d", n, got, len(l.bodies(t)), len(server), len(here))
			}
		}
	})
}

// What restore puts on another server is there once, however often it runs, and with what it
// remembers of a run that was cut.
func TestRestoreConfirmed(t *testing.T) {
	l, want := shipped(t)
	n := len(strings.Split(want, "\n"))
	worlds(t, func(t *testing.T, way func(*mem.Server)) {
		p := newPort(l)
		way(p.server)
		ok(t, p.restore(t, nil), n, 0)
		for range 5 {
			ok(t, p.restore(t, nil), 0, n)
		}
		if got := len(strings.Split(spell(p.server, labBoxes...), "\n")); got != n {
			t.Errorf("%d messages, want %d", got, n)
		}
	})
}

// The same where a run is cut between the answers and the look that finds out which UIDs they
// mean. What was never answered is known only by what it is.
func TestRestoreConfirmedCutAtEveryStep(t *testing.T) {
	l, want := shipped(t)
	n := len(strings.Split(want, "\n"))
	for _, c := range changing {
		if notAsSent(c.name) {
			continue
		}
		for at := 1; ; at += stride(t) {
			p := newPort(l)
			c.way(p.server)
			p.server.NoUIDPlus, p.server.Late = true, true
			step, reached := cutAt(at)
			p.restore(t, step)
			if !reached() {
				break
			}
			for range 3 {
				if r := p.restore(t, nil); r.Fatal != nil || len(r.Problems) > 0 {
					t.Fatalf("%s, cut at %d: %v %v", c.name, at, r.Fatal, r.Problems)
				}
			}
			if got := len(strings.Split(spell(p.server, labBoxes...), "\n")); got != n {
				t.Errorf("%s, cut at %d: %d messages, want %d\n%s", c.name, at, got, n, spell(p.server, labBoxes...))
			}
		}
	}
}

// A server that confirms everything and keeps one in three: restore counts what is there, names
// the rest, and the next one sends what is still not there.
func TestRestoreCountsWhatIsThere(t *testing.T) {
	for _, noUID := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			l, want := shipped(t)
			p := newPort(l)
			p.server.NoUIDPlus, p.server.Late = noUID, late
			n := 0
			p.server.Keeps = func(string) bool { n++; return n%3 == 0 }
			r := p.restore(t, nil)
			there := strings.Count(spell(p.server, labBoxes...), "\n") + 1
			if r.Appended != there || r.OnServer != there || r.Outstanding != 12-there || len(r.Problems) != 12-there || r.Status() != "partial" ||
				!strings.Contains(r.Problems[0].Err.Error(), "confirmed") || state.HintOf(r.Problems[0].Err) == "" {
				t.Fatalf("no UIDs %v: %d are there; %d appended, %d on the server, %d outstanding: %v", noUID, there, r.Appended, r.OnServer, r.Outstanding, r.Problems)
			}
			p.server.Keeps = nil
			ok(t, p.restore(t, nil), 12-there, there)
			p.whole(t, want)
			ok(t, p.restore(t, nil), 0, 12)
		}
	}
}

// A message that the user moved here is moved once on the server, whatever that makes of it and
// whether it tells the new UID or not.
func TestMoveConfirmed(t *testing.T) {
	for _, cut := range []bool{false, true} {
		worlds(t, func(t *testing.T, way func(*mem.Server)) {
			if (cut || strings.HasSuffix(t.Name(), "UIDs_false")) && !strings.Contains(t.Name(), "nothing") && !strings.Contains(t.Name(), "/another") {
				return // a UID that was told says that it is the same message, and it is compared
			}
			for _, noMove := range []bool{false, true} {
				for n := 1; ; n++ {
					l := appender(t)
					way(l.server)
					if l.server.NoMove = noMove; noMove && l.server.NoUIDPlus {
						l.server.NoMove = false // it could not do it at all
					}
					l.carry(t, "Text of 3.", "Archive", "S")
					step, reached := cutAt(n)
					if !cut {
						step, reached = nil, func() bool { return false }
					}
					l.run(nil, step)
					for range 4 {
						if r := l.run(nil, nil); r.Status() != "ok" {
							t.Fatalf("cut at %d: %v %v", n, r.Fatal, r.Problems)
						}
					}
					if s, d := l.copies(t, "Text of 3."); s != 1 || d != 1 {
						t.Fatalf("cut at %d, no MOVE %v: %d on the server, %d here\n%q\n%q", n, noMove, s, d, l.onServer("INBOX", "Archive"), l.bodies(t))
					}
					l.idle(t)
					if !reached() {
						break
					}
				}
			}
		})
	}
}

// A server that copies and does not tell where: the copy is found, there is never a second one,
// and the original goes as a file's that the user removed.
func TestMoveCopiedWithoutAUID(t *testing.T) {
	for _, delete := range []bool{false, true} {
		for _, c := range changing {
			l := appender(t)
			if delete {
				l.policy.OnDiskDelete = plan.Delete
			}
			c.way(l.server)
			l.server.NoMove, l.server.NoCopyUID = true, true
			l.carry(t, "Text of 3.", "Archive", "S")
			for n := range 6 {
				if r := l.run(nil, nil); r.Fatal != nil || len(r.Problems) > 0 != (n == 0) {
					t.Fatalf("%s: %v %v", c.name, r.Fatal, r.Problems)
				}
			}
			want := 2
			if delete {
				want = 1
			}
			if s, d := l.copies(t, "Text of 3."); s != want || d != 1 {
				t.Errorf("%s, deletions carried over %v: %d on the server, %d here", c.name, delete, s, d)
			}
			l.idle(t)
		}
	}
}

// A file that waits for a message which the server confirmed and forgot holds back no deletion but that
// of a message with the same text, for it may be what the user moved.
func TestConfirmedAndLostHoldsBackItsTwin(t *testing.T) {
	l := inbox(12)
	l.server.Create("Trash")
	l.server.Change("Trash", func(m *mem.Mailbox) { m.Role = "trash" })
	mirror(&l.policy)
	l.policy.Append = true
	l.server.NoUIDPlus = true
	l.clean(t)
	l.server.Keeps = func(string) bool { return false }
	l.drop(t, "INBOX/new/1.M1.home", body(3))
	l.run(nil, nil)
	l.remove(t, "number 5\r")
	for _, name := range []string{"INBOX/new", "INBOX/cur"} {
		files, _ := l.disk.Names(name)
		for _, f := range files {
			if p := path.Join(name, f); f != "1.M1.home" && strings.Contains(l.rebuilt(t, p), "number 3\r") {
				if err := errors.Join(l.disk.Remove(p), l.disk.SyncDir(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for range 2 {
		r := l.run(nil, nil)
		left := strings.Join(l.onServer("INBOX"), "\n")
		if !strings.Contains(left, body(3)) || strings.Contains(left, body(5)) || len(l.onServer("INBOX")) != 11 {
			t.Errorf("%d are left on the server: %v", len(l.onServer("INBOX")), r.Problems)
		}
	}
}
