// Package fetch brings bodies here: it queues them, buffers small ones, delivers each durably, and links those
// that are here in another mailbox.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/tie"
)

// Run is the fetching of a run.
type Run struct {
	*mailbox.Run
	tie *tie.Run

	groups []match.Alike                     // messages that are alike, and may be in several mailboxes
	stores map[*mailbox.Box]*mailbox.Scanned // Maildirs that only links needed; nil: it cannot be read
	given  map[link]bool                     // messages whose files were linked into a mailbox
}

// New returns the fetching of a run.
func New(r *mailbox.Run, t *tie.Run) *Run {
	return &Run{Run: r, tie: t, stores: map[*mailbox.Box]*mailbox.Scanned{}, given: map[link]bool{}}
}

const (
	// smallBody is the size up to which a body passes through a buffer to a writer, so
	// that its connection continues while it is written. Larger ones are written by the
	// connection as they arrive.
	smallBody = 256 << 10
	// writers is how many bodies are written and fsynced at once, and how many buffers
	// there are.
	writers = 16
	// settlers is how many items are published and committed at once.
	settlers = 16
)

// fetching is the Work of one run: it hands out items, takes bodies to tmp/, and when a
// command ended well publishes and commits what it brought.
type fetching struct {
	*Run
	ctx      context.Context
	mu       sync.Mutex // guards the fields up to buffers
	queues   []*queue
	parcels  map[int]*parcel
	next     int
	size     itemSize
	err      error // ends the fetching
	claimed  int64 // octets that are still to be written to the disk
	buffers  chan []byte
	read     chan readBody // has room for every buffer
	settlers errgroup.Group
}

// parcel is an item on its way: what was asked for, and what has arrived.
type parcel struct {
	queue   *queue
	ops     []plan.Op
	begun   time.Time
	got     []*arrival
	came    []bool              // of each operation: its body did
	failed  map[state.UID]error // by itself, where the others did not
	ended   error               // of its command
	writers sync.WaitGroup
	ahead   atomic.Int64 // octets counted by Arriving that Body has not seen
}

// arrival is one body that arrived, and what became of it.
type arrival struct {
	op       *plan.Op // its parcel's
	received state.Received
	err      error

	// What those who look on were told: octets that were planned for it, octets that were read, and that it is complete.
	planned, counted int64
	complete         bool
}

// Fetch brings every body that the plans ask for, over all mailboxes at once.
func (r *Run) Fetch(ctx context.Context) error {
	f := &fetching{Run: r, ctx: ctx, queues: r.queues(), parcels: map[int]*parcel{}, size: newItemSize(), buffers: make(chan []byte, writers), read: make(chan readBody, writers)}
	f.settlers.SetLimit(settlers)
	for _, q := range f.queues {
		q.box.Bodies.Pulling = true
		defer func() { q.box.Bodies.Pulling = false }()
	}
	if err := f.room(); err != nil {
		return err
	}
	defer f.Claim(0)
	messages, bytes := left(f.queues)
	if messages == 0 {
		return nil
	}
	r.Planned(messages, bytes)
	moreProcessors()
	over := make(chan struct{})
	defer close(over)
	for range writers {
		f.buffers <- nil // made when it is first needed
		go f.writer(over)
	}
	before := r.Result.Fetched
	for began := -1; began != f.next; {
		began = f.next
		err := r.Server.Fetch(ctx, f)
		err = errors.Join(f.settlers.Wait(), f.err, err, ctx.Err())
		if state.IsAllOfDisk(f.err) {
			return f.full(messages-(r.Result.Fetched-before), f.err)
		}
		if err != nil {
			return err
		}
	}
	for _, q := range f.queues {
		if !q.empty() {
			q.box.Leave(mailbox.PutOff)
		}
		if err := f.askAgain(q); err != nil {
			return err
		}
	}
	return nil
}

// queues are what is to be fetched, mailbox by mailbox.
func (r *Run) queues() (all []*queue) {
	for _, b := range r.Boxes {
		if q := newQueue(b); !q.empty() {
			all = append(all, q)
		}
	}
	return all
}

// askAgain looks whether messages that were answered without a body are still on the server.
// One that was expunged since the scan is no failure; the next run forgets it.
func (f *fetching) askAgain(q *queue) error {
	if len(q.blank) == 0 {
		return nil
	}
	b := q.box
	req := state.ScanRequest{Raw: b.Listed.Raw, Full: true, Keywords: b.KW}
	sn, err := f.Server.Scan(f.ctx, req)
	if err != nil {
		return f.Problem(b.Name, 0, err)
	}
	for _, uid := range q.blank {
		if sn.Shows(uid) || !sn.Complete {
			if err := f.Problem(b.Name, uid, errNoBody); err != nil {
				return err
			}
		}
	}
	return nil
}

// Next hands a connection its next item: of the mailbox it has selected while that has
// any, else of the one with most left to fetch.
func (f *fetching) Next(selected string) (state.Item, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.pick(selected)
	if q == nil {
		return state.Item{}, false
	}
	ops := q.cut(f.size.most)
	f.Doing("fetching", q.box.Name)
	f.next++
	q.open++
	item := state.Item{ID: f.next, Raw: q.box.Listed.Raw, UIDValidity: q.box.Gen().Mark.UIDValidity, UIDs: mailbox.UIDsOf(ops), Bytes: announced(ops)}
	for _, o := range ops {
		if o.Flags&state.Seen == 0 {
			item.Unseen = append(item.Unseen, o.UID)
		}
	}
	f.parcels[item.ID] = &parcel{queue: q, ops: ops, came: make([]bool, len(ops)), begun: time.Now()}
	return item, true
}

// Left is how much was not handed out yet.
func (f *fetching) Left() (messages int, octets int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	messages, octets = left(f.queues)
	for _, q := range f.queues {
		for _, ops := range q.again {
			messages += len(ops)
		}
	}
	return messages, octets
}

func (f *fetching) pick(selected string) *queue {
	if f.err != nil || f.Stopped() || f.ctx.Err() != nil {
		return nil
	}
	var most *queue
	for _, q := range f.queues {
		if q.empty() || q.box.Failed {
			continue
		}
		if q.box.Listed.Raw == selected {
			return q
		}
		if most == nil || q.bytes > most.bytes {
			most = q
		}
	}
	return most
}

// Body takes one body. It is called by one connection at a time for an item.
func (f *fetching) Body(item state.Item, msg state.Incoming, r io.Reader) error {
	f.mu.Lock()
	p, err := f.parcels[item.ID], f.err
	f.mu.Unlock()
	if p == nil || err != nil {
		return errors.Join(err, f.ctx.Err())
	}
	op := p.wants(msg.UID)
	if op == nil {
		return nil // not asked for, or sent twice
	}
	a := &arrival{op: op}
	p.got = append(p.got, a)
	in := f.incoming(p.queue.box, op, msg)
	r = f.counted(p, a, r)
	if msg.Size < 0 || msg.Size > smallBody {
		f.receive(a, p.queue.box, in, r)
		return f.ctx.Err()
	}
	return f.small(p, a, in, r)
}

// wants returns the operation that asked for a UID, once, or nil.
func (p *parcel) wants(uid state.UID) *plan.Op {
	i := len(p.got) // where it is if bodies come as they were asked for
	if i >= len(p.ops) || p.ops[i].UID != uid {
		i = slices.IndexFunc(p.ops, func(o plan.Op) bool { return o.UID == uid })
	}
	if i < 0 || p.came[i] {
		return nil
	}
	p.came[i] = true
	return &p.ops[i]
}

// incoming is the message as it will be on disk. Its flags and date are the scan's:
// the next scan sees what changed since then.
func (f *fetching) incoming(b *mailbox.Box, op *plan.Op, msg state.Incoming) state.Incoming {
	in := state.Incoming{UID: op.UID, Variant: op.Variant, Token: b.Gen().Token, Date: op.Date, Size: msg.Size}
	if in.Date == state.NoDate {
		in.Date = msg.Date
	}
	flags := op.Flags
	if op.Name != "" { // it takes the place of a file in doubt, with what the user did to that
		b.Mu.Lock()
		agreed := b.Record(op.UID).Agreed
		b.Mu.Unlock()
		flags = state.Merge(agreed, op.Flags, op.Disk)
	}
	in.Flags = f.firstFlags(b, flags)
	return in
}

// firstFlags are the flags a file is born with: those a file name can carry; \Deleted
// only where the server's deletions reach the disk.
func (r *Run) firstFlags(b *mailbox.Box, flags state.Flags) state.Flags {
	flags &= b.Disk.Can
	if r.Policy.OnServerDelete != plan.Delete || b.Fresh {
		flags &^= state.Deleted
	}
	return flags
}

// Marked notes that a server sets \Seen on what is only read, unless that was taken back.
func (f *fetching) Marked(raw string, uids []state.UID, undone bool) {
	for _, q := range f.queues {
		if q.box.Listed.Raw == raw && !undone {
			f.Note(q.box.Name, fmt.Sprintf("the server marked %d messages as read because they were fetched", len(uids)),
				"a server must not do that; \"mailsync sync\" takes it back for what it fetches itself")
		}
	}
}

// queue is the fetching that is left to do in one mailbox: operations in UID order, and
// parts of items that failed and are tried again in smaller pieces.
type queue struct {
	box   *mailbox.Box
	ops   plan.Ops
	again [][]plan.Op
	bytes int64     // announced sizes of ops
	open  int       // items on their way
	ended []*parcel // items that came, and are not settled
	tried map[state.UID]int
	blank []state.UID // asked for alone, and the command brought nothing
}

func newQueue(b *mailbox.Box) *queue {
	q := &queue{box: b, ops: b.Ops.Fetches(), tried: map[state.UID]int{}}
	for o := range q.ops.All() {
		q.bytes += max(0, o.Size)
	}
	return q
}

// announced is how many octets the server announces for operations.
func announced(ops []plan.Op) (octets int64) {
	for _, o := range ops {
		octets += max(0, o.Size)
	}
	return octets
}

func (q *queue) empty() bool { return q.ops.Len() == 0 && len(q.again) == 0 }

// leaveOut takes operations off the queue, and returns them.
func (q *queue) leaveOut(which func(plan.Op) bool) (out []plan.Op) {
	for o := range q.ops.All() {
		if which(o) {
			out = append(out, o)
			q.bytes -= max(0, o.Size)
		}
	}
	if len(out) > 0 {
		q.ops = q.ops.Clone() // the box's plan keeps its own
		q.ops.Without(which)
	}
	return out
}

// cut takes the next item's operations off the queue, of at most so many octets.
func (q *queue) cut(most int64) []plan.Op {
	if q.ops.Len() == 0 {
		ops := q.again[0]
		q.again = q.again[1:]
		return ops
	}
	var bytes int64
	n := 0
	ops := q.ops.Shift(func(o plan.Op) bool {
		fits := n < port.ItemUIDs && (n == 0 || bytes+o.Size <= most)
		if fits {
			bytes += max(0, o.Size)
			n++
		}
		return fits
	})
	q.bytes -= bytes
	return ops
}

// singly puts operations back one by one.
func (q *queue) singly(ops []plan.Op) {
	q.again = slices.AppendSeq(q.again, slices.Chunk(ops, 1))
}
