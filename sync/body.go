package sync

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"mailsync/state"
)

// small reads a body into a buffer and leaves it to a writer.
func (f *fetching) small(p *parcel, a *arrival, in state.Incoming, r io.Reader, buf []byte) error {
	if buf == nil {
		buf = make([]byte, smallBody)
	}
	n, err := fillBody(r, buf[:in.Size])
	if err != nil {
		f.buffers <- buf
		a.err = fmt.Errorf("the body broke off after %d of %d octets: %w", n, in.Size, err)
		return f.ctx.Err()
	}
	p.writers.Go(func() error {
		f.receive(a, p.queue.box, in, bytes.NewReader(buf[:n]))
		f.buffers <- buf
		return nil
	})
	return f.ctx.Err()
}

// fillBody reads a body that has to fill p and to end there.
func fillBody(r io.Reader, p []byte) (n int, err error) {
	if n, err = state.Fill(r, p); err == io.EOF && n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	if err == nil {
		var more [1]byte
		if k, end := state.Fill(r, more[:]); k > 0 {
			err = errors.New("more came than was announced")
		} else {
			err = end
		}
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// receive writes a body to tmp/. Where the disk takes no more, no other is waited for.
func (f *fetching) receive(a *arrival, b *box, in state.Incoming, r io.Reader) {
	if a.received, a.err = b.md.Receive(in, r); state.IsWholeDisk(a.err) {
		f.fail(a.err)
	}
}

// Done ends an item. Its bodies count only if err is nil: the command ended with OK.
func (f *fetching) Done(item state.Item, err error) {
	f.turn.take()
	p := f.parcels[item.ID]
	delete(f.parcels, item.ID)
	f.turn.give()
	if p == nil {
		return
	}
	f.settlers.Go(func() error {
		if err := f.settleItem(p, err); err != nil {
			f.fail(err)
		}
		return nil
	})
}

// fail ends the fetching with an error, the first one given.
func (f *fetching) fail(err error) {
	f.turn.take()
	defer f.turn.give()
	if f.err == nil {
		f.err = err
	}
}

// settleItem publishes and commits what an item brought, or puts it back.
func (f *fetching) settleItem(p *parcel, err error) error {
	_ = p.writers.Wait() // each arrival carries its own error
	b := p.queue.box
	b.turn.take()
	defer b.turn.give()
	if part := (*state.PartError)(nil); errors.As(err, &part) {
		p.failed, err = part.Failed, nil
	}
	for _, a := range p.got {
		if a.err == nil && p.failed[a.op.UID] != nil {
			b.md.Discard(a.received)
			a.err = p.failed[a.op.UID]
		}
	}
	if err == nil {
		err = f.storageOf(p)
	}
	if err != nil {
		for _, a := range p.got {
			if a.err == nil {
				b.md.Discard(a.received)
			}
		}
		return f.retry(p, p.ops, err)
	}
	if err := f.deliver(b, p); err != nil {
		return f.giveUp(b, err)
	}
	return f.missing(p)
}

// storageOf returns the first error of this item that is the disk's.
func (f *fetching) storageOf(p *parcel) error {
	for _, a := range p.got {
		if a.err != nil && state.KindOf(a.err) == state.Storage {
			return a.err
		}
	}
	return nil
}

// retry puts operations back after a failure, in halves; a message that is alone is
// tried once more and then left for the next run.
func (f *fetching) retry(p *parcel, ops []Op, err error) error {
	b := p.queue.box
	if state.KindOf(err) == state.Storage || errors.Is(err, state.ErrRenumbered) || errors.Is(err, state.ErrBreaks) {
		return f.giveUp(b, err)
	}
	if f.ctx.Err() != nil || errors.Is(err, errCut) {
		return err
	}
	f.turn.take()
	halved := p.queue.halve(ops)
	f.turn.give()
	if halved {
		return nil
	}
	return f.single(p, ops, err)
}

// single tries a message that failed alone once more, or reports it.
func (f *fetching) single(p *parcel, ops []Op, err error) error {
	b := p.queue.box
	for _, o := range ops {
		f.turn.take()
		p.queue.tried[o.UID]++
		again := p.queue.tried[o.UID] < tries
		if again {
			p.queue.singly([]Op{o})
		} else {
			b.undone = true
		}
		if !again && errors.Is(err, errNoBody) {
			p.queue.blank = append(p.queue.blank, o.UID)
		}
		f.turn.give()
		if again || errors.Is(err, errNoBody) {
			continue
		}
		if state.KindOf(err) == state.Unreachable {
			// A connection that breaks at this message is this message's failure.
			err = fmt.Errorf("the connection broke each time this message was fetched: %v", err)
		}
		if err := f.problem(b.name, o.UID, fmt.Errorf("fetch: %w", err)); err != nil {
			return err
		}
	}
	return nil
}

var errNoBody = errors.New("the server sent no body")

// missing asks once more, one by one, for messages that a command which ended well did
// not bring. One that the server's side has tried by itself has been tried.
func (f *fetching) missing(p *parcel) error {
	var left []Op
	for _, o := range p.ops {
		if p.brought(o.UID) {
			continue
		}
		if err := p.failed[o.UID]; err != nil {
			if err := f.single(p, []Op{o}, err); err != nil {
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
		f.turn.take()
		p.queue.singly(left)
		f.turn.give()
		return nil
	}
	why := errNoBody
	for _, a := range p.got {
		if a.err != nil {
			why = a.err
		}
	}
	return f.single(p, left, why)
}

func (p *parcel) brought(uid state.UID) bool {
	for _, a := range p.got {
		if a.op.UID == uid && a.err == nil {
			return true
		}
	}
	return false
}

// giveUp ends a mailbox's fetching, and the run where nothing can go on.
func (f *fetching) giveUp(b *box, err error) error {
	f.turn.take()
	already := b.failed
	b.failed, b.undone = true, true
	f.turn.give()
	if already && !ends(err) {
		return nil
	}
	return f.problem(b.name, 0, err)
}
