package fetch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// small reads a body into a buffer and leaves it to a writer.
func (f *fetching) small(p *parcel, a *arrival, in state.Incoming, r io.Reader) error {
	var buf []byte
	select {
	case buf = <-f.buffers:
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
	if int64(len(buf)) <= in.Size {
		buf = make([]byte, bufferFor(in.Size+1))
	}
	n, err := state.Fill(r, buf[:in.Size+1])
	switch {
	case int64(n) > in.Size:
		err = errors.New("the server sent more than it announced")
	case err == io.EOF && int64(n) < in.Size:
		err = io.ErrUnexpectedEOF
	case err == io.EOF:
		err = nil
	}
	if err != nil {
		f.buffers <- buf
		a.err = fmt.Errorf("read %d of %d octets of the body: %w", min(int64(n), in.Size), in.Size, err)
		return f.ctx.Err()
	}
	p.writers.Add(1)
	f.read <- readBody{p, a, in, buf, n}
	return f.ctx.Err()
}

// readBody is a small body that was read: n octets of a buffer, which nothing else uses.
type readBody struct {
	p   *parcel
	a   *arrival
	in  state.Incoming
	buf []byte
	n   int
}

// writer writes small bodies until the fetching is over.
func (f *fetching) writer(over <-chan struct{}) {
	for {
		select {
		case b := <-f.read:
			f.receive(b.a, b.p.queue.box, b.in, bytes.NewBuffer(b.buf[:b.n]))
			f.buffers <- b.buf
			b.p.writers.Done()
		case <-over:
			return
		}
	}
}

// bufferFor is how large a buffer is made for so many octets: the next power of two, so that a buffer for one body will do
// for most, and small mail has small buffers.
func bufferFor(octets int64) int {
	return min(max(4<<10, 1<<bits.Len64(uint64(octets-1))), smallBody+1)
}

// receive writes a body to tmp/. Where the disk takes no more, no other is waited for.
func (f *fetching) receive(a *arrival, b *mailbox.Box, in state.Incoming, r io.Reader) {
	if a.received, a.err = b.MD.Receive(in, r); state.IsAllOfDisk(a.err) {
		f.fail(a.err)
	}
}

// Done ends an item. Its bodies count only if err is nil: the command ended with OK.
func (f *fetching) Done(item state.Item, err error) {
	f.mu.Lock()
	p := f.parcels[item.ID]
	delete(f.parcels, item.ID)
	if p != nil && err == nil {
		f.size.took(time.Since(p.begun))
	}
	f.mu.Unlock()
	if p == nil {
		return
	}
	f.settlers.Go(func() error {
		if err := f.settleItem(p, err); err != nil {
			f.fail(err)
		}
		f.settled(p.queue)
		return nil
	})
}

// settled notes that an item is through, and logs a mailbox of which it was the last.
func (f *fetching) settled(q *queue) {
	q.box.Mu.Lock()
	defer q.box.Mu.Unlock()
	f.mu.Lock()
	q.open--
	last := q.open == 0 && q.empty() && len(q.blank) == 0
	f.mu.Unlock()
	if last && q.box.DonePast(plan.OpFetch) {
		f.LogMailbox(q.box)
	}
}

// fail ends the fetching with an error, the first one given.
func (f *fetching) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// settleItem publishes and commits what an item brought, or puts it back, together with those of its mailbox that have ended while another
// one was made durable: one fsync of the folders and one commit do for all of them.
func (f *fetching) settleItem(p *parcel, err error) error {
	p.writers.Wait()
	q, b := p.queue, p.queue.box
	p.ended = err
	f.mu.Lock()
	q.ended = append(q.ended, p)
	f.mu.Unlock()
	b.Mu.Lock()
	defer b.Mu.Unlock()
	f.mu.Lock()
	ended := q.ended
	q.ended = nil // where it is empty, another one has settled this one
	f.mu.Unlock()
	var first error
	note := func(err error) { first = cmp.Or(first, err) }
	var good []*parcel
	for _, p := range ended {
		if err := f.flawed(b, p); err != nil {
			f.uncount(p, func(*arrival) bool { return false })
			note(f.retry(p, err))
			continue
		}
		f.uncount(p, func(a *arrival) bool { return a.err == nil })
		good = append(good, p)
	}
	err = f.deliver(b, good)
	for _, p := range good {
		if err != nil {
			note(f.giveUp(p, err))
		} else {
			note(f.missing(p))
		}
	}
	return first
}

// flawed returns why an item counts as failed, nil where it does not; then single messages of it may have failed.
func (f *fetching) flawed(b *mailbox.Box, p *parcel) error {
	err := p.ended
	if part := (*state.PartError)(nil); errors.As(err, &part) {
		p.failed, err = part.Failed, nil
	}
	for _, a := range p.got {
		if a.err == nil && p.failed[a.op.UID] != nil {
			b.MD.Discard(a.received)
			a.err = p.failed[a.op.UID]
		}
		if err == nil && state.KindOf(a.err) == state.Storage {
			err = a.err
		}
	}
	if err == nil {
		return nil
	}
	for _, a := range p.got {
		if a.err == nil {
			b.MD.Discard(a.received)
		}
	}
	return err
}

// retry puts operations back after a failure, in halves, so that a bad message is found in a few
// steps; a message that is alone is tried once more and then left for the next run.
func (f *fetching) retry(p *parcel, err error) error {
	if state.KindOf(err) == state.Storage || errors.Is(err, state.ErrRenumbered) || errors.Is(err, state.ErrBreaks) {
		return f.giveUp(p, err)
	}
	if f.ctx.Err() != nil || errors.Is(err, port.ErrCut) {
		return err
	}
	mid := len(p.ops) / 2
	if mid == 0 {
		return f.single(p, p.ops, err)
	}
	f.mu.Lock()
	p.queue.again = append(p.queue.again, p.ops[:mid], p.ops[mid:])
	f.mu.Unlock()
	return nil
}

// single tries a message that failed alone once more, or reports it.
func (f *fetching) single(p *parcel, ops []plan.Op, err error) error {
	b, blank := p.queue.box, errors.Is(err, errNoBody)
	for _, o := range ops {
		f.mu.Lock()
		p.queue.tried[o.UID]++
		again := p.queue.tried[o.UID] < plan.Tries
		switch {
		case again:
			p.queue.singly([]plan.Op{o})
		case blank:
			p.queue.blank = append(p.queue.blank, o.UID)
			fallthrough
		default:
			b.Leave(mailbox.Refused)
		}
		f.mu.Unlock()
		if !again {
			f.forgo([]plan.Op{o})
		}
		if again || blank {
			continue
		}
		if state.KindOf(err) == state.Unreachable {
			// A connection that breaks at this message is this message's failure.
			err = fmt.Errorf("the connection broke each time this message was fetched: %s", state.PlainText(err))
		}
		if err := f.Problem(b.Name, o.UID, fmt.Errorf("fetch: %w", err)); err != nil {
			return err
		}
	}
	return nil
}

var errNoBody = errors.New("the server sent no body")

// missing asks once more, one by one, for messages that a command which ended well did
// not bring. A message that failed by itself is not asked for again here.
func (f *fetching) missing(p *parcel) error {
	brought, why := map[state.UID]bool{}, errNoBody
	for _, a := range p.got {
		if a.err == nil {
			brought[a.op.UID] = true
		} else {
			why = a.err
		}
	}
	var left []plan.Op
	for _, o := range p.ops {
		if brought[o.UID] {
			continue
		}
		if err := p.failed[o.UID]; err != nil {
			if err := f.single(p, []plan.Op{o}, err); err != nil {
				return err
			}
			continue
		}
		left = append(left, o)
	}
	if len(left) == 0 {
		return nil
	}
	if len(p.ops) > 1 {
		f.mu.Lock()
		p.queue.singly(left)
		f.mu.Unlock()
		return nil
	}
	return f.single(p, left, why)
}

// giveUp ends a mailbox's fetching, and the run where nothing can go on.
func (f *fetching) giveUp(p *parcel, err error) error {
	b := p.queue.box
	f.mu.Lock()
	already := b.Failed
	b.Fail()
	f.mu.Unlock()
	if f.forgo(p.ops); !already {
		f.forgoRest(p.queue)
	}
	if already && !port.Ends(err) {
		return nil
	}
	return f.Problem(b.Name, 0, err)
}
