package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// onSmallDisk puts a life's Maildirs and state on a file system of so many octets of their own.
func (l *life) onSmallDisk(size string) (grow func()) {
	l.t.Helper()
	return smallDisk(l.t, l.root, size)
}

// smallDisk makes a folder a file system of so many octets.
func smallDisk(t *testing.T, dir, size string) (grow func()) {
	t.Helper()
	mount := func(flags uintptr, size string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+size); err != nil {
			t.Skipf("no file system of its own can be mounted: %v", err)
		}
	}
	mount(0, size)
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return func() { mount(syscall.MS_REMOUNT, "256m") }
}

// The state can lie on a disk of its own. Once it cannot be written, all is over: one error, not one for each mailbox, and with
// more room nothing was lost or is doubled.
func TestFullDiskOfTheState(t *testing.T) {
	const boxes, each = 6, 60
	l := newIMAP(t, situation{prepare: func(acct *script.Account) {
		for box := range boxes {
			m := acct.Add(fmt.Sprintf("Box%d", box))
			for i := range each {
				m.Append(fmt.Sprintf("Subject: %d\r\nMessage-ID: <%d.%d@full.example>\r\n\r\nshort\r\n", i, box, i))
			}
		}
	}})
	dir := filepath.Join(l.root, ".mailsync")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	grow := smallDisk(t, dir, "72k")
	fails := func(args ...string) {
		t.Helper()
		if o := l.run(args...); o.Code != 8 || strings.Count(o.Stderr, "\n") != 2 || !strings.Contains(o.Stderr, "hint: ") {
			t.Errorf("%s: exit %d: %s", args[0], o.Code, program.Tail(o.Stderr))
		}
	}
	fails("sync", "--json")
	fails("sync", "--json")
	grow()
	if o := l.run("sync", "--json"); o.Code != 0 {
		t.Errorf("healed: exit %d: %s", o.Code, program.Tail(o.Stderr))
	}
	if mail, _ := l.files(); len(mail) != len(l.onServer()) {
		t.Errorf("%d files, want %d", len(mail), len(l.onServer()))
	}
}

// A disk that is too small is seen before the first body; one that gets full meanwhile ends the fetching. Both are one
// error, exit 8, and nothing is lost: with more room all is fetched.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct {
		name, size string
		text       string // of each message, after its header
		want       string
	}{
		{"seen before", "8m", strings.Repeat("A line of a message that is large.\r\n", 30_000), "of disk space are needed for 38 messages, and "},
		{"full meanwhile", "7m", "short\r\n", "messages are outstanding: no space left on device"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := 0
			l := newIMAP(t, situation{prepare: func(acct *script.Account) {
				for box := range 10 {
					m := acct.Add(fmt.Sprintf("Box%d", box))
					n := 2
					if c.name == "full meanwhile" {
						n = 200
					}
					for range n {
						all++
						m.Append(fmt.Sprintf("Subject: %d\r\nMessage-ID: <%d@full.example>\r\n\r\n", all, all) + c.text)
					}
				}
			}})
			grow := l.onSmallDisk(c.size)
			o := l.run("sync", "--dry-run", "--json")
			if early := strings.Contains(o.Stderr, c.want); early != (c.name == "seen before") || early && o.Code != 8 {
				t.Errorf("dry run: exit %d: %s", o.Code, program.Tail(o.Stderr))
			}
			for run := range 2 {
				o := l.run("sync", "--json")
				if o.Code != 8 || strings.Count(o.Stderr, "\n") != 2 || run == 0 && !strings.Contains(o.Stderr, c.want) {
					t.Errorf("run %d: exit %d: %s", run, o.Code, program.Tail(o.Stderr))
				}
			}
			grow()
			if o := l.run("sync", "--json"); o.Code != 0 {
				t.Errorf("healed: exit %d: %s", o.Code, program.Tail(o.Stderr))
			}
			mail, _ := l.files()
			if want := len(l.onServer()); len(mail) != want {
				t.Errorf("%d files, want %d", len(mail), want)
			}
		})
	}
}
