package maildir_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// bodies of every kind: LF form, raw from the start, and raw after the first chunk.
var bodies = []string{
	1: "Subject: one\r\n\r\nplain\r\n",
	2: "Subject: two\r\n\r\nbare\nLF\r\n",
	3: strings.Repeat("a long line of text\r\n", 13_200) + "\n",
	4: "no line end at all",
}

// work is what a run does with a Maildir, up to the first error. It returns the UIDs
// that were durable by then.
func work(t testing.TB, m *disktest.Mem, fs disk.FS) (durable []state.UID) {
	md, err := maildir.Open(fs, maildir.Options{Now: m.Now, Wait: m.Wait}).Create("INBOX", marker("INBOX"))
	if err != nil {
		return nil
	}
	if err := md.Tidy(); err != nil {
		return nil
	}
	var pending []state.UID
	for uid := state.UID(1); int(uid) < len(bodies); uid++ {
		in := incoming(uid, state.Flags(uid%2)*state.Seen, bodies[uid])
		got, err := md.Receive(in, strings.NewReader(bodies[uid]))
		if err != nil {
			return durable
		}
		place, err := md.Publish(got, &state.Keywords{})
		if err != nil {
			return durable
		}
		if uid == 1 {
			if place, err = md.Flag(place.Name, state.Flagged, state.Flagged, &state.Keywords{}); err != nil {
				return durable
			}
			if md.Sync() != nil {
				return durable
			}
			durable = append(durable, uid)
			if place, err = md.Flag(place.Name, state.Answered, state.Answered|state.Flagged, &state.Keywords{}); err != nil || place.Name == "" {
				return durable
			}
			continue
		}
		pending = append(pending, uid)
	}
	if md.Sync() != nil {
		return durable
	}
	return append(durable, pending...)
}

// whole checks what is left: each durable message is there, and every file under a final
// name holds the whole message that its identity stands for.
func whole(t testing.TB, m *disktest.Mem, durable []state.UID) error {
	md, err := maildir.Open(m, maildir.Options{Now: m.Now, Wait: m.Wait}).Open("INBOX")
	if err != nil {
		if len(durable) == 0 {
			return nil
		}
		return err
	}
	if _, err := md.Marker(); err != nil && len(durable) > 0 {
		return err
	}
	s, err := md.Scan(context.Background(), token, durable, &state.Keywords{})
	if err != nil {
		return err
	}
	there := map[state.UID]bool{}
	for _, f := range s.Messages {
		there[f.UID] = true
		name := s.NameAt(f.Name)
		r, err := md.Body(name, state.FormUnknown)
		if err != nil {
			return err
		}
		if got := readAll(t, r); got != bodies[f.UID] {
			return fmt.Errorf("%s holds %d octets, want %d", name, len(got), len(bodies[f.UID]))
		}
	}
	for _, uid := range durable {
		if !there[uid] {
			return fmt.Errorf("message %d is gone", uid)
		}
	}
	if len(s.Foreign) > 0 {
		return fmt.Errorf("foreign files: %+v", s.Foreign)
	}
	return nil
}

// The power is cut at every change of the disk, and what was not synced is lost in
// part, in several ways.
func TestCutAtEveryCall(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for _, opts := range []disktest.MemOptions{{}, {Torn: true}, {NoRefuse: true}, {NoRefuse: true, NoLinks: true}} {
		counted := disktest.NewMem(opts)
		all := disktest.CutAt(counted, 0)
		if got := work(t, counted, all); len(got) != len(bodies)-1 {
			t.Fatalf("without a cut %v are durable", got)
		}
		for cut := 1; cut <= all.Changes()+1; cut++ {
			for seed := range uint64(4) {
				m := disktest.NewMem(opts)
				view := disktest.CutAt(m, cut)
				durable := work(t, m, view)
				after := m.Crash(rand.New(rand.NewPCG(seed, uint64(cut))))
				if err := whole(t, after, durable); err != nil {
					t.Fatalf("cut at %d (%s), seed %d, durable %v: %v", cut, last(view.Log()), seed, durable, err)
				}
				// The next run finishes what this one began, and leaves nothing behind.
				if got := work(t, after, after); len(got) != len(bodies)-1 {
					t.Fatalf("cut at %d (%s), seed %d: the next run got %v", cut, last(view.Log()), seed, got)
				}
				if left := names(t, after, "INBOX/tmp"); len(left) > 0 {
					t.Fatalf("cut at %d, seed %d: left in tmp: %v", cut, seed, left)
				}
			}
		}
	}
}

func last(log []string) string {
	if len(log) == 0 {
		return "-"
	}
	return log[len(log)-1]
}

// One call fails, each in turn: what was reported as durable survives even a crash right
// after, and nothing partial lies under a final name.
func TestFailAtEveryCall(t *testing.T) {
	broken := errors.New("input/output error")
	counted := disktest.NewMem(disktest.MemOptions{})
	all := disktest.FailAt(counted, 0, nil)
	work(t, counted, all)
	for n := 1; n <= all.Calls(); n++ {
		m := disktest.NewMem(disktest.MemOptions{})
		view := disktest.FailAt(m, n, broken)
		durable := work(t, m, view)
		if err := whole(t, m, durable); err != nil {
			t.Fatalf("call %d (%s): %v", n, view.Log()[n-1], err)
		}
		after := m.Crash(rand.New(rand.NewPCG(1, uint64(n))))
		if err := whole(t, after, durable); err != nil {
			t.Fatalf("call %d (%s), then a crash: %v", n, view.Log()[n-1], err)
		}
	}
}

// An fsync or a close that fails voids the file: it is removed, never synced again.
func TestFailedSyncVoidsTheFile(t *testing.T) {
	for _, op := range []string{"sync INBOX/tmp/", "close INBOX/tmp/", "write INBOX/tmp/", "chtimes INBOX/tmp/"} {
		m, _ := memTree(t)
		broken := errors.New("input/output error")
		syncs := 0
		view := disktest.FailWhen(m, func(_ int, call string) error {
			if strings.HasPrefix(call, "sync ") {
				syncs++
			}
			if strings.HasPrefix(call, op) {
				return broken
			}
			return nil
		})
		md := open(t, m, view)
		if _, err := md.Receive(incoming(1, 0, bodies[1]), strings.NewReader(bodies[1])); !errors.Is(err, broken) {
			t.Errorf("%s fails: %v", op, err)
		}
		if left := names(t, m, "INBOX/tmp"); len(left) > 0 {
			t.Errorf("%s fails: left in tmp: %v", op, left)
		}
		if syncs > 1 {
			t.Errorf("%s fails: synced %d times", op, syncs)
		}
	}
}

// What is not removed from tmp/ when its message has its place is removed by the next Sync, which
// fails as long as it stays: a Maildir in which nothing happens any more is not tidied.
func TestWhatStaysInTmpIsRemovedBySync(t *testing.T) {
	m := disktest.NewMem(disktest.MemOptions{NoRefuse: true}) // a file has two names for a moment
	create(t, m, m)
	broken := errors.New("input/output error")
	fails := 2
	view := disktest.FailWhen(m, func(_ int, call string) error {
		if strings.HasPrefix(call, "remove INBOX/tmp/") && fails > 0 {
			fails--
			return broken
		}
		return nil
	})
	md := open(t, m, view)
	deliver(t, md, 1, 0, bodies[1])
	if err := md.Sync(); !errors.Is(err, broken) {
		t.Errorf("sync: %v, and in tmp are %v", err, names(t, m, "INBOX/tmp"))
	}
	if err := md.Sync(); err != nil {
		t.Errorf("sync: %v", err)
	}
	if left := names(t, m, "INBOX/tmp"); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
}

func TestFailedFolderSyncFailsForGood(t *testing.T) {
	m, _ := memTree(t)
	broken := errors.New("input/output error")
	fail := true
	view := disktest.FailWhen(m, func(_ int, call string) error {
		if fail && strings.HasPrefix(call, "syncdir INBOX/cur") {
			return broken
		}
		return nil
	})
	md := open(t, m, view)
	deliver(t, md, 1, state.Seen, bodies[1])
	for range 2 {
		if err := md.Sync(); !errors.Is(err, broken) {
			t.Fatalf("sync: %v, want the error of the folder", err)
		}
		fail = false
	}
}

func TestFullDiskIsAStorageFault(t *testing.T) {
	m := disktest.NewMem(disktest.MemOptions{Capacity: 4096})
	md := create(t, m, m)
	_, err := md.Receive(incoming(3, 0, bodies[3]), strings.NewReader(bodies[3]))
	if state.KindOf(err) != state.Storage || state.HintOf(err) == "" {
		t.Errorf("full disk: %v (kind %d, hint %q)", err, state.KindOf(err), state.HintOf(err))
	}
	if left := names(t, m, "INBOX/tmp"); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
}

// A file that a user copied back may never have been synced: what Publish finds equal
// is durable after the next Sync like one of ours.
func TestWhatPublishFindsIsMadeDurable(t *testing.T) {
	for seed := range uint64(16) {
		m, first := memTree(t)
		name := deliver(t, first, 1, state.Seen, bodies[1])
		body := contents(t, m, "INBOX/"+name)
		if err := m.Remove("INBOX/" + name); err != nil {
			t.Fatal(err)
		}
		if err := (outside{m}).Write("INBOX/"+name, []byte(body)); err != nil {
			t.Fatal(err)
		}
		md := open(t, m, m)
		if got := deliver(t, md, 1, state.Seen, bodies[1]); got != name {
			t.Fatalf("published as %q, want %q", got, name)
		}
		if err := md.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := whole(t, m.Crash(rand.New(rand.NewPCG(seed, 5))), []state.UID{1}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
