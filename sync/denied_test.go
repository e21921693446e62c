package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A flag that a mailbox does not let this user change is no failure: it is said once, stays as it is on both
// sides, is not sent again, and travels once the mailbox takes it.
func TestFlagDenied(t *testing.T) {
	l := filled()
	l.clean(t)
	said := &notes{}
	l.change = func(a *port.Account) { a.Watch = said }
	l.server.Denies = []string{`\Flagged`}
	l.rename(t, "number 1\r", "FS")
	l.clean(t)
	l.clean(t)
	l.idle(t)
	if len(unset(said)) != 1 || !strings.Contains(unset(said)[0], `\Flagged`) {
		t.Errorf("it said %q", unset(said))
	}
	if got, want := l.serverFlags("INBOX", 2), []string{`\Seen`}; !slices.Equal(got, want) {
		t.Errorf("on the server %v, want %v", got, want)
	}
	v := l.verify()
	v.Server = l.server
	if got := l.verified(t, v, ""); fmt.Sprint(got.Unsettable) != "[{INBOX live [2]}]" || got.Incomplete() || got.Wrong() != 0 || got.Status() != "ok" {
		t.Errorf("%s: %v", got.Status(), got.Unsettable)
	}
	n := l.stores()
	l.rename(t, "number 2\r", "F")
	l.clean(t)
	l.clean(t)
	if *n != 0 {
		t.Errorf("stored %d times what is denied", *n)
	}
	// Both go once anything of the mailbox is looked at after its rights changed.
	l.server.Denies = nil
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(4, `\Draft`, true) })
	l.clean(t)
	l.clean(t)
	l.idle(t)
	for _, uid := range []state.UID{2, 3} {
		if got := l.serverFlags("INBOX", uid); !slices.Contains(got, `\Flagged`) {
			t.Errorf("UID %d has %v by now", uid, got)
		}
	}
	if len(unset(said)) != 1 {
		t.Errorf("it said %q", unset(said))
	}
}

// What cannot be set was not agreed on: what the server does with the flag later counts as its change.
func TestFlagDeniedAndChangedThere(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Denies = []string{`\Flagged`}
	l.rename(t, "number 1\r", "FS")
	l.clean(t)
	onDisk := func(want string) {
		t.Helper()
		l.clean(t)
		for _, f := range l.files(t) {
			if f.box == "INBOX" && f.body == body(1) && f.flags != want {
				t.Errorf("on disk %v, want %q", f, want)
			}
		}
	}
	onDisk("FS")
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(2, `\Flagged`, true) })
	onDisk("FS")
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(2, `\Flagged`, false) })
	onDisk("S")
}

// A second flag that the mailbox, opened as for changes, is seen not to keep is remembered and said as well,
// without a try.
func TestAnotherFlagDenied(t *testing.T) {
	l := filled()
	l.clean(t)
	said := &notes{}
	l.change = func(a *port.Account) { a.Watch = said }
	l.server.Denies = []string{`\Flagged`, `\Answered`}
	l.rename(t, "number 1\r", "FS")
	l.clean(t)
	n := l.stores()
	l.rename(t, "number 2\r", "R")
	l.clean(t)
	l.clean(t)
	l.idle(t)
	if *n != 0 || len(unset(said)) != 2 || !strings.Contains(unset(said)[1], `\Answered`) {
		t.Errorf("%d stores, it said %q", *n, unset(said))
	}
	v := l.verify()
	v.Server = l.server
	l.verified(t, v, "")
}

// A message whose keyword the server refuses goes without it, which is said; the file keeps it, and so do both sides.
func TestAppendWithoutADeniedKeyword(t *testing.T) {
	l := filled()
	l.policy.Append = true
	l.clean(t)
	said := &notes{}
	l.change = func(a *port.Account) { a.Watch = said }
	l.server.Denies = []string{"$Forwarded", `\Seen`}
	l.drop(t, "INBOX/cur/1500000000.M1P3.host:2,FPS", "Subject: mine\n\nhello\n")
	for range 4 {
		l.clean(t)
	}
	l.idle(t)
	if got, want := l.serverFlags("INBOX", 10), []string{`\Flagged`}; !slices.Equal(got, want) {
		t.Errorf("on the server %v, want %v", got, want)
	}
	n := 0
	for _, f := range l.files(t) {
		if f.box == "INBOX" && strings.Contains(f.body, "mine") {
			if n++; f.flags != "FPS" {
				t.Errorf("on disk %v", f)
			}
		}
	}
	if n != 1 || !slices.Contains(said.said, "1 appended without keywords that the server refuses: $Forwarded") || len(unset(said)) != 1 {
		t.Errorf("%d files, it said %q", n, said.said)
	}
}

// unset is what was said of flags that are cannot be set.
func unset(n *notes) (said []string) {
	for _, text := range n.said {
		if strings.Contains(text, "cannot be set") {
			said = append(said, text)
		}
	}
	return said
}

func TestUntried(t *testing.T) {
	g := &state.Generation{Unsettable: state.Seen | state.Flagged | state.Draft, Denied: state.Seen | state.Flagged}
	examined := &state.ServerSnapshot{ReadOnly: true, Permanent: state.System}
	opened := &state.ServerSnapshot{Permanent: state.Seen | state.Draft}
	for _, c := range []struct {
		name string
		sn   *state.ServerSnapshot
		full bool
		want state.Flags
	}{
		{"not looked at", nil, false, g.Unsettable},
		{"opened to be read", examined, false, g.Unsettable},
		{"opened as for changes", opened, false, state.Flagged | state.Draft},
		{"read-only", &state.ServerSnapshot{}, false, g.Unsettable},
		{"everything is compared", examined, true, 0},
	} {
		if got := plan.Untried(g, c.sn, c.full); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
