package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
)

// Reading runs the suite for what any sync.Server does for a run that only fetches and
// deletes, POP3 too. open returns an account whose INBOX holds messages with these bodies, another
// account each time.
func Reading(t *testing.T, open func(t *testing.T, bodies []string) port.Server) {
	tests := []struct {
		name string
		run  func(r *reader)
	}{
		{"INBOX is listed", readList},
		{"a scan shows each message once", readScan},
		{"there is no other mailbox", readNowhere},
		{"bodies come as they are", readBodies},
		{"what is not there does not come, and what is does", readMissing},
		{"nothing comes in another generation", readRenumbered},
		{"where nothing is wanted nothing comes", readNothing},
		{"a run that is called off ends", readCancelled},
		{"what is expunged is gone, and nothing else", readExpunge},
		{"closing twice is closing", readClose},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &reader{T: t}
			for i := range 7 {
				r.bodies = append(r.bodies, fmt.Sprintf("From: ada@example.org\r\nSubject: number %d\r\n\r\n%s.\r\n..\r\n", i, strings.Repeat("A line.\r\n", i*i*500)))
			}
			r.s = open(t, r.bodies)
			defer r.s.Close()
			test.run(r)
		})
	}
}

// reader is an account in a test, and the work of its fetches.
type reader struct {
	*testing.T
	s      port.Server
	bodies []string

	mu    gosync.Mutex
	items []state.Item
	got   map[state.UID]string
	done  map[int]int // by item: how often it ended
	errs  []error
}

func (r *reader) scan() *state.ServerSnapshot {
	r.Helper()
	sn, err := r.s.Scan(r.Context(), state.ScanRequest{Raw: "INBOX", Full: true, Keywords: state.NewKeywords(nil)})
	ok(r.T, err)
	return sn
}

// fetch fetches in items of three at most.
func (r *reader) fetch(ctx context.Context, uidValidity uint32, uids ...state.UID) error {
	r.items, r.got, r.done, r.errs = nil, map[state.UID]string{}, map[int]int{}, nil
	for part := range slices.Chunk(uids, 3) {
		r.items = append(r.items, state.Item{ID: len(r.items) + 1, Raw: "INBOX", UIDValidity: uidValidity, UIDs: part})
	}
	n := len(r.items)
	err := r.s.Fetch(ctx, r)
	for id := 1; id <= n && ctx.Err() == nil; id++ {
		if r.done[id] != 1 {
			r.Errorf("item %d ended %d times", id, r.done[id])
		}
	}
	return err
}

// Next is of state.Work, as are Body and Done.
func (r *reader) Next(string) (state.Item, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items) == 0 {
		return state.Item{}, false
	}
	item := r.items[0]
	r.items = r.items[1:]
	return item, true
}

// Body keeps what comes.
func (r *reader) Body(item state.Item, msg state.Incoming, body io.Reader) error {
	b, err := io.ReadAll(body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.got[msg.UID]; twice || err != nil || !slices.Contains(item.UIDs, msg.UID) || msg.Size >= 0 && msg.Size != int64(len(b)) {
		r.Errorf("uid %d came with %d octets of %d: %v", msg.UID, len(b), msg.Size, err)
	}
	r.got[msg.UID] = string(b)
	return nil
}

// Done counts.
func (r *reader) Done(item state.Item, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[item.ID]++
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// came are the bodies that came, sorted.
func (r *reader) came() []string {
	all := []string{}
	for _, b := range r.got {
		all = append(all, b)
	}
	slices.Sort(all)
	return all
}

func readList(r *reader) {
	listing, err := r.s.List(r.Context(), func(state.Listed) bool { return true })
	ok(r.T, err)
	i := slices.IndexFunc(listing.Mailboxes, func(l state.Listed) bool { return strings.EqualFold(l.Raw, "INBOX") })
	if i < 0 {
		r.Fatal("it is not")
	}
	l := listing.Mailboxes[i]
	if !slices.Equal(l.Levels, []string{"INBOX"}) || l.NoSelect || l.HasMark && int(l.Mark.Exists) != len(r.bodies) {
		r.Errorf("%+v", l)
	}
}

func readScan(r *reader) {
	sn := r.scan()
	uids := uidsOf(sn.Messages)
	if !sn.All || !sn.Complete || len(uids) != len(r.bodies) || int(sn.Mark.Exists) != len(uids) || sn.Mark.UIDValidity == 0 {
		r.Errorf("%+v", sn)
	}
	if !slices.IsSorted(uids) || len(slices.Compact(slices.Clone(uids))) != len(uids) || uids[0] == 0 {
		r.Errorf("UIDs %v", uids)
	}
	if again := uidsOf(r.scan().Messages); !slices.Equal(again, uids) {
		r.Errorf("a second scan shows %v, the first %v", again, uids)
	}
}

func readNowhere(r *reader) {
	if sn, err := r.s.Scan(r.Context(), state.ScanRequest{Raw: "Nowhere", Full: true, Keywords: state.NewKeywords(nil)}); err == nil {
		r.Errorf("%+v", sn)
	}
}

func readBodies(r *reader) {
	sn := r.scan()
	ok(r.T, r.fetch(r.Context(), sn.Mark.UIDValidity, uidsOf(sn.Messages)...))
	want := slices.Sorted(slices.Values(r.bodies))
	if !slices.Equal(r.came(), want) || len(r.errs) > 0 {
		r.Errorf("%d of %d came: %v", len(r.got), len(want), r.errs)
	}
	for _, m := range sn.Messages {
		if m.Size >= 0 && m.Size != int64(len(r.got[m.UID])) {
			r.Errorf("uid %d has %d octets and came with %d", m.UID, m.Size, len(r.got[m.UID]))
		}
	}
}

func readMissing(r *reader) {
	sn := r.scan()
	uids := append(uidsOf(sn.Messages)[:2], 4_000_000)
	ok(r.T, r.fetch(r.Context(), sn.Mark.UIDValidity, uids...))
	if len(r.got) != 2 {
		r.Errorf("%d came: %v", len(r.got), r.errs)
	}
}

func readRenumbered(r *reader) {
	sn := r.scan()
	_ = r.fetch(r.Context(), sn.Mark.UIDValidity+1, uidsOf(sn.Messages)[:1]...) // it may be this that tells
	if len(r.got) > 0 || len(r.errs) != 1 || !errors.Is(r.errs[0], state.ErrRenumbered) {
		r.Errorf("%d came: %v", len(r.got), r.errs)
	}
}

func readNothing(r *reader) {
	if ok(r.T, r.fetch(r.Context(), 1)); len(r.got) > 0 {
		r.Errorf("%d came", len(r.got))
	}
}

func readCancelled(r *reader) {
	sn := r.scan()
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if err := r.fetch(ctx, sn.Mark.UIDValidity, uidsOf(sn.Messages)...); err == nil && len(r.got) < len(r.bodies) {
		r.Errorf("%d came, and no error", len(r.got))
	}
}

func readExpunge(r *reader) {
	sn := r.scan()
	req := state.ExpungeRequest{Raw: "INBOX", UIDValidity: sn.Mark.UIDValidity, Keywords: state.NewKeywords(nil)}
	for _, m := range sn.Messages[1:4] {
		req.Messages = append(req.Messages, state.Doomed{UID: m.UID, Size: m.Size, Date: m.Date})
	}
	req.Confirm = func(m state.OnServer) bool { return m.UID != sn.Messages[2].UID }
	out, err := r.s.Expunge(r.Context(), req)
	ok(r.T, err)
	if want := []state.UID{sn.Messages[1].UID, sn.Messages[3].UID}; !slices.Equal(out.Gone, want) || !slices.Equal(out.Kept, []state.UID{sn.Messages[2].UID}) {
		r.Errorf("%+v", out)
	}
	left := slices.Delete(slices.Delete(uidsOf(sn.Messages), 3, 4), 1, 2)
	if now := uidsOf(r.scan().Messages); !slices.Equal(now, left) {
		r.Errorf("left are %v, want %v", now, left)
	}
}

func readClose(r *reader) {
	r.scan()
	ok(r.T, r.s.Close())
	ok(r.T, r.s.Close())
}
