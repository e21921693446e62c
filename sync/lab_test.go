package sync_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// lab is an account on a server in memory, a disk in memory that can lose its power,
// and a base in memory.
type lab struct {
	server *mem.Server
	disk   *disktest.Mem
	base   *mem.Base
	policy plan.Policy
	torn   bool // a run was interrupted: leftovers in tmp are no fault
	// change, if set, changes an account before it runs.
	change func(*port.Account)
}

func newLab() *lab {
	l := &lab{server: mem.NewServer(), disk: disktest.NewMem(disktest.MemOptions{}), base: mem.NewBase()}
	l.policy = plan.Policy{FlagsToDisk: true, FlagsToServer: true, MaxDelete: 100}
	return l
}

// tree makes the Maildirs of a disk meet the engine's port.
type tree struct{ *maildir.Tree }

func (t tree) Open(p string) (port.Maildir, error) {
	m, err := t.Tree.Open(p)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (t tree) Create(p string, marker state.Marker) (port.Maildir, error) {
	m, err := t.Tree.Create(p, marker)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (l *lab) account(fs disk.FS) *port.Account {
	a := &port.Account{Name: "test", Host: "imap.example.org", User: "ada", Server: l.server, Base: l.base, Policy: l.policy,
		Tree: tree{maildir.Open(fs, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait})}, Wait: l.disk.Wait, Now: l.disk.Now}
	if l.change != nil {
		l.change(a)
	}
	return a
}

// run runs the account on the lab's disk, or another view of it.
func (l *lab) run(fs disk.FS, step func(string) error) *port.Result {
	if fs == nil {
		fs = l.disk
	}
	a := l.account(fs)
	a.Step = step
	return sync.Run(context.Background(), a)
}

// clean runs the account and expects that nothing goes wrong.
func (l *lab) clean(t testing.TB) *port.Result {
	t.Helper()
	r := l.run(nil, nil)
	if r.Status() != "ok" {
		t.Fatalf("run is %s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	return r
}

// idle runs the account and expects that there is nothing to do, and that nothing is done.
func (l *lab) idle(t testing.TB) {
	t.Helper()
	before, commits := l.server.Commands(), 0
	r := l.run(nil, func(s string) error { commits++; return nil })
	if r.Status() != "ok" || r.Unchanged != r.Mailboxes || commits > 0 {
		t.Fatalf("not idle: %+v, %d steps", r, commits)
	}
	if n := l.server.Commands() - before; n != 1 {
		t.Fatalf("an idle run sent %d commands", n)
	}
}

// file is one message as it lies on disk, without what is random in its name.
type file struct {
	box, dir, flags, body string
	mtime                 int64
}

func (f file) String() string { return fmt.Sprintf("%s/%s:%s %q", f.box, f.dir, f.flags, cut(f.body)) }

func cut(s string) string { return s[:min(len(s), 20)] }

// files reads every message below the root, as the server sent it.
func (l *lab) files(t testing.TB) (all []file) {
	t.Helper()
	var walk func(dir string)
	walk = func(dir string) {
		names, err := l.disk.Names(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			p := path.Join(dir, name)
			info, err := l.disk.Lstat(p)
			switch base := path.Base(dir); {
			case err != nil:
				t.Fatal(err)
			case info.IsDir():
				walk(p)
			case base == "new" || base == "cur":
				_, flags, _ := strings.Cut(name, ":2,")
				all = append(all, file{path.Dir(dir), base, flags, l.rebuilt(t, p), info.Mtime})
			case base == "tmp" && strings.Contains(dir, "/") && !strings.HasPrefix(dir, shelves) && !l.torn:
				t.Errorf("left behind: %s", p)
			}
		}
	}
	walk(".")
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.String(), b.String()) })
	return all
}

// rebuilt turns LF back into CRLF where the name says that this was done.
func (l *lab) rebuilt(t testing.TB, p string) string {
	t.Helper()
	base, _, _ := strings.Cut(path.Base(p), ":2,")
	return l.rebuiltAs(t, p, base)
}

func (l *lab) rebuiltAs(t testing.TB, p, base string) string {
	t.Helper()
	f, err := l.disk.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := maildir.ParseName(base); ok && n.Bytes > n.OnDisk {
		return strings.ReplaceAll(string(b), "\n", "\r\n")
	}
	return string(b)
}

// bodies is every body on disk, sorted.
func (l *lab) bodies(t testing.TB) (out []string) {
	t.Helper()
	for _, f := range l.files(t) {
		out = append(out, f.box+" "+f.body)
	}
	slices.Sort(out)
	return out
}

// onServer is every body on the server, sorted.
func (l *lab) onServer(boxes ...string) (out []string) {
	for _, raw := range boxes {
		l.server.Change(raw, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				out = append(out, raw+" "+msg.Body)
			}
		})
	}
	slices.Sort(out)
	return out
}

// dump is where everything stands, on server, disk and in the base, without what is
// random or depends on how often was tried: the UID of a message is no part of it.
func (l *lab) dump(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, f := range l.files(t) {
		fmt.Fprintln(&b, "disk", f, f.mtime)
	}
	rows, err := l.base.Mailboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		gen := row.Current()
		fmt.Fprintln(&b, "base", row.Raw, row.Path, gen.Mark.UIDValidity, gen.Clean)
		recs, err := l.base.Records(context.Background(), gen.ID)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		l.server.Change(row.Raw, func(m *mem.Mailbox) {
			if m == nil {
				m = &mem.Mailbox{}
			}
			for _, r := range recs {
				what := fmt.Sprint("uid ", r.UID)
				if msg := m.Find(r.UID); msg != nil {
					what = fmt.Sprintf("%q", cut(msg.Body)) // whatever UID it got
				}
				lines = append(lines, fmt.Sprintln("  ", r.Status, r.Seen, r.Agreed, r.Size, what))
			}
			for _, msg := range m.Messages {
				lines = append(lines, fmt.Sprintf("server %v %q\n", slices.Sorted(maps.Keys(msg.Flags)), cut(msg.Body)))
			}
		})
		slices.Sort(lines)
		b.WriteString(strings.Join(lines, ""))
	}
	return b.String()
}

// rename plays a mail program that changes the flags of the first file whose body
// contains text.
func (l *lab) rename(t testing.TB, text, flags string) {
	t.Helper()
	l.each(t, text, func(p string) {
		base, _, _ := strings.Cut(path.Base(p), ":2,")
		to := path.Join(path.Dir(path.Dir(p)), "cur", base+":2,"+flags)
		if err := l.disk.Rename(p, to); err != nil {
			t.Fatal(err)
		}
	})
}

// drop plays a mail program that puts a file into a Maildir, durably.
func (l *lab) drop(t testing.TB, name, body string) {
	t.Helper()
	f, err := l.disk.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write([]byte(body))
	err = errors.Join(err, l.disk.Chtimes(name, time.Unix(1500000000, 0)), f.Sync(), f.Close(), l.disk.SyncDir(path.Dir(name)))
	if err != nil {
		t.Fatal(err)
	}
}

// carry plays a mail program that moves a file to another Maildir, with other flags.
func (l *lab) carry(t testing.TB, text, to, flags string) {
	t.Helper()
	l.each(t, text, func(p string) {
		base, _, _ := strings.Cut(path.Base(p), ":2,")
		if err := errors.Join(l.disk.Rename(p, to+"/cur/"+base+":2,"+flags), l.disk.SyncDir(to+"/cur")); err != nil {
			t.Fatal(err)
		}
	})
}

// duplicate plays a mail program that copies a file to another Maildir, name and all.
func (l *lab) duplicate(t testing.TB, text, to, flags string) {
	t.Helper()
	l.each(t, text, func(p string) {
		f, err := l.disk.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		base, _, _ := strings.Cut(path.Base(p), ":2,")
		l.drop(t, to+"/cur/"+base+":2,"+flags, string(b))
	})
}

// moveThere plays a client that moves messages on the server.
func (l *lab) moveThere(t testing.TB, from, to string, uids ...state.UID) {
	t.Helper()
	var validity uint32
	l.server.Change(from, func(m *mem.Mailbox) { validity = m.UIDValidity })
	if _, err := l.server.Move(t.Context(), from, validity, uids, to); err != nil {
		t.Fatal(err)
	}
}

// remove plays a user who removes a file.
func (l *lab) remove(t testing.TB, text string) {
	t.Helper()
	l.each(t, text, func(p string) {
		if err := l.disk.Remove(p); err != nil {
			t.Fatal(err)
		}
	})
}

func (l *lab) each(t testing.TB, text string, f func(path string)) {
	t.Helper()
	var found []string
	for _, box := range []string{"INBOX", "Archive", "Lists/Go"} {
		for _, dir := range []string{"new", "cur"} {
			names, _ := l.disk.Names(box + "/" + dir)
			for _, name := range names {
				if p := path.Join(box, dir, name); strings.Contains(l.rebuilt(t, p), text) {
					found = append(found, p)
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no file with %q", text)
	}
	for _, p := range found {
		f(p)
		for _, dir := range []string{"new", "cur"} {
			if err := l.disk.SyncDir(path.Join(path.Dir(path.Dir(p)), dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// errTestCut is what a cut step returns.
var errTestCut = errors.New("power")

// cutAt returns a step that cuts at the n-th call and at every later one, and a
// function that tells whether it came so far.
func cutAt(n int) (step func(string) error, reached func() bool) {
	count := make(chan int, 1)
	count <- 0
	return func(string) error {
			c := <-count + 1
			count <- c
			if c >= n {
				return errTestCut
			}
			return nil
		}, func() bool {
			c := <-count
			count <- c
			return c >= n
		}
}
