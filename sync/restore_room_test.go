package sync_test

import (
	"strings"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// The quota of the server is looked at before anything is sent or made there: what has no room is one failure, that says
// how much is needed and left, and with more room all is sent. What is sent was announced to who looks on in full.
func TestRestoreLooksAtTheQuota(t *testing.T) {
	l, want := shipped(t)
	p, look := newPort(l), &adding{mu: newMutex()}
	p.server.Quotas = []state.Quota{{Root: "", Used: 9000, Limit: 9100}}
	dry, nothing := false, spell(p.server, labBoxes...)
	p.change = func(r *restore.Restore) { r.DryRun, r.Watch = dry, &foretold{adding: adding{mu: newMutex()}} }
	refused := func(r *restore.Restoration, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), " are to be sent (12 messages), and the server's quota has 100 B left of 8.9 KiB; nothing was sent") ||
			state.HintOf(err) == "" || spell(p.server, labBoxes...) != nothing {
			t.Errorf("%v; there is\n%s", err, spell(p.server, labBoxes...))
		}
	}
	r := p.restore(t, nil)
	if refused(r, r.Fatal); r.Appended != 0 || r.Outstanding != 12 {
		t.Errorf("%d appended, %d outstanding", r.Appended, r.Outstanding)
	}
	dry = true
	if r = p.restore(t, nil); r.Fatal != nil || len(r.Problems) != 1 || r.Appended != 12 {
		t.Fatalf("dry run: %v, %v, %d would be appended", r.Fatal, r.Problems, r.Appended)
	}
	refused(r, r.Problems[0].Err)
	p.server.Quotas[0].Limit = 1 << 20
	p.change = func(r *restore.Restore) { r.Watch = look }
	ok(t, p.restore(t, nil), 12, 0)
	p.whole(t, want)
	if look.planned.messages != 12 || look.planned != look.arrived || look.most != (tally{}) {
		t.Errorf("planned %v, arrived %v, %v more than planned at some time", look.planned, look.arrived, look.most)
	}
}

// So it is in a restore to the account's own server.
func TestRestoreHomeLooksAtTheQuota(t *testing.T) {
	l := lost(t, false)
	look := &adding{mu: newMutex()}
	l.server.Quotas = []state.Quota{{Used: 9000, Limit: 9100}}
	l.change = func(a *port.Account) { a.Watch = look }
	before := spell(l.server, labBoxes...)
	r := l.home(nil, nil)
	if r.Fatal == nil || state.HintOf(r.Fatal) == "" || r.Appended != 0 || r.Outstanding != 5 || spell(l.server, labBoxes...) != before {
		t.Fatalf("%v; %d appended, %d outstanding", r.Fatal, r.Appended, r.Outstanding)
	}
	l.server.Quotas = nil // it does not know
	if r := l.home(nil, nil); r.Fatal != nil || r.Appended != 5 {
		t.Fatalf("%v, %d appended", r.Fatal, r.Appended)
	}
	if look.planned.messages != 5 || look.planned != look.arrived || look.most != (tally{}) {
		t.Errorf("planned %v, arrived %v, %v more than planned at some time", look.planned, look.arrived, look.most)
	}
}

// Where mailboxes are labels, a message in several of them takes its room once: what they hold together is no reason to refuse.
func TestRestoreToLabelsIsNotRefusedForTheQuota(t *testing.T) {
	l, want := shipped(t)
	p := newPort(l)
	p.server.Labels = true
	p.server.Quotas = []state.Quota{{Used: 9000, Limit: 9100}}
	ok(t, p.restore(t, nil), 12, 0)
	p.whole(t, want)

	l = lost(t, false)
	l.server.Labels = true
	l.server.Quotas = []state.Quota{{Used: 9000, Limit: 9100}}
	if r := l.home(nil, nil); r.Fatal != nil || r.Appended != 5 {
		t.Errorf("to its own server: %v, %d appended", r.Fatal, r.Appended)
	}
}
