//go:build unix

package hostile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
)

// localSituation is one thing that is wrong on our own side.
type localSituation struct {
	name  string
	codes []int
	hurt  func(l *imapLife)
	mend  func(l *imapLife)
	// undone says that a change which was made on disk before may be undone by what
	// happened there: then it is only looked at that nothing is lost.
	undone bool
}

func (l *imapLife) at(name ...string) string {
	return filepath.Join(append([]string{l.root}, name...)...)
}

func (l *imapLife) removeAll(name string) { l.must(os.RemoveAll(l.at(name))) }

// aside moves something out of the tree, and back moves it in again.
func (l *imapLife) aside(name string) {
	l.must(os.Rename(l.at(name), filepath.Join(l.dir, "xdg-state", "aside")))
}

func (l *imapLife) back(name string) {
	_ = os.RemoveAll(l.at(name)) // what was made in its place
	l.must(os.Rename(filepath.Join(l.dir, "xdg-state", "aside"), l.at(name)))
}

func (l *imapLife) write(name string, data []byte) { l.must(os.WriteFile(l.at(name), data, 0o600)) }

func (l *imapLife) read(name string) []byte {
	b, err := os.ReadFile(l.at(name))
	l.must(err)
	return b
}

// noise changes bytes of a file, the same in every run of the test.
func (l *imapLife) noise(name string, every int) {
	b := l.read(name)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(b); i += 1 + r.IntN(every) {
		b[i] ^= byte(1 + r.IntN(255))
	}
	l.write(name, b)
}

// emptied removes every file of a folder of mail.
func (l *imapLife) emptied(dir string) {
	list, err := os.ReadDir(l.at(dir))
	l.must(err)
	for _, e := range list {
		l.must(os.Remove(l.at(dir, e.Name())))
	}
}

const stateFile = ".mailsync/state.db"

func TestLocal(t *testing.T) {
	ok, storage, braked := []int{0}, []int{8}, []int{6}
	for _, s := range []localSituation{
		{name: "the root is gone", codes: storage, hurt: func(l *imapLife) { l.must(os.Rename(l.root, filepath.Join(l.dir, "xdg-state", "aside"))) },
			mend: func(l *imapLife) { l.must(os.Rename(filepath.Join(l.dir, "xdg-state", "aside"), l.root)) }},
		{name: "the root is empty", codes: storage, hurt: func(l *imapLife) {
			l.must(os.Rename(l.root, filepath.Join(l.dir, "xdg-state", "aside")))
			l.must(os.Mkdir(l.root, 0o700))
		}, mend: func(l *imapLife) {
			l.must(os.RemoveAll(l.root))
			l.must(os.Rename(filepath.Join(l.dir, "xdg-state", "aside"), l.root))
		}},
		{name: "a Maildir is gone", codes: storage, hurt: func(l *imapLife) { l.aside("INBOX") }, mend: func(l *imapLife) { l.back("INBOX") }},
		{name: "a Maildir is emptied", codes: braked, hurt: func(l *imapLife) {
			own := l.read("INBOX/new/1700000000.M1P1.home") // nobody has it yet
			l.emptied("INBOX/cur")
			l.emptied("INBOX/new")
			l.write("INBOX/new/1700000000.M1P1.home", own)
		}, undone: true},
		{name: "new is gone", codes: []int{0, 1, 8}, hurt: func(l *imapLife) { l.removeAll("Archive/new") }, mend: func(l *imapLife) { _ = os.Mkdir(l.at("Archive/new"), 0o700) }},
		{name: "tmp is gone", codes: []int{0, 1, 8}, hurt: func(l *imapLife) { l.removeAll("INBOX/tmp") }, mend: func(l *imapLife) { _ = os.Mkdir(l.at("INBOX/tmp"), 0o700) }},
		{name: "cur is a file", codes: []int{1, 8}, hurt: func(l *imapLife) { l.aside("INBOX/cur"); l.write("INBOX/cur", nil) }, mend: func(l *imapLife) { l.back("INBOX/cur") }},
		{name: "cur is a link out of the root", codes: []int{0, 1, 8}, hurt: func(l *imapLife) {
			l.aside("INBOX/cur")
			l.must(os.Symlink(filepath.Join(l.dir, "xdg-state"), l.at("INBOX/cur")))
		}, mend: func(l *imapLife) { l.back("INBOX/cur") }},
		{name: "a marker is gone", codes: ok, hurt: func(l *imapLife) { l.must(os.Remove(l.at("INBOX/mailsync.marker"))) }, undone: true},
		{name: "a marker is noise", codes: []int{1, 8}, hurt: func(l *imapLife) {
			l.must(os.Rename(l.at("INBOX/mailsync.marker"), l.at("INBOX/kept")))
			l.write("INBOX/mailsync.marker", []byte("\x00\x01 not a marker"))
		}, mend: func(l *imapLife) { l.must(os.Rename(l.at("INBOX/kept"), l.at("INBOX/mailsync.marker"))) }},
		{name: "a marker is empty", codes: []int{1, 8}, hurt: func(l *imapLife) {
			l.must(os.Rename(l.at("INBOX/mailsync.marker"), l.at("INBOX/kept")))
			l.write("INBOX/mailsync.marker", nil)
		}, mend: func(l *imapLife) { l.must(os.Rename(l.at("INBOX/kept"), l.at("INBOX/mailsync.marker"))) }},
		{name: "a marker is another's", codes: storage, hurt: func(l *imapLife) {
			l.must(os.Rename(l.at("INBOX/mailsync.marker"), l.at("INBOX/kept")))
			l.write("INBOX/mailsync.marker", l.read("Archive/mailsync.marker"))
		}, mend: func(l *imapLife) { l.must(os.Rename(l.at("INBOX/kept"), l.at("INBOX/mailsync.marker"))) }},
		{name: "a Maildir is a copy of another", codes: []int{0, 8}, hurt: func(l *imapLife) { l.must(os.CopyFS(l.at("Copy"), os.DirFS(l.at("Archive")))) },
			mend: func(l *imapLife) { l.removeAll("Copy") }},
		{name: "state lost", codes: ok, hurt: func(l *imapLife) { l.removeAll(".mailsync") }, undone: true},
		{name: "state cut to half", codes: ok, hurt: func(l *imapLife) { b := l.read(stateFile); l.write(stateFile, b[:len(b)/2]) }, undone: true},
		{name: "state cut to nothing", codes: ok, hurt: func(l *imapLife) { l.write(stateFile, nil) }, undone: true},
		{name: "state is noise", codes: ok, hurt: func(l *imapLife) { l.write(stateFile, bytes.Repeat([]byte("noise!?\x00"), 4096)) }, undone: true},
		{name: "state damaged here and there", codes: ok, hurt: func(l *imapLife) { l.noise(stateFile, 500) }, undone: true},
		{name: "state is a folder", codes: []int{0, 1, 8}, hurt: func(l *imapLife) { l.aside(stateFile); l.must(os.Mkdir(l.at(stateFile), 0o700)) },
			mend: func(l *imapLife) { l.back(stateFile) }},
		{name: "a file is unreadable noise", codes: []int{0, 1}, hurt: func(l *imapLife) {
			for _, dir := range []string{"INBOX/cur", "INBOX/new"} {
				l.write(dir+"/\xff\xfe\x01", []byte("\x00\xff"))
				l.write(dir+"/.hidden", []byte("hidden"))
				l.must(os.Mkdir(l.at(dir, "folder"), 0o700))
				l.must(os.Symlink("/etc/passwd", l.at(dir, "link:2,S")))
			}
		}, undone: true},
		{name: "names that lie", codes: []int{0, 1}, hurt: func(l *imapLife) {
			mail, _ := l.files()
			n := 0
			for _, m := range mail {
				if n++; n%3 == 0 && !strings.HasSuffix(m.path, ".home") {
					l.rename(m.path, strings.Replace(m.path, ",S=", ",S=9", 1))
				}
			}
		}, undone: true},
		{name: "a second name of each file", codes: []int{0, 1}, hurt: func(l *imapLife) {
			mail, _ := l.files()
			for _, m := range mail {
				if strings.Contains(m.path, "/new/") && !strings.HasSuffix(m.path, ".home") {
					l.must(os.Link(l.at(m.path), l.at(strings.Replace(m.path, "/new/", "/cur/", 1)+":2,S")))
				}
			}
		}, undone: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			beside := l.outside()
			if o := l.sync(); o.Code != 0 {
				t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			wanted := l.change()
			server := l.onServer()
			s.hurt(l)
			o := l.sync()
			if !slices.Contains(s.codes, o.Code) {
				t.Errorf("exit %d, want %v\n%s", o.Code, s.codes, program.Tail(o.Stderr))
			}
			l.frugal(o)
			for body := range wanted {
				if server[body] > 0 && l.onServer()[body] != 1 {
					t.Errorf("on the server %d times: %s", l.onServer()[body], short(body))
				}
			}
			if s.mend != nil {
				s.mend(l)
			}
			if !s.undone {
				l.recovered(wanted)
			} else {
				l.atLeast(wanted)
			}
			if now := l.outside(); !slices.Equal(now, beside) {
				t.Errorf("outside the root there was %q, there is %q", beside, now)
			}
		})
	}
}

// atLeast sees after two more runs that nothing is lost or doubled on either side; what
// was removed may be here again.
func (l *imapLife) atLeast(wanted map[string]int) {
	l.t.Helper()
	_, _ = l.sync(), l.sync()
	mail, trashed := l.files()
	disk, server := bodies(mail), l.onServer()
	for body, n := range bodies(trashed) {
		disk[body] += min(n, 1-min(1, disk[body]))
	}
	for body := range wanted {
		if server[body] != 1 || disk[body] > 1 {
			l.t.Errorf("on the server %d times, on disk %d times: %s", server[body], disk[body], short(body))
		}
	}
}
