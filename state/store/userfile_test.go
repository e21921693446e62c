package store

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"mailsync/state"
)

func TestWriteUserFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "deep", "c.toml")
	if err := WriteUserFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700, filepath.Join(dir, "new"): 0o700} {
		if info, err := os.Stat(at); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", at, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("there are no links here")
	}
	if err := WriteUserFile(link, []byte("two")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	info, _ := os.Lstat(link)
	kept, _ := os.Stat(path)
	if err != nil || string(got) != "two" || info.Mode()&os.ModeSymlink == 0 || runtime.GOOS != "windows" && kept.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v; the link is %v, the file %v", got, err, info.Mode(), kept.Mode())
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("it left %v", left)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "gone"), dangling); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{dangling, dir, filepath.Join(path, "below")} {
		if err := WriteUserFile(bad, nil); state.KindOf(err) != state.Storage {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := RemoveUserFile(path); err != nil {
		t.Error(err)
	}
}
