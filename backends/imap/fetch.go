package imap

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"mailsync/state"
)

// Fetch runs connections over work until Next has no more. The first connection is made
// patiently; more of them only while there is something for them to do, and as many as
// the server lets us have. It returns an error where no connection could go on, the
// error of Body where that stopped it, and the context's.
func (a *Account) Fetch(ctx context.Context, work state.Work) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f := &fetcher{a: a, work: work, stop: stop, unseen: map[string]*unseen{}}
	var enough context.CancelFunc
	f.joining, enough = context.WithCancel(ctx)
	defer enough()
	for {
		err := f.worker(ctx, true)
		if err == nil && !f.waiting() {
			enough() // connections that are still being made are not needed any more
		}
		f.extra.Wait()
		if cause := context.Cause(ctx); cause != nil {
			f.giveUp(cause)
			return cause
		}
		switch {
		case f.waiting() && err == nil:
			// Left behind by a connection that could not be made.
		case err == nil || f.well.Load() && !f.waiting():
			a.unmark(ctx, f.unseen, work)
			return nil
		default:
			f.giveUp(err)
			return err
		}
	}
}

// fetcher is one Fetch under way.
type fetcher struct {
	a     *Account
	work  state.Work
	stop  context.CancelCauseFunc
	extra sync.WaitGroup
	once  sync.Once

	joining context.Context // of further connections, while they are made
	well    atomic.Bool     // a connection worked until there was no more
	looks   atomic.Bool     // a connection looks whether the server marks what is fetched

	mu     sync.Mutex
	ready  []state.Item       // handed out, and begun by nobody
	unseen map[string]*unseen // fetched, by raw name
}

// next returns something to begin. What is in a mailbox that is left out ends at once.
func (f *fetcher) next(selected string) (state.Item, bool) {
	for {
		it, ok := f.takeReady()
		if !ok {
			it, ok = f.work.Next(selected)
		}
		if !ok {
			return it, false
		}
		err := f.a.breaks.leftOut(it.Raw)
		if err == nil {
			return it, true
		}
		f.work.Done(it, err)
	}
}

func (f *fetcher) takeReady() (it state.Item, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.ready); n > 0 {
		it, ok, f.ready = f.ready[n-1], true, f.ready[:n-1]
	}
	return it, ok
}

// putBack lets another connection begin an item.
func (f *fetcher) putBack(it state.Item) {
	f.mu.Lock()
	f.ready = append(f.ready, it)
	f.mu.Unlock()
}

func (f *fetcher) waiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ready) > 0
}

// giveUp ends what nobody began.
func (f *fetcher) giveUp(err error) {
	for it, ok := f.takeReady(); ok; it, ok = f.takeReady() {
		f.work.Done(it, err)
	}
}

// others is how many connections beside the first one are worth having for what is left: those that there are, and
// those that are worth being made.
func (f *fetcher) others() int {
	most := f.a.o.Connections - 1
	measured, can := f.work.(state.MeasuredWork)
	if !can {
		return most
	}
	messages, octets := measured.Left()
	if messages == 0 {
		return 0
	}
	return min(most, max(f.a.pool.idle(), worthwhile(messages, octets)))
}

// isLast reports whether there is nothing left to begin, as far as is known.
func (f *fetcher) isLast() bool {
	measured, can := f.work.(state.MeasuredWork)
	if !can {
		return false
	}
	messages, _ := measured.Left()
	return messages == 0 && !f.waiting()
}

// isLittle reports whether what is left, and so many octets that are under way, would not be worth another connection.
func (f *fetcher) isLittle(under int64) bool {
	measured, can := f.work.(state.MeasuredWork)
	if !can {
		return false
	}
	messages, octets := measured.Left()
	return worthwhile(messages, octets+under) == 0
}

// more starts the other connections, once the first one works.
func (f *fetcher) more(ctx context.Context) {
	f.once.Do(func() {
		for range f.others() {
			f.extra.Go(func() {
				// Its error is not ours: what it had begun has been passed to Done, and the first
				// connection continues.
				if err := f.worker(ctx, false); err != nil && ctx.Err() == nil {
					f.a.o.Log.Info("a connection gave up", "err", err)
				}
			})
		}
	})
}

// worker works on one connection after the other until there is no more to begin. A connection
// that broke is replaced, unless so many broke in a row before they did anything that it is the
// server's fault. Those of an earlier Fetch count for the first worker.
func (f *fetcher) worker(ctx context.Context, patient bool) error {
	var own breaks
	broke := &own
	if patient {
		broke = &f.a.breaks
	}
	for {
		first, ok := f.next("")
		if !ok {
			f.well.Store(true)
			return nil
		}
		s, first, err := f.join(ctx, first, patient)
		if s == nil {
			return err
		}
		r, err := f.onSession(ctx, s, first, patient)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.fruitful {
			own.clear()
		}
		switch b, isBusy := asBusy(err); {
		case err == nil:
		case isBusy:
			if f.a.waitFor(ctx, b) != nil {
				return err
			}
		case r.brokeAt.uid == 0 && r.brokeAt.raw != "":
			if f.a.breaks.at(r.brokeAt, err) == ofServer {
				return err
			}
		case !r.fruitful && broke.many(r.brokeAt, err):
			return err
		}
	}
}

// join gets a session, with something to begin on it; nil where there is none. What there was to begin does not wait until a
// further connection is made: another one may begin it meanwhile.
func (f *fetcher) join(ctx context.Context, first state.Item, patient bool) (*session, state.Item, error) {
	if patient {
		s, err := f.a.acquire(ctx, first.Raw, true)
		if err != nil {
			f.putBack(first)
			return nil, first, err
		}
		return s, first, nil
	}
	f.putBack(first)
	s, err := f.a.acquire(f.joining, first.Raw, false)
	switch {
	case errors.Is(err, errNoRoom), err != nil && f.joining.Err() != nil && ctx.Err() == nil:
		return nil, first, nil
	case err != nil:
		return nil, first, err
	}
	selected := ""
	if s.at != nil {
		selected = s.at.raw
	}
	first, ok := f.next(selected)
	if !ok {
		f.a.release(s)
		return nil, first, nil
	}
	return s, first, nil
}

// onSession works on one session until it breaks or there is no more.
func (f *fetcher) onSession(ctx context.Context, s *session, first state.Item, patient bool) (r *run, err error) {
	r = newRun(f, s)
	unwatch := s.watch(ctx)
	r.begin(ctx, first)
	if patient {
		f.more(ctx)
	}
	err = r.work(ctx)
	unwatch()
	f.a.release(s)
	return r, err
}
