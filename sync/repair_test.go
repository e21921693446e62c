package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/sync"
	"mailsync/sync/port"
	"mailsync/sync/verify"
)

// repairing is a verify that repairs, on a view of the lab's disk.
func (l *lab) repairing(fs disk.FS, step func(string) error) *verify.Verify {
	v := l.verify()
	v.Repair = func(ctx context.Context, found []port.Finding) *port.Result {
		if fs == nil {
			fs = l.disk
		}
		a := l.account(fs)
		a.Step = step
		return sync.Repair(ctx, a, found)
	}
	return v
}

// hurt is a lab in which a file is missing, one is cut, one has a flipped bit, and
// two are swapped.
func hurt(t testing.TB) *lab {
	l := filled()
	l.clean(t)
	l.clean(t)
	l.flip(t, l.uid(t, "INBOX", 4))
	l.remove(t, body(1))
	name := l.uid(t, "Archive", 3)
	l.write(t, name, l.read(t, name)[:100])
	one, two := l.uid(t, "INBOX", 1), l.uid(t, "INBOX", 5)
	b := l.read(t, one)
	l.write(t, one, l.read(t, two))
	l.write(t, two, b)
	return l
}

func (l *lab) trash(t testing.TB) []string {
	t.Helper()
	names, err := l.disk.Names(".mailsync/trash")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// whole expects that everything the server has is here, whole and once, and that nothing
// is left to do.
func (l *lab) whole(t testing.TB, want []string) {
	t.Helper()
	if got := l.bodies(t); fmt.Sprint(got) != fmt.Sprint(want) {
		for i := range got {
			got[i] = fmt.Sprintf("%.70q", got[i])
		}
		t.Fatalf("here are %d, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	l.verified(t, l.verify(), "")
}

func TestRepair(t *testing.T) {
	l := filled()
	l.clean(t)
	want := l.bodies(t)
	l = hurt(t)
	v := l.repairing(nil, nil).Run(t.Context())
	if v.Fatal != nil || len(v.Problems) > 0 || v.Wrong() > 0 || len(v.Findings) != 5 || v.Repaired.Fetched != 5 || v.Incomplete() || v.Status() != "ok" {
		t.Errorf("%s: %v %v\n%s", v.Status(), v.Fatal, v.Problems, said(v))
	}
	l.whole(t, want)
	if n := len(l.trash(t)); n != 4 {
		t.Errorf("%d files in the trash, want the 4 damaged", n)
	}
	l.clean(t)
	l.idle(t)
	l.whole(t, want)
}

// Flags that the user gave a damaged file stay.
func TestRepairKeepsFlags(t *testing.T) {
	l := filled()
	l.clean(t)
	name := l.uid(t, "INBOX", 4)
	l.move(t, name, strings.Replace(name, "/new/", "/cur/", 1)+":2,F")
	l.flip(t, l.uid(t, "INBOX", 4))
	if v := l.repairing(nil, nil).Run(t.Context()); v.Wrong() > 0 {
		t.Fatal(said(v))
	}
	if name := path.Base(l.uid(t, "INBOX", 4)); !strings.HasSuffix(name, ":2,F") {
		t.Errorf("it is %s now", name)
	}
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		if !m.Find(4).Flags[`\Flagged`] {
			t.Error("the flag did not reach the server")
		}
	})
}

// What the server does not have any more stays as it is, and is named.
func TestRepairCannotHaveIt(t *testing.T) {
	l := hurt(t)
	before := l.bodies(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(1, 2, 4, 5) })
	l.server.Drop("Archive")
	v := l.repairing(nil, nil).Run(t.Context())
	if v.Wrong() != 5 || len(v.Problems) != 4 || len(l.bodies(t)) != len(before) {
		t.Errorf("%d wrong, problems %v\n%s", v.Wrong(), v.Problems, said(v))
	}
}

// Where the server sends other bytes than it did, both stay, and that is said.
func TestRepairGetsOtherBytes(t *testing.T) {
	l := filled()
	l.clean(t)
	name := l.uid(t, "INBOX", 4)
	l.flip(t, name)
	damaged := string(l.read(t, l.uid(t, "INBOX", 4)))
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Find(4).Body = strings.Replace(m.Find(4).Body, "Text", "text", 1)
	})
	v := l.repairing(nil, nil).Run(t.Context())
	if len(v.Problems) != 1 || !strings.Contains(v.Problems[0].Err.Error(), "sends other bytes") {
		t.Errorf("problems %v", v.Problems)
	}
	all := strings.Join(l.bodies(t), "\n")
	if !strings.Contains(all, "text of 3") || !strings.Contains(all, strings.ReplaceAll(damaged, "\n", "\r\n")) {
		t.Errorf("one of both is gone:\n%s", all)
	}
}

// A repair that is cut at any step loses nothing; another one ends where an unbroken one
// does, and so does a sync in between.
func TestRepairCutAtEveryStep(t *testing.T) {
	l := hurt(t)
	l.repairing(nil, nil).Run(t.Context())
	want := l.bodies(t)
	for _, between := range []bool{false, true} {
		for n := 1; ; n += stride(t) {
			l := hurt(t)
			step, reached := cutAt(n)
			l.repairing(nil, step).Run(t.Context())
			if between {
				l.policy.Refetch = true // what is missing and was not in doubt yet looks as if the user removed it
				l.clean(t)
				l.clean(t)
			}
			l.repairing(nil, nil).Run(t.Context())
			l.clean(t) // it fetches what is outstanding already
			l.whole(t, want)
			if !reached() {
				break
			}
		}
	}
}

// The same with a power cut at every file operation.
func TestRepairPowerLoss(t *testing.T) {
	l := hurt(t)
	l.repairing(nil, nil).Run(t.Context())
	want := l.bodies(t)
	for n := 1; ; n += 3 * stride(t) {
		l := hurt(t)
		cut := disktest.CutAt(l.disk, n)
		l.repairing(cut, nil).Run(t.Context())
		if cut.Changes() < n {
			break
		}
		l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 7)))
		l.disk.Wait(t.Context(), time.Hour)
		l.repairing(nil, nil).Run(t.Context())
		l.clean(t)
		l.whole(t, want)
	}
}
