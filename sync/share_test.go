package sync_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// label puts message n into a mailbox, under the id that it has in every one.
func (l *lab) label(raw string, n int, flags ...string) (uid state.UID) {
	l.server.Change(raw, func(m *mem.Mailbox) {
		uid = m.Add(body(n), 1_650_000_000+int64(n), flags...)
		m.Find(uid).EmailID = fmt.Sprint("M", n)
	})
	return uid
}

// labelled is three mailboxes as a server with labels has them: messages in one, two and
// three of them, and some that look like them and are not.
func labelled(_ testing.TB, l *lab) {
	for n := 50; n < 54; n++ {
		l.label("Archive", n, `\Seen`)
	}
	l.label("INBOX", 51, `\Seen`)
	l.label("INBOX", 52, `\Seen`, `\Flagged`)
	l.label("Lists/Go", 52)
	l.label("Lists/Go", 54)
	l.server.Change("Lists/Go", func(m *mem.Mailbox) {
		m.Find(l.odd(m, body(51), 1)).EmailID = "M51"                                  // another date
		m.Find(l.odd(m, body(51)+"more\r\n", 0)).EmailID = "M51"                       // another size
		m.Find(l.odd(m, strings.Replace(body(51), "Text", "Tent", 1), 0)).EmailID = "" // no id
		m.Find(l.odd(m, strings.Replace(body(51), "<51@", "<15@", 1), 0)).EmailID = "M51"
	})
}

func (l *lab) odd(m *mem.Mailbox, body string, later int64) state.UID {
	return m.Add(body, 1_650_000_051+later)
}

// fetches counts the bodies that the server sends from now on, by mailbox and subject.
func (l *lab) fetches() func() string {
	var got []string
	l.server.Body = func(raw string, uid state.UID, b []byte) ([]byte, error) {
		_, rest, _ := strings.Cut(string(b), "Subject: ")
		name, _, _ := strings.Cut(rest, "\r\n")
		got = append(got, raw+" "+name)
		return b, nil
	}
	return func() string {
		all := slices.Sorted(slices.Values(got))
		got = nil
		return strings.Join(all, "; ")
	}
}

// inodes says which mailboxes share the file of message n, those of one file joined by "=".
func (l *lab) inodes(t *testing.T, n int) string {
	t.Helper()
	var order []uint64
	of := map[uint64][]string{}
	for _, box := range []string{"Archive", "INBOX", "Lists/Go"} {
		for _, dir := range []string{"new", "cur"} {
			names, _ := l.disk.Names(box + "/" + dir)
			for _, name := range names {
				p := path.Join(box, dir, name)
				if l.rebuilt(t, p) != body(n) {
					continue
				}
				info, err := l.disk.Lstat(p)
				if err != nil {
					t.Fatal(err)
				}
				if of[info.Ino] == nil {
					order = append(order, info.Ino)
				}
				of[info.Ino] = append(of[info.Ino], box)
			}
		}
	}
	var out []string
	for _, ino := range order {
		out = append(out, strings.Join(of[ino], "="))
	}
	return strings.Join(out, " ")
}

func bare() *lab {
	l := newLab()
	l.server.Create("Archive")
	l.server.Create("Lists/Go")
	return l
}

func TestAMessageInSeveralMailboxesIsFetchedOnce(t *testing.T) {
	l := bare()
	labelled(t, l)
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Role = "all" })
	fetched := l.fetches()
	var sent int64
	count := l.server.Body
	l.server.Body = func(raw string, uid state.UID, b []byte) ([]byte, error) {
		sent += int64(len(b))
		return count(raw, uid, b)
	}
	r := l.clean(t)
	if got, want := fetched(), "Archive number 50; Archive number 51; Archive number 52; Archive number 53; "+
		"Lists/Go number 51; Lists/Go number 51; Lists/Go number 51; Lists/Go number 51; Lists/Go number 54"; got != want {
		t.Errorf("fetched\n%s, want\n%s", got, want)
	}
	if r.Fetched != 12 || r.Here != 12 || r.FetchedBytes != sent {
		t.Errorf("%d messages are new here, %d in all, %d octets came of %d", r.Fetched, r.Here, r.FetchedBytes, sent)
	}
	for n, want := range map[int]string{50: "Archive", 51: "Archive=INBOX Lists/Go", 52: "Archive=INBOX=Lists/Go", 53: "Archive", 54: "Lists/Go"} {
		if got := l.inodes(t, n); got != want {
			t.Errorf("number %d lies in %q, want %q", n, got, want)
		}
	}
	if !l.bothHold(t) {
		t.Errorf("on disk %q\non the server %q", l.bodies(t), l.onServer("INBOX", "Archive", "Lists/Go"))
	}
	if p := l.proof(t, "INBOX", 1); p.ByServer || p.EmailID != "M51" || p.Bytes != int64(len(body(51))) {
		t.Errorf("the linked one is proven as %+v", p)
	}
	if p := l.proof(t, "Archive", 2); !p.ByServer || p.EmailID != "M51" {
		t.Errorf("the fetched one is proven as %+v", p)
	}
	l.idle(t)
}

// What changes later in one mailbox is linked to what is here, though nothing changed where
// that lies; what changes in a mailbox changes the name there alone.
func TestLabelsLater(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(t *testing.T, l *lab)
		fetched string
		files   map[int]string
		shown   string // flags of number 52, by mailbox
	}{
		{"one more", func(_ *testing.T, l *lab) { l.label("Lists/Go", 50) }, "", map[int]string{50: "Archive=Lists/Go"}, ""},
		{"one more of two", func(_ *testing.T, l *lab) { l.label("Lists/Go", 51, `\Flagged`) }, "", map[int]string{51: "Archive=INBOX=Lists/Go"}, ""},
		{"one less", func(_ *testing.T, l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1, 2) })
		}, "", map[int]string{51: "Archive", 52: "Archive=Lists/Go"}, ""},
		{"moved", func(t *testing.T, l *lab) { l.moveThere(t, "INBOX", "Lists/Go", 1) }, "", map[int]string{51: "Archive=Lists/Go"}, ""},
		{"gone everywhere", func(_ *testing.T, l *lab) {
			for _, raw := range []string{"INBOX", "Archive", "Lists/Go"} {
				l.server.Change(raw, func(m *mem.Mailbox) {
					for _, msg := range slices.Clone(m.Messages) {
						if msg.EmailID == "M52" {
							m.Expunge(msg.UID)
						}
					}
				})
			}
		}, "", map[int]string{52: ""}, ""},
		{"flagged in one", func(_ *testing.T, l *lab) {
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(2, `\Answered`, true) })
		}, "", map[int]string{52: "Archive=INBOX=Lists/Go"}, "Archive/cur:S INBOX/cur:FRS Lists/Go/new:"},
		{"new in two", func(_ *testing.T, l *lab) { l.label("INBOX", 60); l.label("Lists/Go", 60) },
			"INBOX number 60", map[int]string{60: "INBOX=Lists/Go"}, ""},
		{"the file was edited", func(t *testing.T, l *lab) {
			l.each(t, "number 50\r", func(p string) { l.overwrite(t, p, strings.Replace(l.raw(t, p), "Text", "Tent", 1)) })
			l.label("Lists/Go", 50)
		}, "Lists/Go number 50", map[int]string{50: "Lists/Go"}, ""},
		{"the file was touched", func(t *testing.T, l *lab) {
			l.each(t, "number 50\r", func(p string) { l.overwrite(t, p, l.raw(t, p)) })
			l.label("Lists/Go", 50)
		}, "Lists/Go number 50", map[int]string{50: "Archive Lists/Go"}, ""},
		{"the file was removed", func(t *testing.T, l *lab) {
			l.remove(t, "number 50\r")
			l.label("Lists/Go", 50)
		}, "Lists/Go number 50", map[int]string{50: "Lists/Go"}, ""},
		{"the server tells no ids", func(_ *testing.T, l *lab) {
			l.label("Lists/Go", 50)
			l.server.Mute = true
		}, "Lists/Go number 50", map[int]string{50: "Archive Lists/Go"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := bare()
			labelled(t, l)
			mirror(&l.policy)
			if c.name == "the file was removed" {
				l.policy.OnDiskDelete = plan.Keep
			}
			l.server.Change("Lists/Go", func(m *mem.Mailbox) {
				m.Messages = slices.DeleteFunc(m.Messages, func(msg *mem.Message) bool {
					return msg.Date == 1_650_000_051 || msg.Date == 1_650_000_052 && msg.EmailID == "M51"
				})
			})
			l.clean(t)
			l.idle(t)
			c.change(t, l)
			fetched := l.fetches()
			l.clean(t)
			if got := fetched(); got != c.fetched {
				t.Errorf("fetched %q, want %q", got, c.fetched)
			}
			for n, want := range c.files {
				if got := l.inodes(t, n); got != want {
					t.Errorf("number %d lies in %q, want %q", n, got, want)
				}
			}
			var shown []string
			for _, f := range l.files(t) {
				if f.body == body(52) && c.shown != "" {
					shown = append(shown, fmt.Sprintf("%s/%s:%s", f.box, f.dir, f.flags))
				}
			}
			if got := strings.Join(shown, " "); got != c.shown {
				t.Errorf("number 52 is %q, want %q", got, c.shown)
			}
			l.clean(t)
			l.idle(t)
		})
	}
}

// Without hard links the bytes are still fetched once.
func TestWithoutHardLinksCopiesAreMadeHere(t *testing.T) {
	l := bare()
	l.disk = disktest.NewMem(disktest.MemOptions{NoLinks: true})
	labelled(t, l)
	fetched := l.fetches()
	l.clean(t)
	if got := fetched(); strings.Count(got, "number 52") != 1 {
		t.Errorf("fetched %s", got)
	}
	if got := l.inodes(t, 52); got != "Archive INBOX Lists/Go" {
		t.Errorf("number 52 lies in %q", got)
	}
	for _, f := range l.files(t) {
		if f.body == body(52) && f.mtime != 1_650_000_052e9 {
			t.Errorf("%v has another date: %d", f, f.mtime)
		}
	}
	l.idle(t)
}

// Where the mailbox that leads cannot be fetched from, the others are.
func TestTheOneThatLeadsFails(t *testing.T) {
	for _, command := range []string{"FETCH", "IDENTS"} {
		l := bare()
		labelled(t, l)
		l.server.Command = func(name, raw string) error {
			if name == command && raw == "Archive" {
				return fmt.Errorf(`server answered NO "broken"`)
			}
			return nil
		}
		fetched := l.fetches()
		r := l.run(nil, nil)
		if got := fetched(); !strings.Contains(got, "INBOX number 51; INBOX number 52; Lists/Go number 51") {
			t.Errorf("%s: fetched %s", command, got)
		}
		if broken := len(r.Problems) > 0; broken != (command == "FETCH") {
			t.Errorf("%s: problems %v", command, r.Problems)
		}
		l.server.Command = nil
		l.clean(t)
		l.idle(t)
		if !l.bothHold(t) {
			t.Errorf("on disk %q", l.bodies(t))
		}
	}
}

// A dry run says what may be linked, and changes nothing.
func TestDryRunTellsOfLinks(t *testing.T) {
	l := bare()
	l.label("INBOX", 1)
	l.label("Archive", 1)
	ops := &told{}
	l.change = func(a *port.Account) { a.DryRun, a.Watch = true, ops }
	l.clean(t)
	if got, want := strings.Join(ops.lines, "; "), fmt.Sprintf("INBOX: fetch uid 1 (%d octets); Archive: link uid 1 to what INBOX has, if they are the same", len(body(1))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

type told struct {
	notes
	lines []string
}

func (t *told) Op(box string, op plan.Op) { t.lines = append(t.lines, box+": "+op.String()) }

// What is linked leaves the server only after its own bytes were fetched and compared.
func TestALinkedMessageIsFetchedBeforeItIsArchived(t *testing.T) {
	l := old(t)
	for _, raw := range []string{"INBOX", "Lists/Go"} {
		l.server.Change(raw, func(m *mem.Mailbox) { m.Find(m.Add(body(7), 1_500_000_000, `\Seen`)).EmailID = "M7" })
	}
	l.clean(t)
	if got := l.inodes(t, 7); got != "INBOX=Lists/Go" {
		t.Fatalf("it lies in %q", got)
	}
	// A server that lied: what it calls the same message is another one.
	lie := strings.Replace(body(7), "Text", "Tent", 1)
	l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Messages[len(m.Messages)-1].Body = lie })
	l.archive(nil, nil, nil)
	l.nothingIsLost(t, []string{"INBOX " + body(7), "Lists/Go " + lie}, "archived")
}

// The state that is lost does not make a file one that the server sent.
func TestALinkIsNoProofWithoutTheState(t *testing.T) {
	l := bare()
	labelled(t, l)
	l.clean(t)
	l.base = mem.NewBase()
	fetched := l.fetches()
	l.clean(t)
	if got := fetched(); got != "" {
		t.Errorf("fetched %q", got)
	}
	if p := l.proof(t, "Archive", 2); p.ByServer {
		t.Error("a linked file counts as sent by the server")
	}
	if p := l.proof(t, "INBOX", 1); !p.ByServer {
		t.Error("a fetched file counts as linked")
	}
	l.idle(t)
}

// A label that is taken off and put on again finds the file that stayed here.
func TestALabelThatComesAgainFindsItsFile(t *testing.T) {
	l := bare()
	l.label("INBOX", 50, `\Seen`)
	l.label("Archive", 51, `\Seen`)
	l.label("Archive", 50, `\Seen`)
	l.clean(t)
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(2) })
	l.clean(t)
	l.label("Archive", 50, `\Seen`)
	for range 2 {
		l.clean(t)
		if got := " " + l.inodes(t, 50); strings.Count(got, "Archive") != 1 {
			t.Errorf("it lies in %q", got)
		}
	}
	l.idle(t)
}

// Two messages of one Maildir never share a file: its names could not be told from those
// that a broken run leaves, and one would be taken away when the server numbers it anew.
func TestTwoMessagesOfOneMailboxHaveTwoFiles(t *testing.T) {
	moved := func(t *testing.T, l *lab) {
		l.label("Archive", 50, `\Seen`)
		l.clean(t)
		l.moveThere(t, "INBOX", "Archive", 1)
	}
	for _, c := range []struct {
		name   string
		second func(t *testing.T, l *lab)
	}{
		{"moved there", moved},
		{"moved here", func(t *testing.T, l *lab) {
			l.policy.Append = true
			l.label("Archive", 50, `\Seen`)
			l.clean(t)
			names, _ := l.disk.Names("INBOX/cur")
			if err := l.disk.Rename("INBOX/cur/"+names[0], "Archive/cur/"+names[0]); err != nil {
				t.Fatal(err)
			}
		}},
		{"moved there, and both expunged", func(t *testing.T, l *lab) {
			moved(t, l)
			l.clean(t)
			l.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(2, 3) })
		}},
		{"twice there, once elsewhere", func(_ *testing.T, l *lab) {
			l.label("Archive", 50, `\Seen`)
			l.label("Archive", 50, `\Seen`)
		}},
		{"twice there, later", func(t *testing.T, l *lab) {
			l.clean(t)
			l.label("Archive", 50, `\Seen`)
			l.label("Archive", 50, `\Seen`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := bare()
			l.label("INBOX", 50, `\Seen`)
			l.label("Archive", 51, `\Seen`)
			c.second(t, l)
			l.clean(t)
			apart := func(when string) {
				t.Helper()
				if got := " " + l.inodes(t, 50); strings.Count(got, "Archive") != 2 || strings.Contains(got, "Archive=Archive") {
					t.Errorf("%s it lies in %q", when, got)
				}
			}
			apart("at first")
			l.clean(t)
			l.idle(t)
			l.server.Change("Archive", func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+1, 1) })
			l.clean(t)
			l.clean(t)
			l.idle(t)
			apart("after new numbers")
		})
	}
}
