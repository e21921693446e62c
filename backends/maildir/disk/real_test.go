package disk_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
)

// reals are the real disk's two forms: with what Linux has beside os.Root, and without.
var reals = map[string]func(string) (*disk.Real, error){"real": disk.OpenReal, "plain": disk.OpenPlain}

func TestReal(t *testing.T) {
	for name, open := range reals {
		t.Run(name, func(t *testing.T) {
			disktest.Suite(t, func(t *testing.T) disk.FS {
				r, err := open(t.TempDir())
				must(t, err)
				t.Cleanup(func() { must(t, r.Close()) })
				return r
			})
		})
	}
}

func TestRealModesAreOurs(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has other permissions
	}
	for name, open := range reals {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			r, err := open(root)
			must(t, err)
			defer r.Close()
			must(t, r.Mkdir("dir"))
			write(t, r, "dir/a")
			for name, want := range map[string]fs.FileMode{"dir": 0o700, "dir/a": 0o600} {
				if fi, err := os.Stat(filepath.Join(root, name)); err != nil || fi.Mode().Perm() != want {
					t.Errorf("%s: %v, %v", name, fi.Mode(), err)
				}
			}
		})
	}
}

func write(t *testing.T, d disk.FS, name string) {
	t.Helper()
	f, err := d.Create(name)
	must(t, err)
	must(t, f.Close())
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

// Names that are looked at together are what each of them is alone.
func TestLstatIn(t *testing.T) {
	for form, open := range reals {
		t.Run(form, func(t *testing.T) {
			root := t.TempDir()
			r, err := open(root)
			must(t, err)
			defer r.Close()
			must(t, r.Mkdir("box"))
			must(t, r.Mkdir("box/cur"))
			write(t, r, "box/file")
			must(t, r.Link("box/file", "file"))
			names := []string{"cur", "none", "file"}
			if os.Symlink("nowhere", filepath.Join(root, "box", "link")) == nil {
				names = append(names, "link")
			}
			all, err := disk.LstatIn(r, "box", names...)
			must(t, err)
			for i, name := range names {
				if name == "none" {
					if all[i] != (disk.Looked{}) {
						t.Errorf("%s: %+v", name, all[i])
					}
				} else if want := stat(t, r, "box/"+name); all[i] != (disk.Looked{Info: want, There: true}) {
					t.Errorf("%s: %+v, want %+v", name, all[i], want)
				}
			}
			if all, err := disk.LstatIn(r, "gone", "cur"); err != nil || len(all) != 1 || all[0].There {
				t.Errorf("a folder that is not there: %+v, %v", all, err)
			}
			if all, err := disk.LstatIn(r, ".", "file", "box"); err != nil || !all[0].Regular() || !all[1].IsDir() {
				t.Errorf("the root: %+v, %v", all, err)
			}
			if _, err := disk.LstatIn(r, "file", "cur"); err == nil && runtime.GOOS != "windows" {
				t.Error("a file has names")
			}
		})
	}
}

// Errors name a file by the root as it was opened, once, whichever of two names they are about.
func TestRealErrorsNameTheRootOnce(t *testing.T) {
	for name, open := range reals {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			must(t, os.MkdirAll("root/dir", 0o700))
			r, err := open("root")
			must(t, err)
			defer r.Close()
			for what, err := range map[string]error{"link from": r.Link("none/a", "dir/b"), "link to": r.Link("dir/a", "none/b"), "remove": r.Remove("none/a")} {
				if got := err.Error(); strings.Count(got, "root") == 0 || strings.Contains(got, filepath.Join("root", "root")) {
					t.Errorf("%s: %s", what, got)
				}
			}
		})
	}
}

func TestRealFollowsNoLinkOut(t *testing.T) {
	for name, open := range reals {
		t.Run(name, func(t *testing.T) { followsNoLinkOut(t, open) })
	}
}

func followsNoLinkOut(t *testing.T, open func(string) (*disk.Real, error)) {
	outside := t.TempDir()
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "theirs"), nil, 0o600))
	if err := os.Symlink(outside, filepath.Join(root, "out")); err != nil {
		t.Logf("no symbolic links here: %v", err)
		return
	}
	r, err := open(root)
	must(t, err)
	defer r.Close()
	if info := stat(t, r, "out"); info.Type != fs.ModeSymlink {
		t.Errorf("lstat: %+v", info)
	}
	write(t, r, "a")
	must(t, os.Symlink(".", filepath.Join(root, "in")))
	for what, try := range map[string]func(out string) error{
		"create": func(out string) error {
			f, err := r.Create(out + "/x")
			if err == nil {
				err = f.Close()
			}
			return err
		},
		"open": func(out string) error {
			f, err := r.Open(out + "/theirs")
			if err == nil {
				err = f.Close()
			}
			return err
		},
		"mkdir":   func(out string) error { return r.Mkdir(out + "/y") },
		"names":   func(out string) error { _, err := r.Names(out); return err },
		"lstat":   func(out string) error { _, err := r.Lstat(out + "/theirs"); return err },
		"lstatin": func(out string) error { _, err := disk.LstatIn(r, out, "theirs"); return err },
		"link":    func(out string) error { return r.Link("a", out+"/l") },
		"rename":  func(out string) error { return r.Rename("a", out+"/a") },
		"chtimes": func(out string) error { return r.Chtimes(out+"/theirs", time.Unix(1, 0)) },
	} {
		if err := try("out"); err == nil {
			t.Errorf("%s outside of the root", what)
		}
	}
	if err := r.Remove("out/theirs"); err == nil {
		t.Error("removed a file outside")
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) != 1 {
		t.Errorf("outside: %v, %v", names, err)
	}
	// One that stays inside is followed.
	must(t, r.Link("a", "in/b"))
	must(t, r.Chtimes("in/b", time.Unix(1, 0)))
	if got := stat(t, r, "b").Mtime; got != 1e9 {
		t.Errorf("mtime %d", got)
	}
	for _, bad := range []string{"../a", "/a", "", "a/", "x/../a"} {
		if _, err := r.Lstat(bad); err == nil {
			t.Errorf("lstat of %q", bad)
		}
		if err := r.Remove(bad); err == nil {
			t.Errorf("remove of %q", bad)
		}
		if err := r.Link("a", bad); err == nil {
			t.Errorf("link to %q", bad)
		}
	}
}
