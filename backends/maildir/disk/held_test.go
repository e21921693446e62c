//go:build unix

package disk_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"mailsync/backends/maildir/disk"
)

// onBoth runs a test on both forms of the real disk, in a root with a Maildir.
func onBoth(t *testing.T, test func(t *testing.T, r *disk.Real, root string)) {
	for name, open := range reals {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			makeMaildir(t, root, "INBOX")
			r, err := open(root)
			must(t, err)
			defer r.Close()
			test(t, r, root)
		})
	}
}

func makeMaildir(t *testing.T, root, dir string) {
	t.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(root, dir, sub), 0o700))
	}
}

// put delivers a file to cur.
func put(t *testing.T, r *disk.Real, dir, name string) error {
	t.Helper()
	f, err := r.Create(path.Join(dir, "tmp", name))
	if err != nil {
		return err
	}
	must(t, f.Close())
	from, to := path.Join(dir, "tmp", name), path.Join(dir, "cur", name)
	if err = r.Rename(from, to); disk.CannotRefuse(err) {
		if err = r.Link(from, to); err == nil {
			err = r.Remove(from)
		}
	}
	return err
}

// A first file is delivered, folders are moved, and a second one is delivered: what is not at its path is
// not taken for durable. Whoever records a message has an error first.
func TestFolderThatMovesIsNotSynced(t *testing.T) {
	for what, change := range map[string]func(t *testing.T, root string){
		"the Maildir is moved away": func(t *testing.T, root string) { must(t, os.Rename(root+"/INBOX", root+"/else")) },
		"the Maildir is removed":    func(t *testing.T, root string) { must(t, os.RemoveAll(root+"/INBOX")) },
		"cur is moved away":         func(t *testing.T, root string) { must(t, os.Rename(root+"/INBOX/cur", root+"/else")) },
		"cur is replaced":           replaced("INBOX/cur"),
		"the Maildir is replaced":   replaced("INBOX"),
		"cur is removed, made again": func(t *testing.T, root string) {
			must(t, os.RemoveAll(root+"/INBOX/cur"))
			makeMaildir(t, root, "INBOX")
		},
		"cur becomes a link to inside": func(t *testing.T, root string) {
			must(t, os.Rename(root+"/INBOX/cur", root+"/else"))
			must(t, os.Mkdir(root+"/other", 0o700))
			must(t, os.Symlink("../other", root+"/INBOX/cur"))
		},
	} {
		t.Run(what, func(t *testing.T) {
			onBoth(t, func(t *testing.T, r *disk.Real, root string) {
				must(t, put(t, r, "INBOX", "one"))
				change(t, root)
				second := put(t, r, "INBOX", "two")
				err := r.SyncDir("INBOX/cur")
				if !errors.Is(err, disk.ErrMoved) {
					t.Errorf("sync: %v (the second file: %v)", err, second)
				}
				if !errors.Is(r.SyncDir("INBOX/cur"), disk.ErrMoved) {
					t.Error("a second sync reports nothing")
				}
			})
		})
	}
}

func replaced(dir string) func(t *testing.T, root string) {
	return func(t *testing.T, root string) {
		must(t, os.Rename(filepath.Join(root, dir), filepath.Join(root, "else")))
		makeMaildir(t, root, "INBOX")
	}
}

// A folder of the tree that becomes a link out of it: nothing is put outside, and nothing is taken for durable.
func TestFolderThatBecomesALinkOut(t *testing.T) {
	onBoth(t, func(t *testing.T, r *disk.Real, root string) {
		outside := t.TempDir()
		makeMaildir(t, outside, ".")
		must(t, put(t, r, "INBOX", "one"))
		must(t, os.Rename(root+"/INBOX", root+"/else"))
		if err := os.Symlink(outside, root+"/INBOX"); err != nil {
			t.Skip(err)
		}
		for i := range 3 {
			put(t, r, "INBOX", fmt.Sprint(i))
		}
		if err := r.SyncDir("INBOX/cur"); err == nil {
			t.Error("synced what is outside")
		}
		for _, sub := range []string{"cur", "new", "tmp"} {
			if names, err := os.ReadDir(filepath.Join(outside, sub)); err != nil || len(names) > 0 {
				t.Errorf("outside in %s: %v, %v", sub, names, err)
			}
		}
	})
}

// A folder into which nothing was put yet may be another one by the next file: that one gets it.
func TestFolderThatIsMadeAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, r *disk.Real, root string) {
		must(t, put(t, r, "INBOX", "one"))
		must(t, r.SyncDir("INBOX/cur"))
		must(t, os.RemoveAll(root+"/INBOX/tmp"))
		must(t, os.Mkdir(root+"/INBOX/tmp", 0o700))
		must(t, put(t, r, "INBOX", "two"))
		must(t, r.SyncDir("INBOX/cur"))
		if _, err := os.Stat(root + "/INBOX/cur/two"); err != nil {
			t.Error(err)
		}
		// Renamed by ourselves, and another one at its path.
		must(t, r.Rename("INBOX", "Archive"))
		makeMaildir(t, root, "INBOX")
		must(t, put(t, r, "INBOX", "three"))
		must(t, r.SyncDir("INBOX/cur"))
		if _, err := os.Stat(root + "/INBOX/cur/three"); err != nil {
			t.Error(err)
		}
	})
}

// However many Maildirs there are and whoever works in them at once, few folders stay open, none after Close, and
// one that was closed meanwhile is still known when it is synced.
func TestFewFoldersAreHeld(t *testing.T) {
	const maildirs, workers = 90, 8
	root := t.TempDir()
	for n := range maildirs {
		makeMaildir(t, root, fmt.Sprint(n))
	}
	before := descriptors(t)
	r, err := disk.OpenReal(root)
	must(t, err)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := w; n < maildirs; n += workers {
				if err := put(t, r, fmt.Sprint(n), "a"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if now := descriptors(t) - before; now > disk.MaxHeld+2 {
		t.Errorf("%d descriptors more than before", now)
	}
	must(t, os.Rename(filepath.Join(root, "0"), filepath.Join(root, "else")))
	makeMaildir(t, root, "0")
	for n := range maildirs {
		if err := r.SyncDir(fmt.Sprintf("%d/cur", n)); (n == 0) != errors.Is(err, disk.ErrMoved) {
			t.Errorf("sync %d: %v", n, err)
		}
	}
	must(t, r.Close())
	if now := descriptors(t); now > before {
		t.Errorf("%d descriptors before, %d after", before, now)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("how many descriptors are open is not known here")
	}
	names, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(names)
}

// Every file has the same mode whatever the umask, the first one and those after it.
func TestModeWhateverTheUmask(t *testing.T) {
	onBoth(t, func(t *testing.T, r *disk.Real, root string) {
		for _, mask := range []int{0, 0o022, 0o077, 0o777, 0o177} {
			dir := fmt.Sprintf("%o", mask)
			makeMaildir(t, root, dir)
			was := syscall.Umask(mask)
			for i := range 3 {
				if err := put(t, r, dir, fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			}
			syscall.Umask(was)
			for i := range 3 {
				if fi, err := os.Stat(filepath.Join(root, dir, "cur", fmt.Sprint(i))); err != nil || fi.Mode() != 0o600 {
					t.Errorf("umask %o: %v, %v", mask, fi.Mode(), err)
				}
			}
		}
	})
}
