package disktest

import (
	"errors"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
)

// Suite checks what every form of the seam promises. open returns an empty one, another
// each time.
func Suite(t *testing.T, open func(t *testing.T) disk.FS) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, d disk.FS)
	}{
		{"nothing is overwritten", nothingIsOverwritten},
		{"what is not there", whatIsNotThere},
		{"folders and links", foldersAndLinks},
		{"many names", manyNames},
		{"folder times follow its entries", folderTimesFollowItsEntries},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func nothingIsOverwritten(t *testing.T, d disk.FS) {
	write(t, d, "a", "a")
	write(t, d, "b", "b")
	_, err := d.Create("a")
	is(t, "create", err, fs.ErrExist)
	is(t, "link", d.Link("a", "b"), fs.ErrExist)
	if err := d.Rename("a", "b"); !disk.CannotRefuse(err) {
		is(t, "rename", err, fs.ErrExist)
	}
	if read(t, d, "a") != "a" || read(t, d, "b") != "b" {
		t.Error("something was overwritten")
	}
	must(t, d.Replace("a", "b"))
	if read(t, d, "b") != "a" {
		t.Error("replace did not")
	}
	is(t, "lstat of what was moved", ignore(d.Lstat("a")), fs.ErrNotExist)
}

func whatIsNotThere(t *testing.T, d disk.FS) {
	for what, err := range map[string]error{
		"open": ignore(d.Open("x")), "lstat": ignore(d.Lstat("x")), "names": ignore(d.Names("x")), "remove": d.Remove("x"),
		"rename": d.Rename("x", "y"), "replace": d.Replace("x", "y"), "link": d.Link("x", "y"), "create": ignore(d.Create("x/y")),
		"mkdir": d.Mkdir("x/y"), "syncdir": d.SyncDir("x"), "chtimes": d.Chtimes("x", time.Now()),
	} {
		is(t, what, err, fs.ErrNotExist)
	}
	for _, out := range []string{"..", "../x", "/x", "a/../../x"} {
		if _, err := d.Create(out); err == nil {
			t.Errorf("created %s", out)
		}
		if _, err := d.Lstat(out); err == nil {
			t.Errorf("lstat of %s", out)
		}
	}
}

func foldersAndLinks(t *testing.T, d disk.FS) {
	must(t, d.Mkdir("dir"))
	is(t, "mkdir", d.Mkdir("dir"), fs.ErrExist)
	must(t, d.Mkdir("dir/sub"))
	write(t, d, "dir/a", "text")
	must(t, d.Link("dir/a", "dir/sub/b"))
	a, b := stat(t, d, "dir/a"), stat(t, d, "dir/sub/b")
	if a.Ino != b.Ino || a.Size != 4 || !a.Regular() || a.IsDir() || !stat(t, d, "dir").IsDir() {
		t.Errorf("two links of one file: %+v and %+v", a, b)
	}
	must(t, d.Remove("dir/a"))
	if read(t, d, "dir/sub/b") != "text" {
		t.Error("the other link's bytes are gone")
	}
	names, err := d.Names("dir/sub")
	if err != nil || !slices.Equal(names, []string{"b"}) {
		t.Errorf("names %q, %v", names, err)
	}
	if err := d.Remove("dir/sub"); err == nil {
		t.Error("a folder with a file in it was removed")
	}
	must(t, d.Remove("dir/sub/b"))
	must(t, d.Remove("dir/sub"))
	must(t, d.SyncDir("dir"))
	must(t, d.SyncDir("."))
	when := time.Unix(1234567890, 0)
	write(t, d, "dated", "")
	must(t, d.Chtimes("dated", when))
	if got := stat(t, d, "dated").Mtime; got != when.UnixNano() {
		t.Errorf("mtime %d", got)
	}
	f, err := d.Create("dated as it is written")
	must(t, err)
	_, err = io.WriteString(f, "text")
	must(t, err)
	must(t, f.Chtimes(when))
	must(t, f.Sync())
	must(t, f.Close())
	if got := stat(t, d, "dated as it is written").Mtime; got != when.UnixNano() {
		t.Errorf("mtime %d", got)
	}
	if free, err := d.Free(); err != nil || free <= 0 {
		t.Errorf("free %d, %v", free, err)
	}
}

func manyNames(t *testing.T, d disk.FS) {
	want := []string{}
	for i := range 3000 {
		name := strings.Repeat("x", i%200) + string(rune('a'+i%26)) + strings.Repeat("y", i/200)
		if _, err := d.Lstat(name); err == nil {
			continue
		}
		f, err := d.Create(name)
		must(t, err)
		must(t, f.Close())
		want = append(want, name)
	}
	got, err := d.Names(".")
	must(t, err)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d names, want %d", len(got), len(want))
	}
}

func folderTimesFollowItsEntries(t *testing.T, d disk.FS) {
	if runtime.GOOS == "windows" {
		return // it has no change times, and Local says so
	}
	must(t, d.Mkdir("dir"))
	before := stat(t, d, "dir")
	if before.Ino == 0 || before.Ctime == 0 {
		t.Fatalf("%+v", before)
	}
	changes := map[string]func() error{
		"create": func() error { return ignore(d.Create("dir/a")) },
		"link":   func() error { return d.Link("dir/a", "dir/b") },
		"rename": func() error { return d.Rename("dir/b", "dir/c") },
		"remove": func() error { return d.Remove("dir/c") },
	}
	for _, op := range []string{"create", "link", "rename", "remove"} {
		was := stat(t, d, "dir")
		settle(t, d, was.Ctime)
		must(t, changes[op]())
		is := stat(t, d, "dir")
		if is.Ctime <= was.Ctime || is.Ino != was.Ino || is.Btime != was.Btime {
			t.Errorf("%s: from %+v to %+v", op, was, is)
		}
	}
}

// settle lets the file system's clock leave a stamp behind: it touches a file until a
// new stamp shows.
func settle(t *testing.T, d disk.FS, stamp int64) {
	t.Helper()
	for i := 0; ; i++ {
		name := "clock"
		write(t, d, name, "")
		now := stat(t, d, name).Ctime
		must(t, d.Remove(name))
		if now > stamp || i > 1_000_000 {
			return
		}
	}
}

func write(t *testing.T, d disk.FS, name, text string) {
	t.Helper()
	f, err := d.Create(name)
	must(t, err)
	_, err = io.WriteString(f, text)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func read(t *testing.T, d disk.FS, name string) string {
	t.Helper()
	f, err := d.Open(name)
	must(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	must(t, err)
	return string(b)
}

func stat(t *testing.T, d disk.FS, name string) disk.Info {
	t.Helper()
	info, err := d.Lstat(name)
	must(t, err)
	return info
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func ignore[T any](_ T, err error) error { return err }
