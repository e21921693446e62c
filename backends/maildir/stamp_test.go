package maildir

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// On a real disk: from the moment in which a mark is trusted, every change shows in it, however soon it is made.
func TestTrustedMarkShowsTheNextChange(t *testing.T) {
	root := t.TempDir()
	fs, err := disk.OpenReal(root)
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	if !fs.Local() {
		t.Skip("no mark is trusted on this file system")
	}
	md, err := Open(fs, Options{}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	const changes = 25
	for n := range changes {
		for _, dir := range []string{"cur", "new"} {
			change := func(name string) {
				if err := os.WriteFile(filepath.Join(root, "INBOX", dir, fmt.Sprint(name, n)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			change("a")
			began := time.Now()
			trusted, err := md.Mark()
			for ; err == nil && !trusted.Trusted; trusted, err = md.Mark() {
				if time.Since(began) > time.Minute {
					t.Fatal("a Maildir in which nothing happens is never trusted")
				}
			}
			change("b")
			after, err2 := md.Mark()
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if after.Trusted = true; after == trusted {
				t.Fatalf("change %d in %s does not show: %+v", n, dir, after)
			}
		}
	}
}

// What the system's clock shows counts only on file systems that keep times as finely: others cut them off.
func TestQuietByTheSystemsClock(t *testing.T) {
	const ms = int64(time.Millisecond)
	base := int64(1_796_053_000) * int64(time.Second)
	for _, c := range []struct {
		name         string
		stamp        int64
		now, stamped int64 // by both clocks
		quiet        bool
	}{
		{"the tick of the change", base + 5*ms + 17, base + 8*ms, base + 5*ms + 17, false},
		{"the next tick", base + 5*ms + 17, base + 9*ms + 100, base + 9*ms + 17, true},
		{"a finer stamp than the last tick", base + 6*ms + 17, base + 8*ms, base + 5*ms + 17, false},
		{"a file system that keeps hundredths of a second", base + 50*ms, base + 65*ms, base + 65*ms - 1000, false},
		{"the same, later", base + 50*ms, base + 71*ms, base + 69*ms, true},
		{"a file system that keeps seconds", base, base + 900*ms, base + 900*ms, false},
		{"a stamp from the future", base + 100*int64(time.Second) + 17, base, base, true},
	} {
		d := &folders{opts: &Options{
			Now:    func() time.Time { return time.Unix(0, c.now) },
			stamps: func() (time.Time, bool) { return time.Unix(0, c.stamped), true },
		}}
		if got := d.quiet(state.DirMark{CurCtime: c.stamp, NewCtime: base - 100*int64(time.Second)}); got != c.quiet {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
