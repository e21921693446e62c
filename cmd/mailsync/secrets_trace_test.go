//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// A trace is for the user alone, also where others could read what was there, and through a
// link. A device that others use is written to and otherwise left alone.
func TestTraceIsForTheUserAlone(t *testing.T) {
	t.Parallel()
	a := imapscript.NewAccount()
	a.Password = password
	port := imapscript.Every(t, imapscript.Healthy(a, nil)).Port()
	w := newTour(t, program.Path(t), password, sources["password"], "", `host = "localhost"`, fmt.Sprintf("port = %d", port), `tls = "none"`)
	at := func(name string) string { return filepath.Join(w.dir, name) }
	for name, make := range map[string]func(p string) error{
		"new":            func(string) error { return nil },
		"for all":        func(p string) error { return os.WriteFile(p, []byte("something old\n"), 0o644) },
		"a link":         func(p string) error { return symlink(at("linked"), p) },
		"a link to none": func(p string) error { return os.Symlink(at("not there yet"), p) },
	} {
		p := at(name)
		if err := make(p); err != nil {
			t.Fatal(err)
		}
		if o := w.run("sync", "work", "--trace", p); o.Code != 0 {
			t.Fatalf("%s: exit %d\n%s", name, o.Code, o.Stderr)
		}
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || strings.Contains(string(text), "old") || !strings.Contains(string(text), "work S: * OK") {
			t.Errorf("%s: mode %v, %q", name, info.Mode(), text)
		}
	}

	null := at("null")
	if err := syscall.Mknod(null, syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Logf("no device can be made here: %v", err)
		return
	}
	if err := os.Chmod(null, 0o666); err != nil {
		t.Fatal(err)
	}
	if o := w.run("sync", "work", "--trace", null); o.Code != 0 && !strings.Contains(o.Stderr, "permission denied") { // a file system without devices
		t.Errorf("a device: exit %d\n%s", o.Code, o.Stderr)
	}
	if info, err := os.Stat(null); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("the device has mode %v, %v", info.Mode(), err)
	}
}

func symlink(to, p string) error {
	if err := os.WriteFile(to, []byte("something old\n"), 0o644); err != nil {
		return err
	}
	return os.Symlink(to, p)
}
