package sync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// A restore that is stopped in its last mailbox is not complete.
func TestRestoreStoppedInItsLastMailbox(t *testing.T) {
	l, _ := shipped(t)
	l.server.Change("Lists/Go", func(m *mem.Mailbox) {
		for n := range 150 {
			m.Add(body(500+n), 1600000500+int64(n))
		}
	})
	l.clean(t)
	p := newPort(l)
	stop, closed := make(chan struct{}), false
	p.change = func(r *restore.Restore) { r.Stop, r.Connections = stop, 1 }
	r := p.restore(t, func(s string) error {
		if strings.HasPrefix(s, "append") && strings.Contains(s, "Lists/Go") && !closed {
			closed = true
			close(stop)
		}
		return nil
	})
	if !r.Stopped {
		t.Errorf("appended %d, outstanding %d, status %s, and it is not reported as stopped", r.Appended, r.Outstanding, r.Status())
	}
}

// A mailbox that is renamed and numbered anew (MAILBOXID is the same) keeps its files, also beside a new one.
func TestRenamedAndNumberedAnewBesideANewMailbox(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		l := tall(true)
		l.clean(t)
		before := len(l.files(t))
		l.server.Rename("Archive/2024", "Past")
		l.server.Change("Past", func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+100, 5) })
		if fresh {
			l.server.Create("Fresh")
		}
		if r := l.clean(t); r.Fetched != 0 || len(l.files(t)) != before {
			t.Errorf("fresh=%v: fetched %d, files %d before %d", fresh, r.Fetched, len(l.files(t)), before)
		}
	}
}

// scans stops the run after so many messages were listed.
type scans struct {
	port.Server
	left int
	stop chan struct{}
}

func (s *scans) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	sn, err := s.Server.Scan(ctx, req)
	if err == nil {
		before := s.left
		if s.left -= len(sn.Messages); s.left < 0 && before >= 0 {
			close(s.stop)
		}
	}
	return sn, err
}

func fourBoxes() *lab {
	l := newLab()
	for i := range 4 {
		raw := fmt.Sprintf("Box%d", i)
		l.server.Create(raw)
		l.server.Change(raw, func(m *mem.Mailbox) {
			for n := range 40 {
				m.Add(body(100*i+n), 1600000000+int64(100*i+n), "$label1")
			}
		})
	}
	return l
}

func (l *lab) stopped() *port.Result {
	stop := make(chan struct{})
	l.change = func(a *port.Account) {
		a.Server, a.Stop, a.Connections = &scans{a.Server, 100, stop}, stop, 1
	}
	return l.run(nil, nil)
}

// Runs whose time is shorter than a first listing of everything still come to an end.
func TestRunsThatAreStoppedGetFurther(t *testing.T) {
	l := fourBoxes()
	for range 8 {
		if l.stopped().Status() == "ok" {
			return
		}
	}
	t.Error("eight runs, and nothing was fetched")
}

// What was looked at and not claimed is not settled.
func TestStoppedWithoutState(t *testing.T) {
	l := fourBoxes()
	l.clean(t)
	l.base = mem.NewBase()
	if r := l.stopped(); len(r.Problems) > 0 {
		t.Error(r.Problems)
	}
}

type noIdents struct{ port.Server }

func (noIdents) Idents(context.Context, string, uint32, []state.UID) ([]state.Ident, error) {
	return nil, errors.New("no idents today")
}

func TestFailureBetweenLookAndClaim(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+100, 5); m.Flag(m.Messages[0].UID, "$brandnew", true) })
	l.change = func(a *port.Account) { a.Server = noIdents{a.Server} }
	if r := l.run(nil, nil); len(r.Problems) != 1 {
		t.Error(r.Problems)
	}
}

// A renamed mailbox that cannot be scanned, and is renamed once more, is followed.
func TestRenamedTwiceWithAFailureBetween(t *testing.T) {
	l := tall(true)
	l.clean(t)
	l.server.Rename("Archive/2024", "Past")
	var was uint32
	l.server.Change("Past", func(m *mem.Mailbox) { was, m.UIDValidity = m.UIDValidity, 0 })
	l.run(nil, nil)
	l.server.Rename("Past", "Further")
	l.server.Change("Further", func(m *mem.Mailbox) { m.UIDValidity = was })
	if r := l.run(nil, nil); r.Status() != "ok" {
		t.Error(r.Problems)
	}
}

type noMaildirs struct{ port.Tree }

func (noMaildirs) Create(string, state.Marker) (port.Maildir, error) {
	return nil, state.Faultf(state.Storage, "the Maildir is another program's, and stays as it is")
}

// A repair beside a mailbox whose Maildir cannot be made ends with that mailbox's failure.
func TestRepairBesideAMaildirThatCannotBeMade(t *testing.T) {
	l := filled()
	l.clean(t)
	l.server.Create("Fresh")
	a := l.account(l.disk)
	a.Tree = noMaildirs{a.Tree}
	r := sync.Repair(t.Context(), a, []port.Finding{{Raw: "Fresh", Path: "Fresh", Fault: port.NotHere, Id: port.Identity{UID: 1}}})
	if len(r.Problems) == 0 || r.Fatal != nil {
		t.Errorf("%v %v", r.Problems, r.Fatal)
	}
}

type dying struct {
	port.Server
	left int
}

func (s *dying) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	if s.left--; s.left < 0 {
		return nil, state.Faultf(state.Unreachable, "gone")
	}
	return s.Server.Scan(ctx, req)
}

// What was listed before the server was gone is not listed once more in full.
func TestOutageKeepsWhatWasListed(t *testing.T) {
	l := fourBoxes()
	var base port.Base
	l.change = func(a *port.Account) {
		a.Connections = 1
		a.Server = &dying{a.Server, 3}
		base = a.Base
	}
	l.run(nil, nil)
	if rows, err := base.Mailboxes(t.Context()); err != nil || len(rows) == 0 {
		t.Errorf("nothing of three listings was kept")
	}
}

type stopping struct {
	port.Server
	after int
	stop  chan struct{}
}

func (s *stopping) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	sn, err := s.Server.Scan(ctx, req)
	if s.after--; s.after == 0 {
		close(s.stop)
	}
	return sn, err
}

// What was listed before --max-time was up is not listed once more in full.
func TestStopKeepsWhatWasListed(t *testing.T) {
	l := fourBoxes()
	var base port.Base
	l.change = func(a *port.Account) {
		stop := make(chan struct{})
		a.Stop, a.Connections = stop, 1
		a.Server, base = &stopping{Server: a.Server, after: 3, stop: stop}, a.Base
	}
	l.run(nil, nil)
	if rows, err := base.Mailboxes(t.Context()); err != nil || len(rows) == 0 {
		t.Errorf("nothing of three listings was kept")
	}
}
