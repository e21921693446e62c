package sync_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/verify"
)

// memory is the lab's base, opened for reading.
type memory struct{ *mem.Base }

func (memory) Close() error { return nil }

func (l *lab) verify() *verify.Verify {
	return &verify.Verify{
		Account: port.Account{Tree: tree{maildir.Open(l.disk, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait})}, Policy: l.policy},
		Memory:  func() (port.Memory, error) { return memory{l.base}, nil },
		Readers: 4,
	}
}

// said is what verify finds, one finding a line, without the tokens of names.
func said(v *verify.Verdict) string {
	var lines []string
	for _, f := range v.Findings {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", f.Fault, f.Mailbox, f.UID, f.Detail)))
	}
	return strings.Join(lines, "\n")
}

func (l *lab) verified(t testing.TB, v *verify.Verify, want string) *verify.Verdict {
	t.Helper()
	got := v.Run(t.Context())
	if got.Fatal != nil || len(got.Problems) > 0 {
		t.Fatalf("verify: %v %v", got.Fatal, got.Problems)
	}
	if s := said(got); s != want {
		t.Errorf("found\n%s\nwant\n%s", s, want)
	}
	for _, f := range got.Findings {
		if f.Fault != port.Missing && f.File == "" && v.Server == nil {
			t.Errorf("%s of uid %d names no file", f.Fault, f.UID)
		}
	}
	return got
}

// uid is the file that carries a UID in a Maildir.
func (l *lab) uid(t testing.TB, box string, uid state.UID) string {
	t.Helper()
	var found string
	for _, dir := range []string{"new", "cur"} {
		names, err := l.disk.Names(path.Join(box, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			key, _, _ := strings.Cut(name, ":2,")
			if n, ok := maildir.ParseName(key); ok && n.UID == uid {
				found = path.Join(box, dir, name)
			}
		}
	}
	if found == "" {
		t.Fatalf("no file of %s has uid %d", box, uid)
	}
	return found
}

// read and write play a disk that loses or changes bytes.
func (l *lab) read(t testing.TB, name string) []byte {
	t.Helper()
	info, err := l.disk.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, info.Size)
	n := 0
	for n < len(b) {
		m, err := f.Read(b[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	return b
}

func (l *lab) write(t testing.TB, name string, b []byte) {
	t.Helper()
	_ = l.disk.Remove(name)
	f, err := l.disk.Create(name)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close(), l.disk.SyncDir(path.Dir(name)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lab) move(t testing.TB, from, to string) {
	t.Helper()
	if err := l.disk.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{from, to} {
		if err := l.disk.SyncDir(path.Dir(name)); err != nil {
			t.Fatal(err)
		}
	}
}

// flip changes one bit of a file.
func (l *lab) flip(t testing.TB, name string) {
	b := l.read(t, name)
	b[len(b)/2] ^= 1
	l.write(t, name, b)
}

func TestVerifyFindsNothingWrong(t *testing.T) {
	l := filled()
	l.clean(t)
	l.write(t, "INBOX/new/1.other.host", []byte("a draft\n"))
	v := l.verified(t, l.verify(), "")
	if v.Files != 12 || v.Foreign != 1 || v.Unchanged != 3 || v.Mailboxes != 3 || v.Here != 12 || v.OnServer != 12 || v.Unproven+v.Unrecorded+v.Moved != 0 {
		t.Errorf("%+v", v)
	}
	if v.Status() != "ok" {
		t.Errorf("it is %s", v.Status())
	}
}

// Every kind of damage is found, once, and named.
func TestVerifyFindsDamage(t *testing.T) {
	for _, c := range []struct {
		name string
		hurt func(t testing.TB, l *lab)
		want string
		bare string // without the state file
	}{
		{"a flipped bit", func(t testing.TB, l *lab) { l.flip(t, l.uid(t, "INBOX", 3)) },
			"altered INBOX 3 its bytes are not those that were fetched", "altered INBOX 3 its bytes are not those that were fetched"},
		{"a flipped bit in a message without line ends", func(t testing.TB, l *lab) { l.flip(t, l.uid(t, "INBOX", 9)) },
			"altered INBOX 9 its bytes are not those that were fetched", "altered INBOX 9 its bytes are not those that were fetched"},
		{"a line end more", func(t testing.TB, l *lab) {
			name := l.uid(t, "INBOX", 3)
			l.write(t, name, append(l.read(t, name), '\n'))
		}, "altered INBOX 3 it has 76 octets, and 74 are recorded", "altered INBOX 3 it has 76 octets, and 74 are recorded"},
		{"a cut file", func(t testing.TB, l *lab) {
			name := l.uid(t, "Archive", 3)
			l.write(t, name, l.read(t, name)[:100])
		}, "truncated Archive 3 120 octets are left of 270000", "truncated Archive 3 120 octets are left of 270000"},
		{"an empty file", func(t testing.TB, l *lab) { l.write(t, l.uid(t, "INBOX", 1), nil) },
			"truncated INBOX 1 0 octets are left of 62", "truncated INBOX 1 0 octets are left of 62"},
		{"a removed file", func(t testing.TB, l *lab) { l.remove(t, body(2)) },
			"missing INBOX 3 no file has this message", ""},
		{"a swapped pair", func(t testing.TB, l *lab) {
			one, two := l.uid(t, "INBOX", 1), l.uid(t, "INBOX", 5)
			b := l.read(t, one)
			l.write(t, one, l.read(t, two))
			l.write(t, two, b)
		}, "altered INBOX 1 it holds the bytes of INBOX uid 5\naltered INBOX 5 it holds the bytes of INBOX uid 1",
			"altered INBOX 1 it has 86 octets, and 62 are recorded\ntruncated INBOX 5 62 octets are left of 86"},
		{"a doubled file", func(t testing.TB, l *lab) {
			name := l.uid(t, "INBOX", 2)
			l.write(t, "INBOX/cur/"+path.Base(name)+":2,S", l.read(t, name))
		}, "doubled INBOX 2 the same message as INBOX/cur/…", "doubled INBOX 2 the same message as INBOX/cur/…"},
		{"a second file with other bytes", func(t testing.TB, l *lab) {
			l.write(t, "INBOX/cur/"+path.Base(l.uid(t, "INBOX", 2))+":2,S", []byte("another\n"))
		}, "doubled INBOX 2 other bytes under the identity of INBOX/new/…", "doubled INBOX 2 other bytes under the identity of INBOX/new/…"},
		{"a name that lies about size", func(t testing.TB, l *lab) {
			name := l.uid(t, "INBOX", 2)
			l.move(t, name, strings.Replace(name, ",S=63,", ",S=7,", 1))
		}, "misnamed INBOX 2 the bytes are right, and its name has S=7, and the file has 63 octets",
			"misnamed INBOX 2 the bytes are right, and its name has S=7, and the file has 63 octets"},
		{"a name without hints", func(t testing.TB, l *lab) {
			name := l.uid(t, "INBOX", 2)
			bare, _, _ := strings.Cut(name, ",")
			l.move(t, name, bare)
		}, "", ""},
		{"a Maildir that is gone", func(t testing.TB, l *lab) { l.move(t, "Archive", "elsewhere") },
			"missing Archive 0 the Maildir is gone, and 3 messages with it", ""},
		{"a file moved to another Maildir", func(t testing.TB, l *lab) {
			name := l.uid(t, "INBOX", 2)
			l.move(t, name, "Archive/cur/"+path.Base(name)+":2,")
		}, "", ""},
		{"a file moved and damaged", func(t testing.TB, l *lab) {
			name := l.uid(t, "INBOX", 2)
			l.flip(t, name)
			l.move(t, name, "Archive/cur/"+path.Base(name)+":2,")
		}, "missing INBOX 2 no file has this message\naltered Archive 2 its bytes are not those that were fetched",
			"altered Archive 2 its bytes are not those that were fetched"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			l.clean(t)
			c.hurt(t, l)
			check := func(v *verify.Verify, want string) {
				t.Helper()
				got := v.Run(t.Context())
				text := said(got)
				for _, dir := range []string{"INBOX/cur/", "INBOX/new/"} {
					if i := strings.Index(text, dir); i >= 0 {
						text = text[:i] + dir + "…"
					}
				}
				if got.Fatal != nil || len(got.Problems) > 0 || text != want {
					t.Errorf("found\n%s\nwant\n%s\n%v %v", text, want, got.Fatal, got.Problems)
				}
			}
			check(l.verify(), c.want)
			l.base = mem.NewBase()
			check(l.verify(), c.bare)
		})
	}
}

// What a run does to the files while verify looks is no finding: in the second look its
// commit is there too.
func TestVerifyBesideARun(t *testing.T) {
	l := filled()
	l.clean(t)
	l.remove(t, body(1)) // a run moved it to the trash, and has not said so yet
	rows, err := l.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := l.verify()
	looked := 0
	v.Undisturbed = func(ctx context.Context, again func() error) error {
		looked++
		for _, row := range rows {
			if row.Raw == "INBOX" {
				if err := l.base.Commit(ctx, state.Commit{Gen: row.Current().ID, Forget: []state.UID{2}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		return again()
	}
	l.verified(t, v, "")
	if looked != 1 {
		t.Errorf("it asked to be undisturbed %d times", looked)
	}
}

// A finding that cannot be looked at again is none, and verify says why.
func TestVerifyCannotLookAgain(t *testing.T) {
	l := filled()
	l.clean(t)
	l.flip(t, l.uid(t, "INBOX", 3))
	v := l.verify()
	held := state.Faultf(state.Locked, "another run")
	v.Undisturbed = func(context.Context, func() error) error { return held }
	got := v.Run(t.Context())
	if !errors.Is(got.Fatal, held) || len(got.Findings) > 0 || got.Status() == "ok" {
		t.Errorf("%s: %v, %d findings", got.Status(), got.Fatal, len(got.Findings))
	}
}

func TestVerifyListsApart(t *testing.T) {
	l := filled()
	l.policy.MaxSize = 1000
	l.server.Body = bad(4, func([]byte) ([]byte, error) { return nil, nil })
	l.run(nil, nil)
	l.remove(t, body(1))
	l.run(nil, nil)
	v := l.verified(t, l.verify(), "")
	if got := fmt.Sprint(v.Apart); got != "[{Archive skipped [3]} {INBOX kept away [2]} {INBOX outstanding [4]}]" {
		t.Error(got)
	}
	if v.Outstanding != 1 || v.OnServer != 12 || v.Here != 9 {
		t.Errorf("%+v", v)
	}
}

func TestVerifyAgainstTheServer(t *testing.T) {
	l := filled()
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(7).Size = 3 }) // the server's error, known after two fetches
	l.clean(t)
	l.clean(t)
	l.policy.MaxSize = 1000
	against := func(want string) {
		t.Helper()
		v := l.verify()
		v.Server = l.server
		l.verified(t, v, want)
	}
	against("")
	l.server.Create("Empty")
	l.server.Create("Fresh")
	l.server.Change("Fresh", func(m *mem.Mailbox) { m.Add(body(9), 1) })
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Expunge(1)
		m.Flag(2, `\Seen`, true)
		m.Flag(3, `\Deleted`, true)
		m.Find(4).Size = 99
		m.Add(body(9), 1)
		m.Add(strings.Repeat("too large\r\n", 200), 1)
	})
	l.server.Drop("Archive")
	against("gone_there INBOX 1 the server does not have it any more\n" +
		"flags_differ INBOX 2 here [], on the server [\\Seen]\n" +
		"size_differs INBOX 4 the server announces 99 octets, and 80 were fetched\n" +
		"not_here INBOX 10 the server has it (74 octets), and it is not here\n" +
		"unlisted Archive 0 the server has no such mailbox any more; 3 messages were in it\n" +
		"not_here Fresh 0 all of the mailbox; messages: 1")
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.UIDValidity++ })
	against("renumbered INBOX 0 the server has numbered the mailbox anew; sync first\n" +
		"unlisted Archive 0 the server has no such mailbox any more; 3 messages were in it\n" +
		"not_here Fresh 0 all of the mailbox; messages: 1")
}
