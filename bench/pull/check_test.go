package pull

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mailsync/bench/corpus"
)

// laid is a Maildir of some messages, what it has to hold, and its files.
func laid(t *testing.T) (dir string, want mailbox, files []string) {
	t.Helper()
	messages := slices.Collect(corpus.Messages(3, 5))
	dir, want = t.TempDir(), mailbox{}
	_, err := corpus.Lay(dir, func(yield func(corpus.Message) bool) {
		for _, m := range messages {
			want.add(m)
			m.Raw = toLF(m.Raw)
			if !yield(m) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err = filepath.Glob(filepath.Join(dir, "cur", "*"))
	if err != nil || len(files) != len(messages) {
		t.Fatal(files, err)
	}
	return dir, want, files
}

// What is measured counts only where it is the work: the check finds every difference.
func TestCheck(t *testing.T) {
	dir, want, _ := laid(t)
	if err := want.checkDisk(dir); err != nil {
		t.Errorf("all is here: %v", err)
	}
	for name, harm := range map[string]func(file string) error{
		"missing":   os.Remove,
		"cut":       func(f string) error { return os.Truncate(f, 100) },
		"doubled":   func(f string) error { return os.Link(f, f+"T") },
		"undated":   func(f string) error { return os.Chtimes(f, time.Time{}, time.Unix(1, 0)) },
		"reflagged": func(f string) error { return os.Rename(f, bytesBefore(f)+":2,FRSx") },
		"another":   func(f string) error { return os.WriteFile(filepath.Join(filepath.Dir(f), "x"), nil, 0o600) },
	} {
		dir, want, files := laid(t)
		if err := harm(files[0]); err != nil {
			t.Fatal(err)
		}
		if err := want.checkDisk(dir); err == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}

func bytesBefore(file string) string {
	before, _, _ := bytes.Cut([]byte(file), []byte(":2,"))
	return string(before)
}

// A flag that is changed on disk is what the check then asks for, and letters it does not look at stay.
func TestChangedOnDisk(t *testing.T) {
	dir, want, _ := laid(t)
	if err := want.checkDisk(dir); err != nil {
		t.Fatal(err)
	}
	dice := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		for _, m := range want {
			had := m.flags
			if err := m.rename(dice); err != nil {
				t.Fatal(err)
			}
			if m.flags == had {
				t.Errorf("flags %q were not changed", had)
			}
		}
		if err := want.checkDisk(dir); err != nil {
			t.Error(err)
		}
	}
}
