package secret

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mailsync/state"
)

// A file that others can read is refused, whatever link leads to it; what is no file is not judged.
func TestFileThatOthersCanRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	dir := t.TempDir()
	file := func(mode os.FileMode) string {
		path := filepath.Join(dir, fmt.Sprintf("%04o", mode))
		if err := os.WriteFile(path, []byte(word+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o700: true, 0o644: false, 0o640: false, 0o604: false, 0o620: false, 0o777: false, 0o444: false} {
		path := file(mode)
		link := path + ".link"
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, link} {
			got, err := Source{File: p}.Read(t.Context())
			if ok && (err != nil || got.Reveal() != word) {
				t.Errorf("%04o: %q, %v", mode, got.Reveal(), err)
			}
			if !ok && (state.KindOf(err) != state.Usage || state.HintOf(err) != "chmod 600 "+p || got.Reveal() != "") {
				t.Errorf("%04o: kind %v: %v (%s)", mode, state.KindOf(err), err, state.HintOf(err))
			}
		}
	}
	// The <(…) of a shell, with a pipe and with a file behind it.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fmt.Fprintln(w, word)
	w.Close()
	open, err := os.Open(file(0o444))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for _, f := range []*os.File{r, open} {
		got, err := Source{File: fmt.Sprintf("/dev/fd/%d", f.Fd())}.Read(t.Context())
		if err != nil || got.Reveal() != word {
			t.Errorf("%q, %v", got.Reveal(), err)
		}
	}
}

// Credentials of systemd have their own place, and modes of their own.
func TestCredential(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "work"), []byte(word+"\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	s := Source{Credential: "work"}
	if s.None() || s.Kind() != "password_credential" || !s.Ahead().Empty() {
		t.Errorf("%v", s)
	}
	t.Setenv(credentials, "")
	if _, err := s.Read(t.Context()); state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "$CREDENTIALS_DIRECTORY is not set") ||
		!strings.Contains(state.HintOf(err), "LoadCredential=work:") {
		t.Errorf("%v (%s)", err, state.HintOf(err))
	}
	t.Setenv(credentials, dir)
	for _, from := range []Source{s, {File: filepath.Join(dir, "work")}} {
		if got, err := from.Read(t.Context()); err != nil || got.Reveal() != word {
			t.Errorf("%q, %v", got.Reveal(), err)
		}
	}
	if _, err := (Source{Credential: "other"}).Read(t.Context()); state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "no credential other") ||
		!strings.Contains(state.HintOf(err), "LoadCredential=other:") {
		t.Errorf("%v (%s)", err, state.HintOf(err))
	}
	for name, ok := range map[string]bool{"work": true, "mail.work-1_x": true, "": false, ".": false, "..": false, "../work": false, "a/b": false, `a\b`: false,
		"a:b": false, "a b": false, "a\n": false, "ä": false, strings.Repeat("x", 256): false} {
		if IsCredential(name) != ok {
			t.Errorf("%q: %t", name, !ok)
		}
	}
}
