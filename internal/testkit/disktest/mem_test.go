package disktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
)

func TestMem(t *testing.T) {
	Suite(t, func(*testing.T) disk.FS { return NewMem(MemOptions{}) })
}

func TestFaulty(t *testing.T) {
	Suite(t, func(*testing.T) disk.FS { return FailAt(NewMem(MemOptions{}), 0, nil) })
}

// outcomes crashes the same disk many times and counts what is found.
func outcomes(t *testing.T, build func(m *Mem), look func(m *Mem) string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for seed := range uint64(400) {
		m := NewMem(MemOptions{})
		build(m)
		seen[look(m.Crash(rand.New(rand.NewPCG(seed, 7))))]++
	}
	return seen
}

// exactly checks that all of these were found, and nothing else.
func exactly(t *testing.T, what string, seen map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("%s: never %q in %v", what, w, seen)
		}
		delete(seen, w)
	}
	if len(seen) > 0 {
		t.Errorf("%s: also %v", what, seen)
	}
}

func there(m *Mem, names ...string) string {
	s := ""
	for _, n := range names {
		if _, err := m.Lstat(n); err == nil {
			s += n
		}
	}
	return s
}

func file(t *testing.T, m disk.FS, name, text string, sync bool) {
	t.Helper()
	f, err := m.Create(name)
	must(t, err)
	_, err = io.WriteString(f, text)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	exactly(t, "all synced", outcomes(t, func(m *Mem) {
		must(t, m.Mkdir("d"))
		file(t, m, "d/a", "text", true)
		must(t, m.SyncDir("d"))
		must(t, m.SyncDir("."))
	}, func(m *Mem) string { return read(t, m, "d/a") }), "text")
}

func TestCrashLosesUnsyncedBytes(t *testing.T) {
	exactly(t, "bytes", outcomes(t, func(m *Mem) {
		file(t, m, "a", "ab", false)
		must(t, m.SyncDir("."))
	}, func(m *Mem) string { return read(t, m, "a") }), "", "a", "ab", "\x00\x00")
	exactly(t, "bytes after a sync", outcomes(t, func(m *Mem) {
		f, err := m.Create("a")
		must(t, err)
		_, err = io.WriteString(f, "ab")
		must(t, err)
		must(t, f.Sync())
		_, err = io.WriteString(f, "c")
		must(t, err)
		must(t, m.SyncDir("."))
	}, func(m *Mem) string { return read(t, m, "a") }), "ab", "abc", "ab\x00")
}

func TestCrashLosesUnsyncedEntries(t *testing.T) {
	base := func(m *Mem) {
		file(t, m, "a", "x", true)
		must(t, m.Mkdir("d"))
		must(t, m.SyncDir("."))
	}
	for _, test := range []struct {
		what  string
		build func(m *Mem)
		want  []string
	}{
		{"create", func(m *Mem) { file(t, m, "c", "", true) }, []string{"a", "ac"}},
		{"link", func(m *Mem) { must(t, m.Link("a", "b")) }, []string{"a", "ab"}},
		{"remove", func(m *Mem) { must(t, m.Remove("a")) }, []string{"a", ""}},
		{"rename is one step", func(m *Mem) { must(t, m.Rename("a", "d/b")) }, []string{"a", "d/b"}},
		{"link and remove, each on its own", func(m *Mem) {
			must(t, m.Link("a", "b"))
			must(t, m.Remove("a"))
		}, []string{"a", "ab", "b", ""}},
		{"changes of one entry keep their order", func(m *Mem) {
			must(t, m.Rename("a", "b"))
			must(t, m.Rename("b", "c"))
		}, []string{"a", "b", "c"}},
		{"one of two folders synced", func(m *Mem) {
			must(t, m.Rename("a", "d/b"))
			must(t, m.SyncDir("d"))
		}, []string{"d/b"}},
		{"link synced, remove not", func(m *Mem) {
			must(t, m.Link("a", "d/b"))
			must(t, m.SyncDir("d"))
			must(t, m.Remove("a"))
		}, []string{"ad/b", "d/b"}},
		{"a folder that is lost takes what is in it", func(m *Mem) {
			must(t, m.Mkdir("b"))
			file(t, m, "b/c", "", true)
			must(t, m.SyncDir("b"))
		}, []string{"a", "abb/c"}},
	} {
		exactly(t, test.what, outcomes(t, func(m *Mem) {
			base(m)
			test.build(m)
		}, func(m *Mem) string { return there(m, "a", "b", "c", "d/b", "b/c") }), test.want...)
	}
}

// Without a journal the two sides of a rename to another folder are durable each on its own: a crash leaves the old
// name, the new one, both or none. Syncing the folder of the new name makes that one durable.
func TestCrashTearsARename(t *testing.T) {
	torn := func(build func(m *Mem)) map[string]int {
		seen := map[string]int{}
		for seed := range uint64(400) {
			m := NewMem(MemOptions{Torn: true})
			file(t, m, "a", "x", true)
			must(t, m.Mkdir("d"))
			must(t, m.SyncDir("."))
			must(t, m.Rename("a", "d/b"))
			build(m)
			seen[there(m.Crash(rand.New(rand.NewPCG(seed, 7))), "a", "d/b")]++
		}
		return seen
	}
	exactly(t, "nothing synced", torn(func(*Mem) {}), "a", "ad/b", "d/b", "")
	exactly(t, "the new folder synced", torn(func(m *Mem) { must(t, m.SyncDir("d")) }), "ad/b", "d/b")
}

func TestMemThatCannotRefuse(t *testing.T) {
	m := NewMem(MemOptions{NoRefuse: true})
	file(t, m, "a", "", true)
	if err := m.Rename("a", "b"); !disk.CannotRefuse(err) || there(m, "a", "b") != "a" {
		t.Errorf("rename: %v, and there are %q", err, there(m, "a", "b"))
	}
	if disk.CannotRefuse(fs.ErrExist) || disk.CannotRefuse(fs.ErrNotExist) || disk.CannotRefuse(syscall.EXDEV) {
		t.Error("any error is taken for a want of such a rename")
	}
}

func TestCrashEndsTheOldView(t *testing.T) {
	m := NewMem(MemOptions{})
	f, err := m.Create("a")
	must(t, err)
	must(t, m.SyncDir("."))
	after := m.Crash(rand.New(rand.NewPCG(1, 1)))
	_, err = io.WriteString(f, "x")
	is(t, "write to an old file", err, ErrPower)
	is(t, "mkdir in the old view", m.Mkdir("d"), ErrPower)
	old := stat(t, after, "a")
	file(t, after, "b", "", true)
	if got := stat(t, after, "b"); got.Ino <= old.Ino || got.Ctime <= old.Ctime {
		t.Errorf("after the crash: %+v, then %+v", old, got)
	}
}

func TestMemClockHasAGrain(t *testing.T) {
	m := NewMem(MemOptions{Grain: time.Second})
	write(t, m, "a", "")
	first := stat(t, m, ".").Ctime
	write(t, m, "b", "")
	if got := stat(t, m, ".").Ctime; got != first || got%int64(time.Second) != 0 {
		t.Errorf("ctime %d, then %d within a second", first, got)
	}
	must(t, m.Wait(context.Background(), time.Second))
	write(t, m, "c", "")
	if got := stat(t, m, ".").Ctime; got != first+int64(time.Second) {
		t.Errorf("ctime %d, a second later %d", first, got)
	}
}

func TestMemRunsFull(t *testing.T) {
	m := NewMem(MemOptions{Capacity: 10})
	f, err := m.Create("a")
	must(t, err)
	n, err := io.WriteString(f, "0123456789abc")
	if n != 10 || !disk.Full(err) || !disk.Crippled(err) {
		t.Errorf("wrote %d, %v", n, err)
	}
	must(t, m.Remove("a"))
	if free, err := m.Free(); free != 10 || err != nil {
		t.Errorf("free %d, %v", free, err)
	}
}

func TestMemWithoutLinks(t *testing.T) {
	m := NewMem(MemOptions{NoLinks: true})
	file(t, m, "a", "", true)
	if err := m.Link("a", "b"); !disk.NoHardLinks(err) {
		t.Errorf("link: %v", err)
	}
	if disk.NoHardLinks(fs.ErrExist) || disk.NoHardLinks(fs.ErrNotExist) || disk.NoHardLinks(syscall.ENOSPC) {
		t.Error("any error is taken for a want of links")
	}
}

func TestFailAtCountsEveryCall(t *testing.T) {
	broken := errors.New("broken")
	run := func(d disk.FS) error {
		f, err := d.Create("a")
		if err != nil {
			return err
		}
		if _, err = io.WriteString(f, "text"); err != nil {
			return err
		}
		if err = f.Sync(); err != nil {
			if f.Sync() != nil {
				t.Error("a second sync tells what the first one forgot")
			}
			return err
		}
		if err = f.Close(); err != nil {
			return err
		}
		_, err = d.Names(".")
		return err
	}
	want := []string{"create a", "write a", "sync a", "close a", "names ."}
	for n := 1; n <= len(want); n++ {
		m := NewMem(MemOptions{})
		view := FailAt(m, n, broken)
		is(t, want[n-1], run(view), broken)
		if got := view.Log(); got[n-1] != want[n-1] {
			t.Errorf("call %d is %q, want %q", n, got[n-1], want[n-1])
		}
		if n == 2 && read(t, m, "a") != "te" {
			t.Errorf("the write that failed wrote %q", read(t, m, "a"))
		}
	}
	exactly(t, "a sync that failed", outcomes(t, func(m *Mem) {
		is(t, "sync", run(FailAt(m, 3, broken)), broken)
		must(t, m.SyncDir("."))
	}, func(m *Mem) string { return fmt.Sprint(read(t, m, "a") == "text") }), "true", "false")
	all := FailAt(NewMem(MemOptions{}), 0, broken)
	must(t, run(all))
	if all.Calls() != len(want) || all.Changes() != 4 {
		t.Errorf("%d calls, %d changes", all.Calls(), all.Changes())
	}
}

func TestCutAtEndsEverything(t *testing.T) {
	for cut := 1; cut <= 3; cut++ {
		m := NewMem(MemOptions{})
		view := CutAt(m, cut)
		var errs []error
		for _, name := range []string{"a", "b", "c"} {
			errs = append(errs, view.Mkdir(name))
		}
		_, err := view.Names(".")
		errs = append(errs, err)
		got := ""
		for _, err := range errs {
			got += fmt.Sprint(err == nil, " ")
		}
		want := map[int]string{1: "false false false false ", 2: "true false false false ", 3: "true true false false "}[cut]
		if got != want {
			t.Errorf("cut at %d: %s, want %s", cut, got, want)
		}
	}
}

func BenchmarkMemDelivery(b *testing.B) {
	m := NewMem(MemOptions{})
	if err := m.Mkdir("cur"); err != nil {
		b.Fatal(err)
	}
	for i := range b.N {
		name := fmt.Sprint(i)
		f, err := m.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(make([]byte, 100)); err != nil {
			b.Fatal(err)
		}
		if f.Sync() != nil || f.Close() != nil || m.Link(name, "cur/"+name) != nil || m.Remove(name) != nil {
			b.Fatal(i)
		}
		if i%256 == 0 {
			if err := m.SyncDir("cur"); err != nil {
				b.Fatal(err)
			}
		}
	}
}
