package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
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

// below is a folder of a disk as a file system of its own.
type below struct {
	disk.FS
	dir string
}

func (b below) at(name string) string { return path.Join(b.dir, name) }

func (b below) Create(name string) (disk.File, error) { return b.FS.Create(b.at(name)) }
func (b below) Open(name string) (disk.File, error)   { return b.FS.Open(b.at(name)) }
func (b below) Link(o, n string) error                { return b.FS.Link(b.at(o), b.at(n)) }
func (b below) Rename(o, n string) error              { return b.FS.Rename(b.at(o), b.at(n)) }
func (b below) Replace(o, n string) error             { return b.FS.Replace(b.at(o), b.at(n)) }
func (b below) Remove(name string) error              { return b.FS.Remove(b.at(name)) }
func (b below) Mkdir(name string) error               { return b.FS.Mkdir(b.at(name)) }
func (b below) Each(dir string, visit func(string) error) error {
	return b.FS.Each(b.at(dir), visit)
}
func (b below) Names(dir string) ([]string, error)     { return b.FS.Names(b.at(dir)) }
func (b below) Lstat(name string) (disk.Info, error)   { return b.FS.Lstat(b.at(name)) }
func (b below) Chtimes(name string, t time.Time) error { return b.FS.Chtimes(b.at(name), t) }
func (b below) SyncDir(dir string) error               { return b.FS.SyncDir(b.at(dir)) }

// shelves is where the lab has its archives: beside the mailboxes, so that one power cut
// meets both.
const shelves = "shelves"

// archiving is a run that archives what is older than a year, into folders by year.
func (l *lab) archiving(a *port.Account, under disk.FS) {
	a.AgesCount = true
	a.Release = &port.Release{Alone: true,
		Cutoff: plan.Cutoff{ByAge: true, OlderThan: 365 * 24 * time.Hour, KeepFlagged: true, KeepUnread: true}}
	l.shelve(a, under)
}

// shelve gives a run the archives.
func (l *lab) shelve(a *port.Account, under disk.FS) {
	a.Release.Into = &port.Into{Root: shelves, Path: func(mailbox string, date int64) string {
		return fmt.Sprintf("%d/%s", time.Unix(date, 0).UTC().Year(), mailbox)
	}}
	a.Release.Folder = func(root string, _ bool) (port.Tree, error) {
		return tree{maildir.Open(below{under, root}, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait})}, nil
	}
}

// archive runs the account as "archive --apply" does; mod changes the run.
func (l *lab) archive(under disk.FS, step func(string) error, mod func(*port.Account)) *port.Result {
	if under == nil {
		under = l.disk
	}
	a := l.account(under)
	a.Step = step
	l.archiving(a, under)
	if mod != nil {
		mod(a)
	}
	return sync.Run(context.Background(), a)
}

// archived runs the archive and expects that all is well.
func (l *lab) archived(t testing.TB, mod func(*port.Account)) *port.Result {
	t.Helper()
	r := l.archive(nil, nil, mod)
	if r.Status() != "ok" {
		t.Fatalf("archive is %s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	return r
}

func inPlace(a *port.Account) { a.Release.Into = nil }

// old is a lab in which the archive finds old mail, read and unread, flagged, young and odd,
// in two mailboxes, some of it not here yet.
func old(t testing.TB) *lab {
	t.Helper()
	l := newLab()
	if err := l.disk.Mkdir(shelves); err != nil {
		t.Fatal(err)
	}
	l.disk.Wait(t.Context(), time.Unix(1_900_000_000, 0).Sub(l.disk.Now())) // what is old is the same at any time
	young := l.disk.Now().Unix() - 1000
	long := int64(1_500_000_000)
	l.server.Create("Lists/Go")
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(1), long, `\Seen`)
		m.Add(body(2), long+1, `\Seen`, `\Flagged`)
		m.Add(body(3), long+2)
		m.Add(body(4), young, `\Seen`)
		m.Add("bare\nline feeds\r\n", long+3, `\Seen`, `\Answered`)
		m.Add(body(6), state.NoDate, `\Seen`)
	})
	l.server.Change("Lists/Go", func(m *mem.Mailbox) {
		m.Add(body(10), long+400*86400, `\Seen`, "$Work")
		m.Add(body(10), long+400*86400, `\Seen`)
	})
	l.clean(t)
	l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Add(body(11), long+800*86400, `\Seen`) })
	return l
}

// keepers are the messages of old that stay on the server.
var keepers = []string{"INBOX " + body(2), "INBOX " + body(3), "INBOX " + body(4), "INBOX " + body(6)}

func (l *lab) left() []string {
	left := l.onServer("INBOX", "Lists/Go")
	return left
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func TestArchive(t *testing.T) {
	for _, c := range []struct {
		name string
		mod  func(*port.Account)
		want []string // where the messages lie on disk
	}{
		{"in place", inPlace, []string{"INBOX", "INBOX", "INBOX", "INBOX", "INBOX", "INBOX", "Lists/Go", "Lists/Go", "Lists/Go"}},
		{"into an archive", nil, []string{"INBOX", "INBOX", "INBOX", "INBOX", "shelves/2017/INBOX", "shelves/2017/INBOX",
			"shelves/2018/Lists/Go", "shelves/2018/Lists/Go", "shelves/2019/Lists/Go"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			all := l.left()
			plan := l.archive(nil, nil, func(a *port.Account) {
				a.DryRun = true
				if c.mod != nil {
					c.mod(a)
				}
			})
			if got := plan.Released; plan.Status() != "ok" || got.Messages != 5 || len(got.Mailboxes) != 2 || got.Mailboxes[1].Messages != 3 {
				t.Fatalf("the plan is %+v %v", got, plan.Problems)
			}
			if !slices.Equal(l.left(), all) {
				t.Fatal("a plan changed the server")
			}
			r := l.archived(t, c.mod)
			if r.Released.Deleted != 5 || r.DeletedOnServer != 5 || r.Fetched != 1 || r.Released.Freed != plan.Released.Bytes {
				t.Errorf("%+v, of it %+v", r, r.Released)
			}
			if got := l.left(); !slices.Equal(got, sorted(keepers)) {
				t.Errorf("left on the server: %q", got)
			}
			var boxes, bodies []string
			for _, f := range l.files(t) {
				boxes = append(boxes, f.box)
				name := f.box
				if i := strings.Index(name, "20"); i > 0 {
					name = name[i+5:]
				}
				bodies = append(bodies, name+" "+f.body)
			}
			if !slices.Equal(sorted(boxes), c.want) || !slices.Equal(sorted(bodies), sorted(all)) {
				t.Errorf("on disk: %q\n%q", boxes, bodies)
			}
			l.clean(t)
			l.idle(t)
			if again := l.archived(t, c.mod); again.Released.Messages != 0 {
				t.Errorf("archived again: %+v", again.Released)
			}
		})
	}
}

// settledArchive runs the archive, then a plain sync, until nothing is left to do.
func (l *lab) settledArchive(t testing.TB, mod func(*port.Account)) string {
	t.Helper()
	l.change = func(a *port.Account) { a.Full = true }
	l.archived(t, mod)
	l.change = func(a *port.Account) {
		a.Release = &port.Release{}
		l.shelve(a, l.disk)
	}
	l.clean(t)
	l.clean(t)
	l.idle(t)
	return l.dump(t)
}

// nothingIsLost expects each message on the server or, whole, on disk.
func (l *lab) nothingIsLost(t testing.TB, all []string, when string) {
	t.Helper()
	l.torn = true
	defer func() { l.torn = false }()
	have := map[string]bool{}
	for _, m := range l.left() {
		_, body, _ := strings.Cut(m, " ")
		have[body] = true
	}
	for _, f := range l.files(t) {
		have[f.body] = true
	}
	for _, m := range all {
		if _, body, _ := strings.Cut(m, " "); !have[body] {
			t.Fatalf("%s: lost %q", when, m)
		}
	}
}

var archiveWays = []struct {
	name string
	mod  func(*port.Account)
}{{"in place", inPlace}, {"into an archive", nil}}

// TestArchiveCutAtEveryStep breaks an archive run off at every step. Nothing is lost at any
// moment, and the next run ends it.
func TestArchiveCutAtEveryStep(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := old(t)
			all, want := l.left(), ""
			want = l.settledArchive(t, c.mod)
			for n := 1; ; n += stride(t) {
				l := old(t)
				step, reached := cutAt(n)
				l.archive(nil, step, c.mod)
				if !reached() {
					break
				}
				l.nothingIsLost(t, all, fmt.Sprint("cut at step ", n))
				if got := l.settledArchive(t, c.mod); got != want {
					t.Fatalf("cut at step %d\n got %s\nwant %s", n, got, want)
				}
			}
		})
	}
}

// TestArchiveIsFinishedBySync breaks an archive run off at every step, and lets a plain sync
// come next. It ends what was begun, or takes it back; the archive after it ends as ever.
func TestArchiveIsFinishedBySync(t *testing.T) {
	l := old(t)
	all := l.left()
	want := l.settledArchive(t, nil)
	for n := 1; ; n += stride(t) {
		l := old(t)
		step, reached := cutAt(n)
		l.archive(nil, step, nil)
		if !reached() {
			break
		}
		l.change = func(a *port.Account) {
			a.Policy.OnServerDelete, a.Policy.OnDiskDelete = plan.Delete, plan.Delete // nothing of it is a user's deletion
			a.Release = &port.Release{}
			l.shelve(a, l.disk)
		}
		l.clean(t)
		l.nothingIsLost(t, all, fmt.Sprint("cut at step ", n, ", then sync"))
		if got := l.settledArchive(t, nil); got != want {
			t.Fatalf("cut at step %d, then sync\n got %s\nwant %s", n, got, want)
		}
	}
}

// TestArchivePowerLoss cuts the power at every change of the disk, loses what was not
// synced, and expects the same end.
func TestArchivePowerLoss(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := old(t)
			all := l.left()
			want := l.settledArchive(t, c.mod)
			for n := 1; ; n += stride(t) {
				l := old(t)
				cut := disktest.CutAt(l.disk, n)
				l.archive(cut, nil, c.mod)
				if cut.Changes() < n {
					break
				}
				l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 9)))
				l.disk.Wait(t.Context(), time.Hour)
				l.nothingIsLost(t, all, fmt.Sprintf("power cut at change %d (%s)", n, last(cut.Log())))
				if got := l.settledArchive(t, c.mod); got != want {
					t.Fatalf("power cut at change %d (%s)\n got %s\nwant %s", n, last(cut.Log()), got, want)
				}
			}
		})
	}
}

// TestArchiveStateLost loses the base at every step of an archive run. What lies in an
// archive is not fetched again, and what was begun is ended.
func TestArchiveStateLost(t *testing.T) {
	l := old(t)
	all := l.left()
	l.settledArchive(t, nil)
	want := l.bodies(t)
	for n := 1; ; n += stride(t) {
		l := old(t)
		step, reached := cutAt(n)
		l.archive(nil, step, nil)
		done := !reached()
		l.base = mem.NewBase()
		l.nothingIsLost(t, all, fmt.Sprint("cut at step ", n))
		l.settledArchive(t, nil)
		if got := l.bodies(t); !slices.Equal(got, want) {
			t.Fatalf("cut at step %d, and the state lost\n got %q\nwant %q", n, got, want)
		}
		if done {
			break
		}
	}
}

// at runs f before the first step that begins so.
func at(step string, f func()) func(string) error {
	done := false
	return func(s string) error {
		if !done && strings.HasPrefix(s, step) {
			done = true
			f()
		}
		return nil
	}
}

// What somebody does to a message between the decision and the expunge keeps it.
func TestArchiveConfirms(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		on         bool
	}{{"flagged", `\Flagged`, true}, {"unread", `\Seen`, false}, {"a keyword", "$Later", true}} {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			r := l.archive(nil, at("expunge", func() {
				l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, c.flag, c.on) })
			}), nil)
			if r.Status() != "ok" || r.Released.Deleted != 4 {
				t.Fatalf("%s: %+v %v %v", r.Status(), r.Released, r.Problems, r.Fatal)
			}
			if got := l.left(); !slices.Equal(got, sorted(append(slices.Clone(keepers), "INBOX "+body(1)))) {
				t.Errorf("left on the server: %q", got)
			}
			if got := l.record(t, "INBOX", 1); got.Status != state.Live {
				t.Errorf("the record is %v", got.Status)
			}
			l.clean(t)
			l.idle(t)
			for _, f := range l.files(t) {
				if f.body == body(1) && f.box != "INBOX" {
					t.Errorf("the file lies in %s", f.box)
				}
			}
		})
	}
}

// A file that is not what the server sent keeps its message on the server, is named, and
// is a failure; so does one that is gone. The others go.
func TestArchiveReadsAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, l *lab, p string)
		want  string
	}{
		{"altered", func(t *testing.T, l *lab, p string) {
			l.overwrite(t, p, strings.Replace(l.raw(t, p), "Text", "Tent", 1))
		}, "is not what the server sent"},
		{"cut", func(t *testing.T, l *lab, p string) { l.overwrite(t, p, l.raw(t, p)[:20]) }, "is not what the server sent"},
		{"gone", func(t *testing.T, l *lab, p string) {
			if err := l.disk.Remove(p); err != nil {
				t.Fatal(err)
			}
		}, "its file is gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			r := l.archive(nil, at("read INBOX", func() {
				l.each(t, "number 1\r", func(p string) { c.spoil(t, l, p) })
			}), nil)
			if len(r.Problems) != 1 || r.Problems[0].UID != 1 || !strings.Contains(r.Problems[0].Err.Error(), c.want) ||
				state.KindOf(r.Problems[0].Err) != state.Other || r.Released.Deleted != 4 {
				t.Fatalf("%+v %v", r.Released, r.Problems)
			}
			if got := l.left(); !slices.Contains(got, "INBOX "+body(1)) || len(got) != len(keepers)+1 {
				t.Errorf("left on the server: %q", got)
			}
		})
	}
}

// raw is a file as it lies on disk.
func (l *lab) raw(t testing.TB, p string) string {
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
	return string(b)
}

// overwrite plays a program, or a disk, that changes a file's bytes under its name.
func (l *lab) overwrite(t testing.TB, p, text string) {
	t.Helper()
	if err := l.disk.Remove(p); err != nil {
		t.Fatal(err)
	}
	f, err := l.disk.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A digest that was taken from the disk alone is no proof: the message is fetched again and
// compared before it goes, and stays where the bytes differ.
func TestArchiveComparesFirst(t *testing.T) {
	for _, altered := range []bool{false, true} {
		l := old(t)
		l.each(t, "number 1\r", func(p string) { // another program dropped the hints of our name
			if altered {
				l.overwrite(t, p, strings.Replace(l.raw(t, p), "Text", "Tent", 1))
			}
			bare, _, _ := strings.Cut(p, ",S=")
			if err := l.disk.Rename(p, bare+":2,S"); err != nil {
				t.Fatal(err)
			}
		})
		l.base = mem.NewBase()
		l.clean(t)
		if got := l.proof(t, "INBOX", 1); got.ByServer {
			t.Fatal("a proof by the server came from a file")
		}
		var fetched []string
		l.server.Body = func(raw string, uid state.UID, b []byte) ([]byte, error) {
			fetched = append(fetched, fmt.Sprint(raw, uid))
			return b, nil
		}
		l.archived(t, nil)
		if !slices.Contains(fetched, "INBOX1") {
			t.Errorf("fetched are %v", fetched)
		}
		l.nothingIsLost(t, []string{"INBOX " + body(1)}, "compared")
		for _, rest := range l.left() {
			if rest == "INBOX "+body(1) && !altered {
				t.Error("the message is on the server still")
			}
		}
	}
}

// Of copies in several mailboxes none goes where one has to stay, and they count once.
func TestArchiveCopies(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, l *lab)
		gone  int
	}{
		{"together", func(*testing.T, *lab) {}, 6},
		{"one is flagged", func(_ *testing.T, l *lab) {
			l.server.Change("Lists/Go", func(m *mem.Mailbox) { m.Flag(4, `\Flagged`, true) })
		}, 5},
		{"one file is not what was sent", func(t *testing.T, l *lab) {
			l.each(t, "number 7\r", func(p string) {
				if strings.HasPrefix(p, "INBOX") {
					l.overwrite(t, p, "other")
				}
			})
		}, 5},
		{"one file was linked, and is not what was sent: it is fetched first", func(t *testing.T, l *lab) {
			l.each(t, "number 7\r", func(p string) {
				if strings.HasPrefix(p, "Lists") {
					l.overwrite(t, p, "other")
				}
			})
		}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := old(t)
			for _, raw := range []string{"INBOX", "Lists/Go"} {
				l.server.Change(raw, func(m *mem.Mailbox) {
					m.Find(m.Add(body(7), 1_500_000_000, `\Seen`)).EmailID = "M7"
				})
			}
			l.clean(t)
			before := l.archive(nil, nil, func(a *port.Account) { a.DryRun = true }).Released
			if c.gone == 6 && before.Bytes != before.Mailboxes[0].Bytes+before.Mailboxes[1].Bytes-int64(len(body(7))) || c.gone == 6 && before.Messages != 6 {
				t.Errorf("copies count twice: %+v", before)
			}
			c.spoil(t, l)
			r := l.archive(nil, nil, nil)
			if r.Released.Deleted != c.gone || c.gone == 6 && r.Released.Freed != before.Bytes {
				t.Errorf("%+v, %v", r.Released, r.Problems)
			}
		})
	}
}

// TestArchiveEveryFileOperationFails lets each file operation of an archive run fail once,
// as a full or a dying disk would. Nothing is lost, and the next run ends it.
func TestArchiveEveryFileOperationFails(t *testing.T) {
	for _, c := range archiveWays {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := old(t)
			all := l.left()
			want := l.settledArchive(t, c.mod)
			for n := 1; ; n += stride(t) {
				l := old(t)
				fail := disktest.FailAt(l.disk, n, []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EMFILE}[n%4])
				l.archive(fail, nil, c.mod)
				if fail.Calls() < n {
					break
				}
				l.nothingIsLost(t, all, fmt.Sprintf("call %d fails (%s)", n, last(fail.Log())))
				if got := l.settledArchive(t, c.mod); got != want {
					t.Fatalf("call %d fails (%s)\n got %s\nwant %s", n, last(fail.Log()), got, want)
				}
			}
		})
	}
}
