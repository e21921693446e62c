package main

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/cmd/mailsync/demo"
	"mailsync/cmd/mailsync/report"
)

// onDisk is how a message's bytes lie in a file: CRLF becomes LF where there is no bare
// CR and no bare LF (spec 1.4).
func onDisk(text string) string {
	bare := strings.ReplaceAll(text, "\r\n", "")
	if strings.ContainsAny(bare, "\r\n") {
		return text
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// The demo's odd messages come whole, in the mailbox they belong to.
func TestDemoMailArrivesByteForByte(t *testing.T) {
	dir := t.TempDir()
	d, err := startDemo(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	var stderr bytes.Buffer
	r := report.New(report.Options{Out: &stderr, Err: &stderr, Quiet: true})
	s := &session{task: syncTask(), report: r, log: slog.New(slog.DiscardHandler)}
	if kinds := s.all(t.Context(), d.accounts); len(kinds) > 0 {
		t.Fatalf("%v\n%s", kinds, &stderr)
	}
	var want []string
	for _, m := range demo.IMAPMail() {
		want = append(want, "demo/"+m.Mailbox+"\n"+onDisk(string(m.Text)))
	}
	for _, m := range d.pop3.Texts() {
		want = append(want, "demo-pop3/INBOX\n"+onDisk(m))
	}
	var got []string
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(e.Name(), ".mailsync,") {
			return err
		}
		text, err := os.ReadFile(path)
		mailbox, _ := filepath.Rel(dir, filepath.Dir(filepath.Dir(path)))
		got = append(got, filepath.ToSlash(mailbox)+"\n"+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(got) != len(want) {
		t.Fatalf("%d messages are here, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%.200q\nis not\n%.200q", got[i], want[i])
		}
	}
}

func TestShellQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/mailsync-demo-1/mail": "/tmp/mailsync-demo-1/mail",
		"/tmp/my mail":              "'/tmp/my mail'",
		"/tmp/it's":                 `'/tmp/it'\''s'`,
		"/tmp/$x;y":                 "'/tmp/$x;y'",
		"/tmp/a b/c":                "'/tmp/a b/c'",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
