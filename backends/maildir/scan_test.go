package maildir_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// busy is a disk on which another program acts at the worst moments: before a folder is
// read, and in the middle of it.
type busy struct {
	*disktest.Mem
	before func(dir string)
	torn   func(names []string) []string
}

func (b *busy) Names(dir string) ([]string, error) {
	if b.before != nil {
		b.before(dir)
	}
	list, err := b.Mem.Names(dir)
	if b.torn != nil {
		list = b.torn(list)
	}
	return list, err
}

func (b *busy) Each(dir string, visit func(string) error) error {
	names, err := b.Names(dir)
	for _, name := range names {
		err = errors.Join(err, visit(name))
	}
	return err
}

// A mail program moves a message from new to cur, or back, between the two reads.
func TestScanFollowsAMoveBetweenFolders(t *testing.T) {
	for i, when := range []string{"INBOX/new", "INBOX/cur", "INBOX/new", "INBOX/cur"} {
		// With a coarse clock the time stamps do not tell of it.
		m := disktest.NewMem(disktest.MemOptions{Grain: time.Duration(i/2) * 2 * time.Second})
		first := create(t, m, m)
		name := deliver(t, first, 1, 0, bodies[1])
		deliver(t, first, 2, state.Seen, bodies[2])
		b := &busy{Mem: m}
		b.before = func(dir string) {
			if dir == when && exists(m, "INBOX/"+name) {
				if err := m.Rename("INBOX/"+name, "INBOX/cur/"+path.Base(name)+":2,S"); err != nil {
					t.Fatal(err)
				}
			}
		}
		s := scan(t, open(t, m, b), 1, 2)
		if !s.Complete || len(s.Messages) != 2 || s.Messages[0].New {
			t.Errorf("moved before %s is read: %+v", when, s)
		}
	}
}

// One name hidden by a rename, in one pass or in all: what is there never counts as gone.
func TestScanIsNotFooledByTornReads(t *testing.T) {
	for _, always := range []bool{false, true} {
		m, first := memTree(t)
		for uid := state.UID(1); uid <= 3; uid++ {
			deliver(t, first, uid, state.Seen, "x")
		}
		renamed := 0
		b := &busy{Mem: m}
		b.torn = func(list []string) []string {
			if len(list) < 3 || renamed > 0 && !always {
				return list
			}
			// The second is renamed while the folder is read: it is seen under neither name.
			renamed++
			old := "INBOX/cur/" + list[1]
			next := strings.TrimSuffix(old, "S") + strings.Repeat("F", renamed%2) + "S"
			if next = strings.ReplaceAll(next, "FFS", "S"); next != old {
				if err := m.Rename(old, next); err != nil {
					t.Fatal(err)
				}
			}
			return slices.Delete(slices.Clone(list), 1, 2)
		}
		s := scan(t, open(t, m, b), 1, 2, 3)
		if !always && (!s.Complete || len(s.Messages) != 3) {
			t.Errorf("hidden once: complete %v, %d messages", s.Complete, len(s.Messages))
		}
		if always && s.Complete {
			t.Error("hidden in every pass, and the scan calls itself complete")
		}
	}
}

// Changes within one tick of a coarse clock do not show in the time stamps: a rename
// that hides a file from the pass, right after one that set the stamp.
func TestScanDistrustsYoungStamps(t *testing.T) {
	m := disktest.NewMem(disktest.MemOptions{Grain: 2 * time.Second})
	name := deliver(t, create(t, m, m), 1, state.Seen, "x")
	rename := func() {
		other := strings.TrimSuffix(name, "FS")
		if other == name {
			other = strings.TrimSuffix(name, "S") + "FS"
		} else {
			other += "S"
		}
		if err := m.Rename("INBOX/"+name, "INBOX/"+other); err != nil {
			t.Fatal(err)
		}
		name = other
	}
	b := &busy{Mem: m}
	b.torn = func(list []string) []string {
		if len(list) > 0 {
			rename()
		}
		return nil
	}
	wait := func(ctx context.Context, d time.Duration) error {
		err := m.Wait(ctx, d)
		rename()
		return err
	}
	md, err := maildir.Open(b, maildir.Options{Now: m.Now, Wait: wait}).Open("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if s := scan(t, md, 1); s.Complete {
		t.Errorf("%s counts as gone", name)
	}
}

func TestScanStopsWithItsContext(t *testing.T) {
	_, md := memTree(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := md.Scan(ctx, token, []state.UID{1}, &state.Keywords{}); !errors.Is(err, context.Canceled) {
		t.Errorf("scan for a missing file: %v", err)
	}
}

func TestScanOfAVanishedMaildirIsAnError(t *testing.T) {
	m, md := memTree(t)
	if err := m.Remove("INBOX/new"); err != nil {
		t.Fatal(err)
	}
	if s, err := md.Scan(context.Background(), token, nil, &state.Keywords{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("scan: %+v, %v", s, err)
	}
}

// On a real disk, while another program renames without pause.
func TestScanUnderConcurrentRenames(t *testing.T) {
	const files = 300
	real := openReal(t)
	md, err := maildir.Open(real, maildir.Options{}).Create("INBOX", marker("INBOX"))
	if err != nil {
		t.Fatal(err)
	}
	var expect []state.UID
	var list []string
	for uid := state.UID(1); uid <= files; uid++ {
		name := fmt.Sprintf("cur/1.U%dT%s.mailsync:2,", uid, token)
		if err := (outside{real}).Write("INBOX/"+name, []byte("x")); err != nil {
			t.Fatal(err)
		}
		list, expect = append(list, name), append(expect, uid)
	}
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		rng := rand.New(rand.NewPCG(1, 2))
		for !stop.Load() {
			i := rng.IntN(files)
			next := strings.TrimSuffix(list[i], "S")
			if next == list[i] {
				next += "S"
			}
			if err := real.Rename("INBOX/"+list[i], "INBOX/"+next); err != nil {
				done <- err
				return
			}
			list[i] = next
		}
		done <- nil
	}()
	for range 10 {
		s := scan(t, md, expect...)
		there := map[state.UID]bool{}
		for _, f := range s.Messages {
			there[f.UID] = true
		}
		if s.Complete && len(there) != files {
			t.Errorf("a complete snapshot lacks %d files that are there", files-len(there))
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := scan(t, md, expect...); !s.Complete || len(s.Messages) != files {
		t.Errorf("at rest: complete %v, %d messages", s.Complete, len(s.Messages))
	}
}

func TestMarkIsTrustedOnlyWhereItTellsAll(t *testing.T) {
	for _, remote := range []bool{false, true} {
		m := disktest.NewMem(disktest.MemOptions{Remote: remote})
		md := create(t, m, m)
		if mark, err := md.Mark(); err != nil || mark.Trusted {
			t.Errorf("right after a change: %+v, %v", mark, err)
		}
		if err := m.Wait(context.Background(), time.Minute); err != nil {
			t.Fatal(err)
		}
		if mark, err := md.Mark(); err != nil || mark.Trusted == remote {
			t.Errorf("remote %v, a minute later: %+v, %v", remote, mark, err)
		}
	}
}

// keys is what a POP3 backend knows.
type keys map[string]state.UID

func (k keys) UID(key string) (state.UID, bool) { uid, ok := k[key]; return uid, ok }

func (k keys) Key(uid state.UID) (string, bool) {
	for key, u := range k {
		if u == uid {
			return key, true
		}
	}
	return "", false
}

func TestPOP3Names(t *testing.T) {
	m := disktest.NewMem(disktest.MemOptions{})
	known := keys{strings.Repeat("A", 26): 1, strings.Repeat("B", 26): 2}
	opts := maildir.Options{Keys: known, Now: m.Now, Wait: m.Wait}
	md, err := maildir.Open(m, opts).Create("INBOX", marker("INBOX"))
	if err != nil {
		t.Fatal(err)
	}
	name := deliver(t, md, 2, 0, bodies[2])
	deliver(t, md, 1, state.Seen, bodies[1])
	if !strings.Contains(name, ".P"+strings.Repeat("B", 26)+"T"+token+".mailsync") {
		t.Errorf("name %q", name)
	}
	s := scan(t, md, 1, 2)
	if len(s.Messages) != 2 || s.Messages[0].UID != 1 || s.Messages[1].UID != 2 {
		t.Errorf("scan: %+v", s)
	}
	if again := deliver(t, md, 2, state.Seen, bodies[2]); again != name {
		t.Errorf("delivered again as %q", again)
	}
	delete(known, strings.Repeat("B", 26))
	if s := scan(t, md, 1); len(s.Messages) != 1 || len(s.Foreign) != 1 || s.Foreign[0].UID != 0 || s.Foreign[0].Token != token {
		t.Errorf("scan without the key: %+v", s)
	}
}

func BenchmarkScan(b *testing.B) {
	const files = 100_000
	real := openReal(b)
	md, err := maildir.Open(real, maildir.Options{}).Create("INBOX", marker("INBOX"))
	if err != nil {
		b.Fatal(err)
	}
	var expect []state.UID
	for uid := state.UID(1); uid <= files; uid++ {
		n := maildir.Name{Date: 1700000000 + int64(uid), UID: uid, Variant: 1, Token: token, OnDisk: 5000, Bytes: 5100, Hash: strings.Repeat("A", 20)}
		if err := (outside{real}).Write("INBOX/cur/"+n.String()+":2,S", nil); err != nil {
			b.Fatal(err)
		}
		expect = append(expect, uid)
	}
	b.ResetTimer()
	for b.Loop() {
		if s := scan(b, md, expect...); len(s.Messages) != files {
			b.Fatal(len(s.Messages))
		}
	}
}

// What lies in cur and is no message is none of ours, and no other program's mail either.
func TestScanPassesOverWhatIsNoMessage(t *testing.T) {
	m := disktest.NewMem(disktest.MemOptions{})
	md := create(t, m, m)
	for _, name := range []string{"INBOX/cur/folder", "INBOX/cur/1700000000.U9Tother.mailsync"} {
		if err := m.Mkdir(name); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string) {
		f, err := m.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("Subject: x\n\n")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("INBOX/cur/1.mail:2,S")
	write("INBOX/cur/.hidden")
	s := scan(t, md)
	if len(s.Foreign) != 1 || s.Foreign[0].Name != "cur/1.mail:2,S" {
		t.Errorf("foreign: %+v", s.Foreign)
	}
}

// A file of another program, or one of ours in another Maildir than its own, that is renamed
// while the folders are read shows up under both names. It is one file, also where the time
// stamps do not tell of it.
func TestScanSeesAForeignFileOnce(t *testing.T) {
	for _, base := range []string{"x.reader", "1700000000.U7Tanother.mailsync,S=1,W=1"} {
		for _, c := range []struct{ from, to string }{
			{"new/" + base, "cur/" + base + ":2,S"},
			{"cur/" + base + ":2,", "cur/" + base + ":2,F"},
			{"cur/" + base + ":2,FS", "cur/" + base + ":2,S"},
		} {
			for _, always := range []bool{false, true} {
				m := disktest.NewMem(disktest.MemOptions{Grain: 2 * time.Second})
				create(t, m, m)
				put(t, m, "INBOX/"+c.from, "x")
				b := &busy{Mem: m}
				from, to, done := c.from, c.to, false
				rename := func() {
					if err := m.Rename("INBOX/"+from, "INBOX/"+to); err != nil {
						t.Fatal(err)
					}
					from, to, done = to, from, true
				}
				b.before = func(dir string) { // it was seen in new, and will be in cur
					if dir == "INBOX/cur" && path.Dir(from) == "new" && !done {
						rename()
					}
				}
				b.torn = func(list []string) []string {
					if path.Dir(from) == path.Dir(to) && slices.Contains(list, path.Base(from)) && (always || !done) {
						list = append(slices.Clone(list), path.Base(to))
						rename()
					}
					return list
				}
				s := scan(t, open(t, m, b))
				if len(s.Foreign) != 1 || !exists(m, "INBOX/"+s.Foreign[0].Name) {
					t.Errorf("%s renamed to %s, always %v: %+v", c.from, c.to, always, s.Foreign)
				}
			}
		}
	}
}

// A mail program that moves a file by a link and the removal of the old name leaves it with
// both for a moment. Files that only have a name in common are two.
func TestScanSeesAForeignFileOfTwoNamesOnce(t *testing.T) {
	m, md := memTree(t)
	put(t, m, "INBOX/new/x", "x")
	if err := m.Link("INBOX/new/x", "INBOX/cur/x:2,S"); err != nil {
		t.Fatal(err)
	}
	put(t, m, "INBOX/new/y", "y")
	put(t, m, "INBOX/cur/y:2,S", "another")
	s := scan(t, md)
	var names []string
	for _, f := range s.Foreign {
		names = append(names, f.Name)
	}
	if want := []string{"cur/x:2,S", "cur/y:2,S", "new/y"}; !slices.Equal(names, want) {
		t.Errorf("it sees %q, want %q", names, want)
	}
}
