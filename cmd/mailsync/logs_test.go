//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mailsync/state"
)

// That others can read a log is said on stderr, and not with --quiet.
func TestLogFileThatOthersRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.log")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, stderr := runWithLog(t, path); strings.Contains(stderr, "others") {
		t.Error(stderr)
	}
	var out, err strings.Builder
	run(t.Context(), []string{"sync", "--log-file", path, "-c", filepath.Join(t.TempDir(), "none.toml")}, &out, &err)
	if want := "mailsync: the log file " + path + " can be read by others\n"; !strings.HasPrefix(err.String(), want) || out.Len() > 0 {
		t.Errorf("%s%s", out.String(), err.String())
	}
}

// runWithLog runs "version"-like: a command that fails at once, so that only the log is looked at.
func runWithLog(t *testing.T, path string) (code int, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = run(t.Context(), []string{"sync", "-q", "--log-file", path, "-c", filepath.Join(t.TempDir(), "none.toml")}, &out, &err)
	return code, err.String()
}

// A log file is appended to, is the user's alone where it is new, and keeps its mode where it is not. What an earlier run left
// of a line does not spoil the next one.
func TestLogFileIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.log")
	for range 2 {
		if code, stderr := runWithLog(t, path); code != int(state.Usage) {
			t.Fatalf("exit %d\n%s", code, stderr)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"half a li`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	runWithLog(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole, began, ended := 0, 0, 0
	for line := range strings.Lines(string(text)) {
		var rec map[string]any
		if json.Unmarshal([]byte(line), &rec) != nil {
			continue
		}
		whole++
		switch rec["msg"] {
		case "run began":
			began++
		case "run ended":
			ended++
			if rec["exit"] != 2.0 {
				t.Errorf("%v", rec)
			}
		}
	}
	if began != 3 || ended != 3 || whole != len(strings.Split(strings.TrimSpace(string(text)), "\n"))-1 {
		t.Errorf("%d lines, %d beginnings, %d ends\n%s", whole, began, ended, text)
	}
}

// A log file that can be opened and not be written stops nothing, and is reported; one that cannot be opened is an error at
// once, and so is a pipe that nobody reads.
func TestLogFileThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:                          "nobody reads this pipe",
		dir:                           "is a directory",
		filepath.Join(dir, "no", "x"): "no such file or directory",
	} {
		code, stderr := runWithLog(t, path)
		if code != int(state.Storage) || stderr != "mailsync: --log-file "+path+": "+want+"\n" {
			t.Errorf("exit %d: %s", code, stderr)
		}
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no device that is always full")
	}
	code, stderr := runWithLog(t, "/dev/full")
	if code != int(state.Usage) || !strings.Contains(stderr, "none.toml") || !strings.Contains(stderr, "mailsync: --log-file /dev/full: 3 lines could not be written: ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
