package pop3

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"mailsync/state"
)

// Fetch brings the messages of work's items over one connection, with as many RETRs ahead
// of their answers as the window allows where the server pipelines. Behind each follows a mark, whose
// answer confirms that it was this message (see mark).
//
// A connection that breaks is made anew, and continues where it broke: what was received is
// not asked for again, but for a message that no answer followed yet. A message at which two
// connections broke is left out of its item, as is one that was cut while work read it; after
// three messages in a row at which connections broke Fetch gives up.
func (a *Account) Fetch(ctx context.Context, work state.Work) error {
	if err := a.enter(ctx); err != nil {
		return err
	}
	defer a.leave()
	f := &fetching{work: work, a: a, broke: map[state.UID]bool{}}
	for {
		err := f.connected(ctx)
		if err == nil {
			return nil
		}
		if err = f.again(ctx, err); err != nil {
			f.abandon(err)
			return err
		}
		if f.over && f.window.empty() {
			return nil
		}
	}
}

// fetching is one call of Fetch, over all of its connections.
type fetching struct {
	a    *Account
	work state.Work
	s    *session // the connection in use

	window  window
	over    bool // work has no more
	ended   []*parcel
	suspect *ask      // its message was the last one, and no good answer followed yet
	unclear bool      // what followed it made no sense, and may be no fault of its
	cutAt   state.UID // the message that was cut off when this connection broke, answered already

	stopped error              // work wants no more
	breaks  int                // connections in a row that ended before a message was asked for
	broke   map[state.UID]bool // messages in a row at which connections broke
	buf     []byte
	sum     maphash.Hash // of the message that is read
}

// parcel is an item on its way.
type parcel struct {
	item state.Item
	left int // messages not answered yet
	bad  map[state.UID]error
}

// fail notes what went wrong with one message.
func (p *parcel) fail(uid state.UID, err error) {
	if p.bad == nil {
		p.bad = map[state.UID]error{}
	}
	p.bad[uid] = err
}

// verdict is what Done gets at the end.
func (p *parcel) verdict() error {
	switch {
	case len(p.bad) == 0:
		return nil
	case len(p.item.UIDs) == 1:
		return p.bad[p.item.UIDs[0]]
	}
	return &state.PartError{Failed: p.bad}
}

var errNotListed = errors.New("the server does not list the message any more")

// connected works over one connection until work has no more or the connection breaks.
func (f *fetching) connected(ctx context.Context) error {
	f.s, f.cutAt = nil, 0
	f.window.sent, f.window.announced = 0, 0
	s, err := f.a.open(ctx)
	if err != nil {
		return err
	}
	f.s = s
	return s.during(ctx, func(s *session) error {
		if err := s.numbered(ctx); err != nil {
			return err
		}
		return f.run()
	})
}

// again decides what follows after err ended a connection: nil to go on over another.
func (f *fetching) again(ctx context.Context, err error) error {
	switch {
	case f.stopped != nil:
		return f.stopped
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case f.s == nil || !f.s.c.broken.Load():
		return err // no connection could be made, or the server does not list its mail
	}
	if uid, ok := f.blame(err); ok {
		f.broke[uid] = true
	} else {
		f.breaks++
	}
	f.finish()
	if f.breaks >= maxBreaks || len(f.broke) >= maxBreaks {
		return err
	}
	return nil
}

// maxBreaks is how many connections in a row may break, each at another message or at none:
// so many are the server's fault (spec 6.2).
const maxBreaks = 3

// blame finds the message at which a connection broke. It is false where there was none.
func (f *fetching) blame(err error) (uid state.UID, ok bool) {
	last, unclear := f.suspect, f.unclear
	f.suspect, f.unclear = nil, false
	f.a.careful = f.a.careful || unclear || isGarbled(err)
	if last != nil && isGarbled(err) && !unclear {
		// In place of an answer the rest of a message followed, which seemed to end earlier, or
		// another message.
		last.p.fail(last.uid, err)
		return last.uid, true
	}
	if last != nil {
		uid, ok = last.uid, true
	}
	if f.cutAt != 0 {
		uid, ok = f.cutAt, true
	} else if last == nil && f.window.sent > 0 {
		at := f.window.first()
		uid, ok = at.uid, true
		if at.tries++; at.tries > 1 {
			f.answered(fmt.Errorf("the connection broke at this message twice: %w", err))
		}
	}
	switch {
	case last == nil:
	case last.again:
		last.p.fail(last.uid, fmt.Errorf("no answer followed the message twice: %w", err))
	default:
		last.again, last.tries = true, 0
		last.p.left++
		f.ended = slices.DeleteFunc(f.ended, func(p *parcel) bool { return p == last.p })
		f.window.asks = slices.Insert(f.window.asks, 0, last)
	}
	return uid, ok
}

// run asks and reads until nothing is left.
func (f *fetching) run() error {
	for {
		if err := f.topUp(); err != nil {
			return err
		}
		if f.window.sent == 0 {
			f.finish()
			return nil
		}
		if err := f.s.c.flush(); err != nil {
			return err
		}
		if err := f.hear(); err != nil {
			return err
		}
	}
}

// ahead reports whether a message may be asked for before the one in front of it was confirmed.
func (f *fetching) ahead() bool {
	return f.s.c.pipelines() && !f.a.careful && (f.window.empty() || !f.window.first().again)
}

// topUp puts RETRs until the window is full. It waits until half of it is used up, so
// that commands travel together.
func (f *fetching) topUp() error {
	w := &f.window
	if w.halfFull() {
		return nil
	}
	for w.sent == 0 || f.ahead() {
		if w.sent == len(w.asks) && !f.next() {
			return nil
		}
		at := w.asks[w.sent]
		m := f.s.list.find(at.uid)
		if m == nil {
			if w.sent > 0 {
				return nil // its turn comes when those before it are answered
			}
			if at.again {
				// It cannot be fetched better: some servers hide what was fetched once.
				f.answered(nil)
			} else {
				f.answered(errNotListed)
			}
			continue
		}
		if !w.takes(m) {
			return nil
		}
		at.msg = m
		if err := f.s.c.put(about("RETR", m.no)); err != nil {
			return err
		}
		if f.ahead() {
			if err := f.s.c.put(f.mark(m).of(m)); err != nil {
				return err
			}
		}
		w.sentNext()
	}
	return nil
}

// next takes an item from work. It is false where there is none.
func (f *fetching) next() bool {
	for !f.over {
		item, ok := f.work.Next(inbox)
		switch {
		case !ok:
			f.over = true
		case !isInbox(item.Raw):
			f.work.Done(item, errNoMailbox(item.Raw))
		case item.UIDValidity != uidValidity:
			f.work.Done(item, state.ErrRenumbered)
		case len(item.UIDs) == 0:
			f.work.Done(item, nil)
		default:
			p := &parcel{item: item, left: len(item.UIDs)}
			for _, uid := range item.UIDs {
				f.window.asks = append(f.window.asks, &ask{p: p, uid: uid})
			}
			return true
		}
	}
	return false
}

// answered takes the first ask off: it was answered, or nobody will ask again.
func (f *fetching) answered(err error) {
	at := f.window.pop()
	if err != nil {
		at.p.fail(at.uid, err)
	}
	if at.p.left--; at.p.left == 0 {
		f.ended = append(f.ended, at.p)
	}
}

// finish reports items to work once all of their messages were answered.
func (f *fetching) finish() {
	for _, p := range f.ended {
		f.work.Done(p.item, p.verdict())
	}
	f.ended = nil
}

// abandon ends every item that is still on its way. What was received counts, unless it was
// work itself that stopped.
func (f *fetching) abandon(err error) {
	f.finish()
	for _, at := range f.window.asks {
		if at.again {
			at.p.fail(at.uid, err)
		}
	}
	for !f.window.empty() {
		p := f.window.first().p
		if p.left < len(p.item.UIDs) && f.stopped == nil {
			f.work.Done(p.item, p.verdict())
		} else {
			f.work.Done(p.item, err)
		}
		f.window.asks = slices.DeleteFunc(f.window.asks, func(at *ask) bool { return at.p == p })
	}
}

// ask is one message of a parcel.
type ask struct {
	p     *parcel
	uid   state.UID
	msg   *message // as this connection lists it
	tries int      // connections that broke at it
	// again means that work has the message, and that no answer followed it: it is read once
	// more to compare it.
	again bool
	sum   uint64 // of its octets
	led   bool   // it began like an answer
}

// How much is asked for ahead of answers (RFC 2449 section 6.8). The commands always
// fit the buffers between us, some 12 KB, so that writing never waits for a server that
// waits for us to read. The octets are a distant server's: 32 MiB each 40 ms are more than
// most lines carry, and none of them is kept in memory here.
const (
	windowCommands = 512
	windowOctets   = 32 << 20
	unknownSize    = 64 << 10 // for a message of unknown size
)

func (m *message) weight() int64 {
	if m.size < 0 {
		return unknownSize
	}
	return m.size
}

// window holds the messages to be fetched, in order; the first of them are asked for already.
type window struct {
	asks      []*ask // not answered yet
	sent      int    // how many of them this connection was asked for
	announced int64  // octets of those that were sent
}

func (w *window) empty() bool { return len(w.asks) == 0 }

func (w *window) first() *ask { return w.asks[0] }

// halfFull reports whether half of the window is used up.
func (w *window) halfFull() bool {
	return w.sent > windowCommands/2 || w.announced > windowOctets/2
}

// takes reports whether one more message fits. An empty window takes any.
func (w *window) takes(m *message) bool {
	return w.sent == 0 || w.sent < windowCommands && w.announced+m.weight() <= windowOctets
}

// sentNext notes that the next message was asked for.
func (w *window) sentNext() {
	w.announced += w.asks[w.sent].msg.weight()
	w.sent++
}

// pop takes the first ask off.
func (w *window) pop() *ask {
	at := w.asks[0]
	w.asks = w.asks[1:]
	if w.sent > 0 {
		w.sent--
		w.announced -= at.msg.weight()
	}
	return at
}
