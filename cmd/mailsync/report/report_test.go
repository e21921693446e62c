package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"mailsync/state"
)

// screen is a Report and what it wrote.
type screen struct {
	*Report
	out, err bytes.Buffer
}

func open(o Options) *screen {
	s := &screen{}
	o.Out, o.Err = &s.out, &s.err
	s.Report = New(o)
	return s
}

func (s *screen) expect(t *testing.T, out, err string) {
	t.Helper()
	if s.out.String() != out {
		t.Errorf("stdout\n%s\nwant\n%s", &s.out, out)
	}
	if s.err.String() != err {
		t.Errorf("stderr\n%s\nwant\n%s", &s.err, err)
	}
}

var partial = Summary{Account: "work", Protocol: "imap", Status: "partial", Mailboxes: 12, Unchanged: 10,
	Changes:     Changes{Fetched: 20, FetchedBytes: 123456, FlagsToDisk: 3, FlagsToServer: 2},
	Whereabouts: Whereabouts{OnServer: 4822, Here: 4821, Outstanding: 1},
	Commands:    14, Seconds: 1.2, Errors: []Problem{{"INBOX", 5, "fetch: server answered NO", "try again", false, ""}}}

func TestDone(t *testing.T) {
	const line = "work: partial, 20 fetched (120.6 KiB), 3 flagged here, 2 flagged on the server; " +
		"4821 messages here, 4822 on the server, 1 outstanding in 12 mailboxes; 1 problem (1.2 s)\n"
	const wrong = "mailsync: work: INBOX: uid 5: fetch: server answered NO\nmailsync: hint: try again\n"
	const object = `{"type":"account","account":"work","protocol":"imap","status":"partial","mailboxes":12,"unchanged":10,` +
		`"fetched":20,"fetched_bytes":123456,"appended":0,"flags_to_disk":3,"flags_to_server":2,"deleted_on_disk":0,` +
		`"deleted_on_server":0,"on_server":4822,"here":4821,"outstanding":1,"commands":14,"seconds":1.2,` +
		`"errors":[{"mailbox":"INBOX","uid":5,"error":"fetch: server answered NO","hint":"try again"}]}` + "\n"
	for _, c := range []struct {
		opts     Options
		silent   bool
		out, err string
	}{
		{Options{}, false, line, wrong},
		{Options{Quiet: true}, false, "", wrong},
		{Options{Quiet: true}, true, "", ""},
		{Options{JSON: true}, false, object, wrong},
		{Options{JSON: true, Quiet: true}, false, object, wrong},
	} {
		s := open(c.opts)
		p := partial
		p.Errors = []Problem{partial.Errors[0]}
		s.Account("work").Done(p, c.silent)
		s.expect(t, c.out, c.err)
	}
}

func TestSummaryLine(t *testing.T) {
	for want, s := range map[string]Summary{
		"w: nothing to do; 3 messages here in 1 mailbox (80 ms)": {Account: "w", Status: "ok", Mailboxes: 1, Whereabouts: Whereabouts{Here: 3, OnServer: 3}, Seconds: 0.08},
		"w: failed, nothing done; 2 problems (1 min 5 s)":        {Account: "w", Status: "failed", Seconds: 65, Errors: make([]Problem, 2)},
		"w: dry run, nothing to do; 1 message here, 2 on the server, 1 outstanding in 2 mailboxes (3.0 s)": {Account: "w", Status: "ok", DryRun: true,
			Mailboxes: 2, Whereabouts: Whereabouts{Here: 1, OnServer: 2, Outstanding: 1}, Seconds: 3},
		"w: 1 appended, 2 deleted here, 3 deleted on the server; 0 messages here in 1 mailbox (0 ms)": {Account: "w", Status: "ok", Mailboxes: 1,
			Changes: Changes{Appended: 1, DeletedOnDisk: 2, DeletedOnServer: 3}},
	} {
		if got := s.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A listing of every field keeps one from being left out by omitempty.
func TestJSONHasAllFieldsAlways(t *testing.T) {
	s := open(Options{JSON: true})
	s.Account("x").Done(Summary{Account: "x", Errors: []Problem{}}, false)
	var got map[string]any
	if err := json.Unmarshal(s.out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields("type account protocol status mailboxes unchanged fetched fetched_bytes appended " +
		"flags_to_disk flags_to_server deleted_on_disk deleted_on_server on_server here outstanding commands seconds errors")
	for _, f := range fields {
		if _, there := got[f]; !there {
			t.Errorf("no %q: %s", f, &s.out)
		}
	}
	if len(got) != len(fields) || fmt.Sprint(got["errors"]) != "[]" {
		t.Errorf("%d fields, want %d: %s", len(got), len(fields), &s.out)
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	s := open(Options{Quiet: true})
	s.Account("work").Done(Summary{Account: "work", Errors: make([]Problem, maxPrinted+7)}, false)
	lines := strings.Split(strings.TrimSpace(s.err.String()), "\n")
	if len(lines) != maxPrinted+1 || lines[maxPrinted] != "mailsync: work: 7 more problems not shown; --json has all of them" {
		t.Errorf("%d lines, the last is %s", len(lines), lines[len(lines)-1])
	}
}

// What the server refuses for one reason is one line, whatever it is about, and is counted.
func TestMessagesThatAreNotAppendedForOneReason(t *testing.T) {
	const full, room = `server answered NO [OVERQUOTA] "full"`, "make room there"
	var errs []Problem
	add := func(mailbox, why, hint string, n int) {
		for i := range n {
			errs = append(errs, Problem{Mailbox: mailbox, Error: fmt.Sprintf("append %q: %s", fmt.Sprint(i), why), Hint: hint, Unsent: why})
		}
	}
	add("INBOX", full, room, 30)
	add("INBOX", "it is compressed", "", 1)
	add("Sent", full, room, 2)
	errs = append(errs, Problem{Mailbox: "Sent", UID: 3, Error: full, Hint: room})
	add("Lists", "too large", "", 2)
	s := open(Options{Quiet: true})
	s.Account("work").Done(Summary{Account: "work", Errors: errs}, false)
	s.expect(t, "", `mailsync: work: 32 messages not appended (30 of INBOX, 2 of Sent): server answered NO [OVERQUOTA] "full"
mailsync: hint: make room there
mailsync: work: INBOX: append "0": it is compressed
mailsync: work: Sent: uid 3: server answered NO [OVERQUOTA] "full"
mailsync: hint: make room there
mailsync: work: Lists: 2 messages not appended: too large
`)
	js := open(Options{JSON: true})
	js.Account("work").Done(Summary{Account: "work", Errors: errs}, true)
	if n := strings.Count(js.out.String(), `"error":`); n != len(errs) {
		t.Errorf("%d of %d in JSON", n, len(errs))
	}
}

func TestServerTextIsMadeSafe(t *testing.T) {
	s := open(Options{})
	evil := "a\x1b[2J\r\nb\x00\u202ec\xff"
	s.Account("w").Note(evil, evil, evil)
	s.Account("w").Op(evil, evil)
	s.Wrong(errors.New(evil))
	s.Account("w").Done(Summary{Account: "w", Errors: []Problem{{Mailbox: evil, Error: evil, Hint: evil}}}, false)
	for _, bad := range []string{"\x1b", "\r", "\x00", "\u202e", "\xff"} {
		if strings.Contains(s.out.String()+s.err.String(), bad) {
			t.Errorf("%q came through", bad)
		}
	}
	if want := `a\x1b[2J\r; b\x00\u202ec\xff`; !strings.Contains(s.err.String(), want) {
		t.Errorf("%s is not in\n%s", want, &s.err)
	}
	if got := clean(strings.Repeat("x", 1<<20)); len(got) > maxText+10 || !strings.HasSuffix(got, "…") {
		t.Errorf("a long text is %d bytes long", len(got))
	}
}

func TestWrongGivesTheHint(t *testing.T) {
	s := open(Options{Quiet: true, JSON: true})
	s.Wrong(fmt.Errorf("outer: %w", state.Faultf(state.Usage, "inner").WithHint("do this")))
	s.expect(t, "", "mailsync: outer: inner\nmailsync: hint: do this\n")
}

func TestPrintAndNote(t *testing.T) {
	s := open(Options{})
	s.Print("%d", 1)
	s.Account("w").Note("", "text", "")
	s.expect(t, "1\n", "mailsync: w: text\n")
	for _, o := range []Options{{Quiet: true}, {JSON: true, Quiet: true}} {
		s = open(o)
		s.Print("1")
		s.Account("w").Note("", "text", "")
		s.expect(t, "", "")
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB",
		1<<20 - 1: "1.0 MiB", 3 << 29: "1.5 GiB", 1 << 62: "4096.0 PiB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 ms", 999 * time.Millisecond: "999 ms", 1200 * time.Millisecond: "1.2 s",
		12 * time.Second: "12 s", 200 * time.Second: "3 min 20 s", 125 * time.Minute: "2 h 5 min", 59900 * time.Millisecond: "1 min 0 s"} {
		if got := Seconds(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
	for text, want := range map[string]int{"INBOX": 5, "Entwürfe": 8, "日本語": 6, "e\u0301": 1, "": 0} {
		if got := Columns(text); got != want {
			t.Errorf("%q: %d columns, want %d", text, got, want)
		}
	}
}

// The proof adds up in words as well.
func TestProofInWords(t *testing.T) {
	p := Proof{Mailboxes: 4, Messages: 21, Census: Census{Here: 10, Outstanding: 1, Skipped: 2, KeptAway: 3, Accepted: 1, Excluded: 4},
		ExcludedMailboxes: 2, Uncounted: 1}
	want := "on the server 21 messages in 4 mailboxes: 10 here, 1 outstanding, 2 skipped, 3 kept away, 1 accepted, 4 in 2 mailboxes excluded (1 of them not counted)"
	if got := p.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Columns are as wide as they look, whatever the letters.
func TestTableLinesUp(t *testing.T) {
	got := strings.Join(table([][]string{{"日本", "7", "x"}, {"INBOX", "1234", ""}}, false, true), "\n")
	if want := "  日本      7  x\n  INBOX  1234"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What a server chose cannot steer a terminal from inside of a table either.
func TestTablesAreMadeSafe(t *testing.T) {
	for _, json := range []bool{false, true} {
		s := open(Options{JSON: json})
		a := s.Account("w")
		a.Mailboxes("h\x1b", []Mailbox{{Mailbox: "a\x1b[2J", Role: "\x07", Path: "p\n"}})
		a.LocalMailboxes("h", []LocalMailbox{{Mailbox: "a\x1b[2J", Path: "\x1b"}})
		a.Checks("h", []Check{{What: "x", Status: "ok", Detail: "a\x1b", Hint: "\u009b"}})
		a.Runs(Runs{Lock: &Lock{Command: "\x1b"}, Last: &LastRun{}, Quota: []Quota{{Root: "\x1b"}}})
		if text := s.out.String(); strings.ContainsAny(text, "\x1b\x07\u009b") || text == "" {
			t.Errorf("%q", text)
		}
	}
}

// What a restore did not send is counted once.
func TestNotRestoredIsNotOutstandingToo(t *testing.T) {
	s := open(Options{})
	a := s.Account("w")
	a.Restored([]Restored{{From: []string{"INBOX"}, To: "INBOX", There: 110, Refused: 79}}, true)
	a.Done(Summary{Account: "w", Status: "partial", Mailboxes: 7, Errors: make([]Problem, 1), Seconds: 1,
		Whereabouts: Whereabouts{OnServer: 174, Here: 110, Outstanding: 143, OnlyHere: 79}}, true)
	s.expect(t, "w: partial, 0 appended (0 B), 110 already there, 79 not restored; 110 messages here, 174 on the server, 64 outstanding, 79 more only here in 7 mailboxes; 1 problem (1.0 s)\n", "")
}
