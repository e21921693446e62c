package maildir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// identityOf is what Identify is told to make of a file: the identity of uid, and what Inspect says.
func identityOf(t testing.TB, md *maildir.Maildir, name string, uid state.UID) state.Received {
	t.Helper()
	as, err := md.Inspect(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	as.UID, as.Variant, as.Token, as.Date = uid, 1, token, 1600000000
	return as
}

// files are the names in new and cur.
func files(t testing.TB, fsys disk.FS) (list []string) {
	t.Helper()
	for _, dir := range []string{"new", "cur"} {
		for _, base := range names(t, fsys, "INBOX/"+dir) {
			list = append(list, dir+"/"+base)
		}
	}
	slices.Sort(list)
	return list
}

// disks are those on which a file gets another identity: the system's, and in memory with hard links and
// without, and one that refuses them.
func disks(t *testing.T, f func(t *testing.T, fsys disk.FS, md *maildir.Maildir)) {
	for name, open := range map[string]func(t *testing.T) (disk.FS, maildir.Options){
		"real": func(t *testing.T) (disk.FS, maildir.Options) { return openReal(t), maildir.Options{} },
		"memory": func(*testing.T) (disk.FS, maildir.Options) {
			m := disktest.NewMem(disktest.MemOptions{})
			return m, maildir.Options{Now: m.Now, Wait: m.Wait}
		},
		"no links": func(*testing.T) (disk.FS, maildir.Options) {
			m := disktest.NewMem(disktest.MemOptions{NoLinks: true, Grain: 2e9})
			return m, maildir.Options{Now: m.Now, Wait: m.Wait}
		},
		"links refused": func(*testing.T) (disk.FS, maildir.Options) {
			m := disktest.NewMem(disktest.MemOptions{})
			return refusing(m, syscall.EPERM, "link"), maildir.Options{Now: m.Now, Wait: m.Wait}
		},
	} {
		t.Run(name, func(t *testing.T) {
			fsys, opts := open(t)
			md, err := maildir.Open(fsys, opts).Create("INBOX", marker("INBOX"))
			if err != nil {
				t.Fatal(err)
			}
			f(t, fsys, md)
		})
	}
}

func TestIdentifyLeavesOneName(t *testing.T) {
	disks(t, func(t *testing.T, fsys disk.FS, md *maildir.Maildir) {
		const body = "Subject: x\r\n\r\nbody\r\n"
		old := deliver(t, md, 1, state.Seen, body)
		if err := md.Sync(); err != nil {
			t.Fatal(err)
		}
		as := identityOf(t, md, old, 7)
		as.Token = "newtok"
		placed, err := md.Identify(old, as, &state.Keywords{})
		if err != nil || placed.Found || placed.Flags != state.Seen ||
			!strings.HasPrefix(placed.Name, "cur/1600000000.U7Tnewtok.mailsync,S=17,W=20,H=") {
			t.Fatalf("identified as %+v, %v", placed, err)
		}
		// Again, by the old name and by the new one: it is done.
		for _, name := range []string{old, placed.Name} {
			if again, err := md.Identify(name, as, &state.Keywords{}); err != nil || !again.Found || again.Name != placed.Name || again.Flags != state.Seen {
				t.Errorf("again by %s: %+v, %v", name, again, err)
			}
		}
		if err := md.Sync(); err != nil {
			t.Fatal(err)
		}
		if got := files(t, fsys); !slices.Equal(got, []string{placed.Name}) {
			t.Errorf("%q are there", got)
		}
		// What no server sent tells no digest; what is nowhere is said to be so.
		put(t, fsys, "INBOX/cur/foreign:2,", "bytes that no server sent\n")
		as = identityOf(t, md, "cur/foreign:2,", 8)
		if placed, err = md.Identify("cur/foreign:2,", as, &state.Keywords{}); err != nil || strings.Contains(placed.Name, "H=") {
			t.Errorf("%+v, %v", placed, err)
		}
		as.UID = 9
		if _, err := md.Identify("cur/gone:2,", as, &state.Keywords{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is nowhere: %v", err)
		}
		as.Token = "to/ken"
		if _, err := md.Identify(placed.Name, as, &state.Keywords{}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a token that cannot stand in a name: %v", err)
		}
	})
}

// Where another file has the identity, its bytes decide, and nothing is overwritten.
func TestIdentifyWhereOneIsThere(t *testing.T) {
	disks(t, func(t *testing.T, fsys disk.FS, md *maildir.Maildir) {
		there := deliver(t, md, 1, state.Flagged, "one\r\n")
		put(t, fsys, "INBOX/cur/equal:2,S", "one\n")
		put(t, fsys, "INBOX/cur/other:2,S", "two\n")
		as := identityOf(t, md, "cur/other:2,S", 1)
		if _, err := md.Identify("cur/other:2,S", as, &state.Keywords{}); !errors.Is(err, state.ErrOccupied) {
			t.Errorf("other bytes: %v", err)
		}
		if got := files(t, fsys); len(got) != 3 {
			t.Errorf("%q are there", got)
		}
		as = identityOf(t, md, "cur/equal:2,S", 1)
		placed, err := md.Identify("cur/equal:2,S", as, &state.Keywords{})
		if err != nil || !placed.Found || placed.Name != there || placed.Flags != state.Flagged {
			t.Errorf("equal bytes: %+v, %v", placed, err)
		}
		if got, want := files(t, fsys), []string{there, "cur/other:2,S"}; !slices.Equal(got, want) {
			t.Errorf("%q are there, want %q", got, want)
		}
	})
}

// Another program makes a file of the very name in between: it is not overwritten.
func TestIdentifyOverwritesNothing(t *testing.T) {
	for _, other := range []string{"one\n", "two\n"} {
		m, _ := memTree(t)
		put(t, m, "INBOX/cur/x:2,S", "one\n")
		view := disktest.FailWhen(m, func(_ int, call string) error {
			if _, to, ok := strings.Cut(call, "rename INBOX/cur/x:2,S "); ok && !exists(m, to) {
				put(t, m, to, other)
			}
			return nil
		})
		md := open(t, m, view)
		as := identityOf(t, md, "cur/x:2,S", 1)
		placed, err := md.Identify("cur/x:2,S", as, &state.Keywords{})
		if log := view.Log(); !slices.ContainsFunc(log, func(call string) bool { return strings.HasPrefix(call, "rename INBOX/cur/x") }) {
			t.Fatalf("calls were %q", log)
		}
		equal := other == "one\n"
		if equal && (err != nil || !placed.Found || len(files(t, m)) != 1) || !equal && (!errors.Is(err, state.ErrOccupied) || len(files(t, m)) != 2) {
			t.Errorf("%q is there: %+v, %v, %q", other, placed, err, files(t, m))
		}
		for _, name := range files(t, m) {
			if want := map[bool]string{true: "one\n", false: other}[strings.HasPrefix(name, "cur/x")]; contents(t, m, "INBOX/"+name) != want {
				t.Errorf("%s holds other bytes", name)
			}
		}
	}
}

// A file keeps the folder, the flags and the letters it has by now, also those that a reader gives
// it between the look and the rename.
func TestIdentifyKeepsWhatReadersDid(t *testing.T) {
	for _, c := range []struct {
		name, renamed string // by a reader
		fresh         bool
		want          string // folder and info part
	}{
		{"cur/foreign:2,Sz", "", false, "cur/:2,Sz"},
		{"cur/foreign:2,Sz", "cur/foreign:2,Fz", false, "cur/:2,Fz"},
		{"cur/plain", "", false, "cur/:2,"},
		{"cur/plain", "cur/plain:2,T", false, "cur/:2,T"},
		{"cur/seen:2,", "", true, "new/"},
		{"cur/seen:2,R", "", true, "cur/:2,R"},
		{"new/fresh", "", false, "new/"},
		{"new/fresh", "cur/fresh:2,", false, "cur/:2,"},
		{"new/fresh", "cur/fresh:2,S", false, "cur/:2,S"},
	} {
		for _, when := range []string{"before", "meanwhile"} {
			m, _ := memTree(t)
			put(t, m, "INBOX/"+c.name, "body\n")
			rename := func() {
				if c.renamed != "" && exists(m, "INBOX/"+c.name) {
					if err := m.Rename("INBOX/"+c.name, "INBOX/"+c.renamed); err != nil {
						t.Fatal(err)
					}
				}
			}
			md := open(t, m, disktest.FailWhen(m, func(_ int, call string) error {
				if when == "meanwhile" && strings.HasPrefix(call, "rename INBOX/"+c.name) {
					rename()
				}
				return nil
			}))
			as := identityOf(t, md, c.name, 1)
			as.Fresh = c.fresh
			scan(t, md)
			if when == "before" {
				rename()
			}
			placed, err := md.Identify(c.name, as, &state.Keywords{})
			if err != nil {
				t.Fatal(err)
			}
			key, _, _ := strings.Cut(placed.Name, ":2,")
			if got := key[:4] + strings.TrimPrefix(placed.Name, key); got != c.want {
				t.Errorf("%s, renamed %s to %q, became %s, want %s", c.name, when, c.renamed, placed.Name, c.want)
			}
			if got := files(t, m); !slices.Equal(got, []string{placed.Name}) {
				t.Errorf("%s, renamed %s to %q: %q are there", c.name, when, c.renamed, got)
			}
		}
	}
}

// identifyAll gives every file that has no identity the next one, as far as nothing breaks.
func identifyAll(md *maildir.Maildir, list []string) error {
	for i, name := range list {
		as, err := md.Inspect(name, nil)
		if errors.Is(err, fs.ErrNotExist) { // an earlier run did it
			continue
		}
		if err != nil {
			return err
		}
		as.UID, as.Variant, as.Token, as.Date = state.UID(i+1), 1, token, 1600000000
		if _, err := md.Identify(name, as, &state.Keywords{}); err != nil {
			return err
		}
	}
	return md.Sync()
}

// oneNameEach checks that each body is there under exactly one name, the old or the new one; and
// under the new one where all is done.
func oneNameEach(t testing.TB, fsys disk.FS, list []string, done bool) error {
	count := map[string]int{}
	for _, name := range files(t, fsys) {
		body := contents(t, fsys, "INBOX/"+name)
		count[body]++
		if done && slices.Contains(list, name) {
			return fmt.Errorf("%s has its old name", name)
		}
	}
	for _, name := range list {
		if n := count[name+"\n"]; n != 1 {
			return fmt.Errorf("what was %s has %d names: %q", name, n, files(t, fsys))
		}
	}
	return nil
}

// The power is cut, or a call fails, at each call in turn: every file has one name at any time, and
// the next run finishes.
func TestIdentifyCutAtEveryCall(t *testing.T) {
	list := []string{"cur/a:2,S", "cur/b", "new/c", "new/d:2,F"}
	world := func(opts disktest.MemOptions) *disktest.Mem {
		m := disktest.NewMem(opts)
		md := create(t, m, m)
		for _, name := range list {
			put(t, m, "INBOX/"+name, name+"\n")
			if f, err := m.Open("INBOX/" + name); err != nil || f.Sync() != nil || f.Close() != nil {
				t.Fatal(err)
			}
		}
		if err := md.Sync(); err != nil { // a first Sync covers both folders
			t.Fatal(err)
		}
		return m
	}
	for _, opts := range []disktest.MemOptions{{}, {NoLinks: true}} {
		m := world(opts)
		counted := disktest.CutAt(m, 0)
		if err := identifyAll(open(t, m, counted), list); err != nil {
			t.Fatal(err)
		}
		if err := oneNameEach(t, m, list, true); err != nil {
			t.Fatal(err)
		}
		for cut := 1; cut <= counted.Changes(); cut++ {
			for seed := range uint64(4) {
				m := world(opts)
				if err := identifyAll(open(t, m, disktest.CutAt(m, cut)), list); err == nil {
					t.Fatalf("cut at %d of %d: nothing failed", cut, counted.Changes())
				}
				after := m.Crash(rand.New(rand.NewPCG(seed, uint64(cut))))
				if err := oneNameEach(t, after, list, false); err != nil {
					t.Fatalf("cut at %d, seed %d: %v", cut, seed, err)
				}
				if err := identifyAll(open(t, after, after), list); err != nil {
					t.Fatalf("cut at %d, seed %d: the next run: %v", cut, seed, err)
				}
				if err := oneNameEach(t, after.Crash(rand.New(rand.NewPCG(seed, 1))), list, true); err != nil {
					t.Fatalf("cut at %d, seed %d, after the next run: %v", cut, seed, err)
				}
			}
		}
		for n := 1; n <= counted.Calls(); n++ {
			m := world(opts)
			broken := errors.New("input/output error")
			view := disktest.FailAt(m, n, broken)
			md, err := maildir.Open(view, maildir.Options{Now: m.Now, Wait: m.Wait}).Open("INBOX")
			if err == nil {
				err = identifyAll(md, list)
			}
			if lerr := oneNameEach(t, m, list, err == nil); lerr != nil {
				t.Fatalf("call %d fails: %v", n, lerr)
			}
		}
	}
}

// Where a file that nobody synced has the identity already, it is durable before the other one goes.
func TestIdentifyFindsDurably(t *testing.T) {
	for cut := 0; cut <= 8; cut++ {
		for seed := range uint64(8) {
			m, first := memTree(t)
			name := deliver(t, first, 1, state.Seen, bodies[1])
			body := contents(t, m, "INBOX/"+name)
			if err := m.Rename("INBOX/"+name, "INBOX/cur/equal:2,S"); err != nil {
				t.Fatal(err)
			}
			if err := first.Sync(); err != nil {
				t.Fatal(err)
			}
			put(t, m, "INBOX/"+name, body)
			md := open(t, m, disktest.CutAt(m, cut))
			as := identityOf(t, md, "cur/equal:2,S", 1)
			placed, err := md.Identify("cur/equal:2,S", as, &state.Keywords{})
			if cut == 0 && (err != nil || !placed.Found || placed.Name != name) {
				t.Fatalf("%+v, %v", placed, err)
			}
			after := m.Crash(rand.New(rand.NewPCG(seed, uint64(cut))))
			if !slices.ContainsFunc(files(t, after), func(name string) bool { return contents(t, after, "INBOX/"+name) == body }) {
				t.Fatalf("cut at %d, seed %d: of %q none is whole (%v)", cut, seed, files(t, after), err)
			}
		}
	}
}

// What Identify did is durable after the next Sync, bytes that another program wrote included.
func TestIdentifyIsDurableBySync(t *testing.T) {
	for seed := range uint64(16) {
		m, md := memTree(t)
		if err := md.Sync(); err != nil { // the first one covers both folders, whatever was changed in them
			t.Fatal(err)
		}
		list := []string{"cur/a:2,S", "new/b", "new/c:2,F"}
		for _, name := range list {
			put(t, m, "INBOX/"+name, name+"\n")
		}
		if err := identifyAll(md, list); err != nil {
			t.Fatal(err)
		}
		after := m.Crash(rand.New(rand.NewPCG(seed, 7)))
		if err := oneNameEach(t, after, list, true); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// A keyword that is set or removed while a file that was moved here gets its identity is not lost.
func TestIdentifyKeepsKeywordsThatChangeMeanwhile(t *testing.T) {
	disks(t, func(t *testing.T, fsys disk.FS, md *maildir.Maildir) {
		put(t, fsys, "INBOX/dovecot-keywords", "0 Work\n1 Later\n")
		kw := state.NewKeywords([]string{"Work", "Later"})
		work, _ := kw.Bit("Work")
		later, _ := kw.Bit("Later")
		for uid, c := range map[state.UID]struct {
			was, is  string
			had, has state.Flags
		}{
			1: {":2,S", ":2,Sb", 0, later},
			2: {":2,Sa", ":2,S", work, 0},
			3: {":2,Sa", ":2,RSb", work, later},
			4: {":2,Sc", ":2,Scb", work, work | later}, // c is of the Maildir it was moved from
		} {
			name := fmt.Sprintf("cur/%d.M1.host", uid)
			put(t, fsys, "INBOX/"+name+c.was, "Subject: x\n\n"+name)
			if _, err := md.Scan(t.Context(), token, nil, kw); err != nil {
				t.Fatal(err)
			}
			as := identityOf(t, md, name+c.was, uid)
			as.Respell, as.Flags = true, c.had|state.Seen
			if err := fsys.Rename("INBOX/"+name+c.was, "INBOX/"+name+c.is); err != nil {
				t.Fatal(err)
			}
			placed, err := md.Identify(name+c.was, as, kw)
			if err != nil {
				t.Fatal(err)
			}
			snap, err := md.Scan(t.Context(), token, nil, kw)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range snap.Messages {
				if m.UID == uid && m.Flags&^state.System != c.has {
					t.Errorf("%s becomes %s while it is identified as %s: %v", c.was, c.is, placed.Name, m.Flags)
				}
			}
		}
	})
}
