package imap

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// How much is under way on one connection at a time: at least two commands, so that the
// server always has the next one when it ends the last; more of them while they are so
// small that they are answered within a round trip, and many if they are next to nothing, as of many small mailboxes, or are the rest of
// what is not worth another connection.
const (
	minFlights  = 2
	maxFlights  = 8
	manyFlights = 64
	inFlight    = 4 << 20 // announced octets
	littleBytes = 1 << 20
)

// weight is how many octets an item counts for. Of one that announces none it is not known whether it is small.
func weight(it state.Item) int64 { return cmp.Or(it.Bytes, littleBytes/maxFlights) }

// run is a Fetch on one session. Each command is drained by a goroutine of its own, for
// imapclient's reader waits until a body was read, whichever command it belongs to.
type run struct {
	f        *fetcher
	s        *session
	selected string
	exam     *examine
	flights  []*flight // begun and not reaped, oldest first
	bytes    int64     // announced by flights
	fruitful bool      // an item ended well
	end      error     // why nothing more is begun
	look     *look     // at what was fetched last; nil: none was sent
	brokeAt  object    // at which the connection broke
}

func newRun(f *fetcher, s *session) *run {
	r := &run{f: f, s: s}
	s.under.fetching.Store(true)
	if at := s.at; at != nil && at.readOnly {
		r.selected, r.exam = at.raw, examined(at.mark.UIDValidity, nil)
	}
	return r
}

// examine is an EXAMINE that was sent, with commands behind it already.
type examine struct {
	done        chan struct{} // closed when the two below are set
	uidValidity uint32
	err         error
}

func examined(uidValidity uint32, err error) *examine {
	e := &examine{done: make(chan struct{}), uidValidity: uidValidity, err: err}
	close(e.done)
	return e
}

// work begins and ends items until there are no more or the connection cannot be used.
func (r *run) work(ctx context.Context) error {
	for {
		for r.end == nil && r.room() {
			it, ok := r.f.next(r.selected)
			if !ok {
				r.probe()
				break
			}
			if r.begin(ctx, it); r.f.isLast() {
				r.probe()
			}
		}
		if len(r.flights) == 0 {
			r.probed()
			r.remember()
			return r.end
		}
		r.reap(ctx)
	}
}

// remember leaves word in the session of what it has selected. No command is under way.
func (r *run) remember() {
	if r.exam == nil {
		return
	}
	<-r.exam.done
	r.s.at = nil
	if r.exam.err == nil {
		r.s.at = &opened{s: r.s, raw: r.selected, readOnly: true, mark: state.Mark{UIDValidity: r.exam.uidValidity}}
	}
}

func (r *run) room() bool {
	n := len(r.flights)
	return n < minFlights || n < maxFlights && r.bytes < inFlight || n < manyFlights && (r.bytes < littleBytes || r.f.isLittle(r.bytes))
}

// begin sends one item's command, with EXAMINE ahead of it where another mailbox is
// selected.
func (r *run) begin(ctx context.Context, it state.Item) {
	if r.selected != it.Raw {
		r.probe() // there may be nothing unseen in the last one
		r.exam = r.sendExamine(ctx, it.Raw)
		r.selected = it.Raw
	}
	fl := &flight{r: r, item: it, exam: r.exam, done: make(chan struct{}), left: slices.Clone(it.UIDs)}
	r.flights = append(r.flights, fl)
	r.bytes += weight(it)
	var set goimap.UIDSet
	for _, uid := range it.UIDs {
		set.AddNum(goimap.UID(uid))
	}
	if len(set) == 0 {
		close(fl.done)
		return
	}
	items := fetchItems
	if r.f.a.server.alone.Load() {
		items = bodyAlone
		r.s.w.SetLoose(true) // a body of another length than was announced is doubtful
	}
	cmd := r.s.c.Fetch(set, items)
	go fl.drain(ctx, cmd)
}

// sendExamine opens a mailbox without waiting, or with, where imapclient would spell its
// name in another way whatever it is given.
func (r *run) sendExamine(ctx context.Context, raw string) *examine {
	r.s.at = nil
	name, ok := forClient(raw, r.s.caps.Has(goimap.CapIMAP4rev2))
	if !ok {
		at, err := r.s.open(ctx, raw, true)
		if err != nil {
			return examined(0, err)
		}
		return examined(at.mark.UIDValidity, nil)
	}
	cmd := r.s.c.Select(name, &goimap.SelectOptions{ReadOnly: true})
	e := &examine{done: make(chan struct{})}
	go func() {
		data, err := cmd.Wait()
		if e.err = inMailbox(raw, "open", r.s.fault(ctx, err)); err == nil {
			e.uidValidity = data.UIDValidity
		}
		close(e.done)
	}()
	return e
}

// reap waits for the oldest command and ends its item.
func (r *run) reap(ctx context.Context) {
	fl := r.flights[0]
	<-fl.done
	r.flights = r.flights[1:]
	r.bytes -= weight(fl.item)
	err := fl.verdict(ctx)
	if fl.ended = err == nil; fl.ended {
		r.fruitful = true
		r.f.a.patience.Worked()
		r.f.a.breaks.worked(fl.item.Raw)
		r.f.fetchedUnseen(fl.item, fl.left)
		r.f.work.Done(fl.item, nil)
		return
	}
	if errors.Is(r.s.w.LastError(), wire.ErrTail) {
		r.f.a.server.alone.Store(true)
	}
	if r.s.broken.Load() && ctx.Err() == nil {
		if r.end != nil && fl.bodies.Load() == 0 {
			// The connection broke at one in front of it, and nothing of it was answered: no
			// fault of its own.
			r.f.putBack(fl.item)
			return
		}
		if r.end == nil {
			r.end, r.brokeAt = err, fl.object()
		}
	}
	if _, later := asBusy(err); later && fl.bodies.Load() == 0 && ctx.Err() == nil {
		// Nothing of it was sent: it can be asked for again once the server lets us.
		if r.end == nil {
			r.end = err
		}
		r.f.putBack(fl.item)
		return
	}
	r.f.work.Done(fl.item, inMailbox(fl.item.Raw, "fetch from", err))
}

// grace is how long after a body the EXAMINE ahead of it may be unheard of: both were
// read from the connection in their order, and only our goroutines race.
const grace = 10 * time.Second
