package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

// The benchmark starts itself to measure.
func TestMain(m *testing.M) {
	if os.Getenv(launcher) != "" {
		os.Exit(launch(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func TestBench(t *testing.T) {
	servers.Need(t, "what is compared", "/usr/sbin/dovecot", "mbsync")
	var out bytes.Buffer
	s := settings{Settings: host.Settings{Messages: 60, Rounds: 1, Seed: 7, Dir: t.TempDir()}, mailboxes: 3}
	if err := run(t.Context(), &out, s, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"60 messages", "| first pull: time |", "| nothing to do: peak memory |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "–") {
		t.Errorf("something was not measured:\n%s", out.String())
	}
}

// What is measured counts only where it is the work: the check finds every difference.
func TestCheck(t *testing.T) {
	messages := slices.Collect(corpus.Messages(3, 5))
	want := mailbox{}
	for _, m := range messages {
		want.add(m)
	}
	lay := func(more func(dir string) error) error {
		t.Helper()
		dir := t.TempDir()
		_, err := corpus.Lay(dir, func(yield func(corpus.Message) bool) {
			for _, m := range messages {
				m.Raw = bytes.ReplaceAll(m.Raw, []byte("\r\n"), []byte("\n"))
				if !yield(m) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "cur", "*"))
		if err != nil || len(files) != len(messages) {
			t.Fatal(files, err)
		}
		if err := more(files[0]); err != nil {
			t.Fatal(err)
		}
		return check(dir, want)
	}
	if err := lay(func(string) error { return nil }); err != nil {
		t.Errorf("all is here: %v", err)
	}
	for name, harm := range map[string]func(file string) error{
		"missing": os.Remove,
		"cut":     func(f string) error { return os.Truncate(f, 100) },
		"doubled": func(f string) error { return os.Link(f, f+"S") },
		"undated": func(f string) error { return os.Chtimes(f, time.Time{}, time.Unix(1, 0)) },
		"another": func(f string) error { return os.WriteFile(filepath.Join(filepath.Dir(f), "x"), nil, 0o600) },
	} {
		if err := lay(harm); err == nil {
			t.Errorf("%s: not seen", name)
		}
	}
}

func TestMedian(t *testing.T) {
	if host.Median([]float64{3, 1, 2}) != 2 || host.Median([]float64{4, 1}) != 2.5 {
		t.Error("no median")
	}
}
