package report

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"mailsync/sync/port"
)

// hostile is a name as a server may choose it: it would begin lines of its own, clear the screen, and turn the
// direction of what follows.
const hostile = "IN\nBOX\r\n\x1b[2J\u202e: 9 fetched"

func hush(text string) string { return strings.ReplaceAll(text, "hunter2hunter2", "***") }

// logged writes records of each kind, with texts that a server chose.
func logged(h slog.Handler) {
	log := slog.New(h).With("account", "work")
	log.Info("connected to imap.example.org:993 (TLS 1.3)")
	log.Info("mailbox done", "mailbox", hostile, "done", port.Done{Fetched: 2, FetchedBytes: 2048, FlagsToServer: 1}, "left", "the run was to end")
	log.Debug("fetched", "mailbox", "INBOX", "uid", 7, "op", "fetch", "bytes", int64(1536))
	log.Info("asked", "err", errors.New("it says hunter2hunter2\nand more"))
	log.Error("failure", "err", errors.New("no"), "hint", "try again")
	log.Info(strings.Repeat("long ", 2000))
}

func TestPeopleReadLines(t *testing.T) {
	s := open(Options{})
	logged(s.People(slog.LevelDebug, hush))
	lines := strings.Split(strings.TrimSuffix(s.err.String(), "\n"), "\n")
	want := []string{
		"work: connected to imap.example.org:993 (TLS 1.3)",
		`work: IN; BOX\r; \x1b[2J\u202e: 9 fetched: 2 fetched (2.0 KiB), 1 flagged on the server; left for the next run: the run was to end`,
		"work: INBOX: uid 7: fetched (1.5 KiB)",
		"work: asked: it says ***; and more",
	}
	if len(lines) != len(want)+1 {
		t.Fatalf("%d lines\n%s", len(lines), s.err.String())
	}
	for i, line := range want {
		if lines[i] != line {
			t.Errorf("got  %s\nwant %s", lines[i], line)
		}
	}
	if long := lines[len(want)]; len(long) > maxText+100 {
		t.Errorf("a line of %d octets", len(long))
	}
	if s.out.Len() > 0 {
		t.Errorf("on stdout: %s", s.out.String())
	}
}

func TestPeopleReadNoDetailsWithoutAsking(t *testing.T) {
	s := open(Options{})
	logged(s.People(slog.LevelInfo, hush))
	if strings.Contains(s.err.String(), "uid 7") {
		t.Error(s.err.String())
	}
}

func TestProgramsReadJSON(t *testing.T) {
	var out strings.Builder
	logged(Lines(&out, slog.LevelInfo, hush))
	var all []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, m)
	}
	if len(all) != 5 || strings.Contains(out.String(), "hunter2") || strings.ContainsAny(out.String(), "\x1b\u202e\r") {
		t.Errorf("%d records\n%s", len(all), out.String())
	}
	done, _ := all[1]["done"].(map[string]any)
	if done["fetched"] != 2.0 || done["fetched_bytes"] != 2048.0 || all[1]["level"] != "INFO" {
		t.Errorf("%v", all[1])
	}
	if all[3]["level"] != "ERROR" || all[3]["err"] != "no" || all[3]["hint"] != "try again" {
		t.Errorf("%v", all[3])
	}
}

// The log file has what --quiet keeps from the terminal.
func TestQuietIsRecorded(t *testing.T) {
	var out strings.Builder
	s := open(Options{Quiet: true, Record: slog.New(Lines(&out, slog.LevelInfo, hush))})
	a := s.Account("work")
	a.Note("INBOX", "odd", "look")
	a.Alert("hunter2hunter2 is your password")
	a.Done(Summary{Account: "work", Status: "partial", Changes: Changes{Fetched: 3}, Whereabouts: Whereabouts{Here: 3, OnServer: 4, Outstanding: 1}, Seconds: 1.5}, false)
	s.Wrong(errors.New("no such file"))
	for _, want := range []string{
		`"level":"WARN","msg":"odd","account":"work","mailbox":"INBOX","hint":"look"}`,
		`"level":"WARN","msg":"message from the server: *** is your password","account":"work"}`,
		`"level":"WARN","msg":"account done","account":"work","status":"partial",`,
		`"on_server":4,"here":3,"outstanding":1,`, `"seconds":1.5,"done":{"fetched":3}}`,
		`"level":"ERROR","msg":"no such file"}`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %s\n%s", want, out.String())
		}
	}
	if s.out.Len() > 0 || s.err.String() != "mailsync: no such file\n" {
		t.Errorf("said %q, %q", s.out.String(), s.err.String())
	}
}
