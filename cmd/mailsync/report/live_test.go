package report

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a report on a terminal of so many columns. Its progress is drawn by the test alone.
type watched struct {
	*Report
	*vt
}

func terminal(columns int) *watched {
	w := &watched{vt: newVT(columns)}
	w.Report = New(Options{Out: w.vt, Err: w.vt})
	w.opts.Terminal = func() (int, int) { return w.columns, 24 }
	w.live.stop = make(chan struct{})
	return w
}

func (w *watched) expect(t *testing.T, want string) {
	t.Helper()
	if got := w.vt.String(); got != want {
		t.Errorf("the terminal shows\n%s\nwant\n%s", got, want)
	}
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// at is so many seconds after noon.
func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func TestProgressOfOneAccount(t *testing.T) {
	w := terminal(100)
	a := w.Account("work")
	step := func(seconds float64, want string) {
		t.Helper()
		w.draw(at(seconds))
		w.expect(t, want)
	}
	step(0, "work: connecting")
	step(7, "work: connecting for 7 s")
	a.Listed(3)
	a.Doing("scanning", "")
	a.Mailbox("INBOX", false)
	step(8, "work: 0 of 3 mailboxes, scanning INBOX")
	a.Mailbox("Archive/2024", false)
	a.Mailbox("INBOX", true)
	step(9, "work: 1 of 3 mailboxes, scanning Archive/2024")
	a.Mailbox("Archive/2024", true)
	a.Planned(10, 10<<20)
	a.Doing("fetching", "INBOX")
	step(30, "  0% work: 0.00 of 10.0 MiB, 0 of 10 messages, fetching INBOX")
	a.Arrived(0, 1<<20)
	step(30.2, " 10% work: 1.00 of 10.0 MiB, 0 of 10 messages, fetching INBOX")
	a.Arrived(2, 1<<20)
	step(32, " 20% work: 2.00 of 10.0 MiB, 2 of 10 messages, 1.0 MiB/s, 8 s left, fetching INBOX")
	step(38, " 20% work: 2.00 of 10.0 MiB, 2 of 10 messages, nothing for 6 s, fetching INBOX")
	a.Arrived(8, 8<<20)
	a.Doing("changing flags", "")
	step(40, "100% work: 10.00 of 10.0 MiB, 10 of 10 messages, changing flags")
	a.Done(Summary{Account: "work", Status: "ok", Seconds: 40}, false)
	step(41, "work: nothing to do (40 s)")
}

// Several accounts have a line each and one in all. One that hangs says so, and then nobody knows the end.
func TestProgressOfAccounts(t *testing.T) {
	w := terminal(110)
	w.Expect(3)
	work, home := w.Account("work"), w.Account("home")
	work.Planned(10, 20<<20)
	home.Planned(100, 20<<20)
	w.draw(at(0))
	for s := range 10 {
		work.Arrived(0, 1<<20)
		if s < 4 {
			home.Arrived(0, 1<<20)
		}
		w.draw(at(float64(s + 1)))
	}
	w.expect(t, ""+
		" 50% work: 10.00 of 20.0 MiB, 0 of 10 messages, 1.0 MiB/s, 10 s left, connecting\n"+
		" 20% home: 4.00 of 20.0 MiB, 0 of 100 messages, nothing for 6 s, connecting\n"+
		"     all: 14.00 of 40.0 MiB, 0 of 110 messages, 1.4 MiB/s, 0 of 3 accounts done")
	w.Account("third").Planned(0, 0)
	home.Arrived(0, 1<<20)
	w.draw(at(11.5))
	w.draw(at(12.6))
	last := w.String()[strings.LastIndex(w.String(), "\n")+1:]
	if !strings.HasPrefix(last, " 37% all: 15.00 of 40.0 MiB, 0 of 110 messages, ") || !strings.Contains(last, " left, 0 of 3 accounts done") {
		t.Errorf("all: %q", last)
	}
	work.Done(Summary{Account: "work", Status: "ok"}, true)
	w.draw(at(13))
	if got := w.String(); strings.Count(got, "\n") != 3 || !strings.HasPrefix(got, "work: nothing to do") || !strings.Contains(got, "1 of 3 accounts done") {
		t.Errorf("after one is done\n%s", got)
	}
}

func TestOutputIsAboveTheProgress(t *testing.T) {
	w := terminal(80)
	a, b := w.Account("work"), w.Account("home")
	w.draw(noon)
	a.Note("INBOX", "look", "")
	w.draw(noon)
	_, _ = w.Log().Write([]byte("level=INFO msg=x\n"))
	w.draw(noon)
	w.expect(t, "mailsync: work: INBOX: look\nlevel=INFO msg=x\nwork: connecting\nhome: connecting\nall: 0 of 2 accounts done")
	for _, account := range []*Account{a, b} {
		account.Done(Summary{Account: account.name, Status: "ok"}, true)
		w.draw(noon)
	}
	if got := w.String(); strings.Count(got, "\n") != 3 || strings.Contains(got, "connecting") || strings.Contains(got, "all:") {
		t.Errorf("at the end the terminal shows\n%s", got)
	}
}

// Whatever the width, a line keeps to it, and what matters most stays.
func TestProgressFits(t *testing.T) {
	full := func(name string) *watched {
		w := terminal(200)
		a := w.Account(name)
		a.Planned(456789, 33<<30)
		w.draw(at(0))
		a.Arrived(123456, 10<<30)
		a.Doing("fetching", "Archive/2024/日本語のメーリングリスト")
		w.draw(at(1))
		w.draw(at(2))
		return w
	}
	for _, c := range []struct {
		columns int
		name    string
		want    string
	}{
		{200, "work", " 30% work: 10240.00 MiB of 33.0 GiB, 123456 of 456789 messages, 5.0 GiB/s, 5 s left, fetching Archive/2024/日本語のメーリングリスト"},
		{80, "work", " 30% work: 10240.00 MiB of 33.0 GiB, 123456/456789 msgs, 5.0 GiB/s, 5 s left"},
		{80, "the-account-of-my-aunt", " 30% the-account…: 10240.00 MiB of 33.0 GiB, 123456/456789 msgs, 5 s left"},
		{40, "work", " 30% work: 10.0 of 33.0 GiB, 5 s left"},
		{40, "日本語の長い名前", " 30% 日本…: 10.0 of 33.0 GiB, 5 s left"},
		{20, "work", " 30% work: 5 s left"},
		{12, "work", " 30% work:"},
		{6, "work", " 30%…"},
	} {
		w := full(c.name)
		w.Report.wipe()
		w.vt = newVT(c.columns)
		w.opts.Err = w.vt
		w.draw(at(2.5))
		w.expect(t, c.want)
	}
	l := line{percent: 2, who: "work", tally: tally{true, 150, 6 << 20, 3, 157_000}, speed: "92.1 KiB/s", left: "1 min 3 s left", soon: roughly(63 * time.Second), in: "INBOX"}
	if got, want := l.fit(39, true), "  2% work: 0.1 of 6.0 MiB, 1 min left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for columns := range 120 {
		l := line{percent: 30, who: "日本語-and-more", tally: tally{true, 456789, 33 << 30, 123456, 10 << 30}, speed: "1.0 MiB/s", left: "3 h left", doing: "fetching", in: "日本語のメーリングリスト"}
		if got := l.fit(columns, true); Columns(got) > columns {
			t.Errorf("%d columns: %q takes %d", columns, got, Columns(got))
		}
	}
}

// A terminal that becomes narrower breaks the lines anew: nothing of them may stay.
func TestProgressSurvivesResizing(t *testing.T) {
	w := terminal(100)
	for _, name := range []string{"work", "home"} {
		a := w.Account(name)
		a.Planned(1000, 5<<30)
		a.Doing("fetching", "a mailbox with a name that is as long as it can be")
	}
	w.Print("before")
	for i, columns := range []int{100, 50, 23, 90, 30, 120} {
		w.columns = columns
		w.draw(at(float64(i)))
		got := w.String()
		if strings.Count(got, "work") != 1 || strings.Count(got, "all:") != 1 || !strings.HasPrefix(got, "before\n") {
			t.Errorf("%d columns:\n%s", columns, got)
		}
	}
	w.columns = 20
	w.Report.wipe()
	w.expect(t, "before")
}

// A terminal of few lines shows what all do together, one without columns nothing.
func TestProgressOnTinyTerminals(t *testing.T) {
	for lines, want := range map[int]string{24: "work: connecting\nhome: connecting\nall: 0 of 2 accounts done", 2: "all: 0 of 2 accounts done", 1: "", 0: ""} {
		w := terminal(80)
		w.opts.Terminal = func() (int, int) { return 80, lines }
		w.Account("work")
		w.Account("home")
		w.draw(noon)
		w.expect(t, want)
	}
	w := terminal(80)
	w.opts.Terminal = func() (int, int) { return 0, 24 }
	w.Account("work")
	w.draw(noon)
	w.expect(t, "")
}

// What ends at once shows no progress; later there is some, and Close leaves nothing behind.
func TestProgressWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			takes time.Duration
			want  string
		}{{290 * time.Millisecond, ""}, {310 * time.Millisecond, "work: connecting"}} {
			w := &watched{vt: newVT(80)}
			w.Report = New(Options{Out: w.vt, Err: w.vt, Terminal: func() (int, int) { return 80, 24 }})
			w.Account("work")
			time.Sleep(c.takes)
			synctest.Wait()
			w.expect(t, c.want)
			w.Close()
			w.Close()
			w.expect(t, "")
		}
	})
}

func TestNoProgressWithoutTerminalOrWhenQuiet(t *testing.T) {
	for _, o := range []Options{{}, {Quiet: true, Terminal: func() (int, int) { return 80, 24 }}} {
		s := open(o)
		s.Account("work")
		s.draw(noon)
		s.Close()
		s.expect(t, "", "")
	}
}
