package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// A scan needs two answers, to EXAMINE and to FETCH, and so would ask twice, for each mailbox. What is known of a
// mailbox from the listing is enough to know what will be asked: so the commands of many scans are sent without waiting.
//
// Nothing rests on a guess that was wrong. An answer counts if both commands were answered with OK and what EXAMINE sent,
// UIDVALIDITY and EXISTS among it, makes the FETCH the one that Scan would have sent. With anything else Scan begins anew: after
// a failed EXAMINE no mailbox is selected, or, on a bad server, the one before (RFC 9051 section 6.3.2).

const (
	// maxAhead is how many mailboxes may be under way on one connection.
	maxAhead = 16
	// listedAhead is how many messages the server may be asked to list on one connection while it lists others.
	listedAhead = 5000
)

// Expect sends the commands of scans that will be asked for, in their order, before they are. It does not wait. Where much will
// have to be listed or fetched, other connections are made meanwhile.
func (a *Account) Expect(ctx context.Context, scans []state.ExpectedScan) {
	e := &expecting{a: a}
	var listed, fresh int
	for _, x := range scans {
		if x.Anew || x.Writable || x.Keywords == nil || a.breaks.once(x.Raw) || a.breaks.leftOut(x.Raw) != nil {
			continue
		}
		g := &glance{ExpectedScan: x, kw: state.NewKeywords(x.Keywords.Names()), done: make(chan struct{})}
		e.queue = append(e.queue, g)
		listed, fresh = listed+g.listed(), fresh+int(g.fresh())
	}
	if len(e.queue) == 0 {
		return
	}
	e.fetches = fresh > 0
	ctx = a.expected.put(ctx, e.queue)
	others := min(a.o.Connections-1, max(worthwhile(fresh, 0), listed/(4*listedAhead)))
	e.workers = 1 + others
	for i := range e.workers {
		a.expected.work.Go(func() { e.run(ctx, i == 0) })
	}
}

// expectations are the scans that are under way and were not asked for yet.
type expectations struct {
	mu    sync.Mutex
	byRaw map[string]*glance
	stop  []context.CancelFunc // what is under way
	work  sync.WaitGroup
}

// put returns the context for their work.
func (e *expectations) put(ctx context.Context, all []*glance) context.Context {
	ctx, stop := context.WithCancel(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop = append(e.stop, stop)
	if e.byRaw == nil {
		e.byRaw = map[string]*glance{}
	}
	for _, g := range all {
		e.byRaw[g.Raw] = g
	}
	return ctx
}

// end ends what is under way, and waits for it.
func (e *expectations) end() {
	e.mu.Lock()
	for _, stop := range e.stop {
		stop()
	}
	e.mu.Unlock()
	e.work.Wait()
}

// forget makes every scan one that has to be asked for: what this run changes, the answers do not show.
func (e *expectations) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.byRaw = nil
}

// answer returns what a scan found that was expected, nil where it has to be asked for.
func (e *expectations) answer(ctx context.Context, req *state.ScanRequest) *state.ServerSnapshot {
	e.mu.Lock()
	g := e.byRaw[req.Raw]
	delete(e.byRaw, req.Raw)
	e.mu.Unlock()
	if g == nil || req.Anew || req.Writable {
		return nil
	}
	select {
	case <-g.done:
		return g.answer(req)
	case <-ctx.Done():
		return nil
	}
}

// expecting is one Expect under way.
type expecting struct {
	a       *Account
	mu      sync.Mutex
	queue   []*glance // not begun
	workers int       // that are at work
	busy    bool      // the server wants to be asked for less: no more are begun
	fetches bool      // there are new messages, which will be fetched
}

// run works on one connection. What the last one leaves is left to Scan.
func (e *expecting) run(ctx context.Context, patient bool) {
	if s, err := e.a.acquire(ctx, "", patient); err == nil {
		unwatch := s.watch(ctx)
		e.onSession(ctx, s)
		unwatch()
		e.a.release(s)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.workers--; e.workers == 0 {
		for _, g := range e.queue {
			g.err = errNoRoom
			close(g.done)
		}
	}
}

// next returns the next one to begin beside those that are under way.
func (e *expecting) next(under []*glance) *glance {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 || len(under) >= maxAhead || e.busy {
		return nil
	}
	g, listed := e.queue[0], 0
	for _, u := range under {
		listed += u.listed()
	}
	if listed > 0 && listed+g.listed() > listedAhead {
		return nil
	}
	e.queue = e.queue[1:]
	return g
}

// leaveAlone begins no more: Scan waits as long as the server wants.
func (e *expecting) leaveAlone() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy = true
}

// onSession sends and takes until there is nothing more to begin, or the connection broke. What the run will ask besides is
// sent before the first one.
func (e *expecting) onSession(ctx context.Context, s *session) {
	s.at = nil
	var under []*glance // oldest first
	quota := func() {}
	if e.fetches {
		quota = s.sendQuota(ctx)
	}
	for {
		for g := e.next(under); g != nil; g = e.next(under) {
			under = append(under, g)
			g.err = g.send(ctx, s)
		}
		quota() // answered first
		quota = func() {}
		if len(under) == 0 || s.broken.Load() { // by that question
			leaveOff(under)
			return
		}
		g := under[0]
		under = under[1:]
		if g.err = g.wait(ctx); g.err != errOdd {
			g.err = s.fault(ctx, g.err)
		}
		if s.at = nil; g.err == nil {
			s.at = g.at // unless what was sent behind it opens another one
		}
		close(g.done)
		if r, refused := asRefusal(g.err); refused && r.slowDown() {
			e.leaveAlone()
		}
		if !s.broken.Load() {
			continue
		}
		if _, later := asBusy(g.err); !later && ctx.Err() == nil {
			e.a.breaks.at(object{raw: g.Raw}, g.err)
		}
		leaveOff(under)
		return
	}
}

// leaveOff ends scans that were sent over a connection that broke before they were answered.
func leaveOff(under []*glance) {
	for _, g := range under {
		g.err = errNoRoom
		close(g.done)
	}
}

// glance is a scan whose commands are sent ahead of it.
type glance struct {
	state.ExpectedScan
	kw     *state.Keywords // of its own, for the goroutine that reads
	at     *opened
	delta  bool       // only what changed was asked for
	asked  bool       // there was something to list
	c      *collector // nil before the first answer
	search *searching // for what was removed, nil where nothing was
	sent   []*wire.Sent
	parts  []*partly // of each that was sent

	done chan struct{} // closed when err is known
	err  error         // nil: all of it was answered with OK
}

// isDelta reports whether asking for changes alone will be possible.
func (g *glance) isDelta() bool {
	return !g.Full && g.Since.UIDNext != 0 && goesOn(g.Since, g.Now)
}

// fresh is how many messages are new, at the most.
func (g *glance) fresh() uint32 {
	if g.Since.UIDValidity == g.Now.UIDValidity && g.Since.UIDNext != 0 && g.Now.UIDNext >= g.Since.UIDNext {
		return min(g.Now.Exists, g.Now.UIDNext-g.Since.UIDNext)
	}
	return g.Now.Exists
}

// listed is about how many messages the server will list.
func (g *glance) listed() int {
	if g.isDelta() {
		return int(g.fresh())
	}
	return int(g.Now.Exists)
}

// send sends the commands of one scan.
func (g *glance) send(ctx context.Context, s *session) error {
	g.at = &opened{s: s, raw: g.Raw, readOnly: true}
	if err := g.sendOne(ctx, g.at.command(), g.at.read); err != nil || g.Now.Exists == 0 {
		return err
	}
	g.delta = s.caps.Has(goimap.CapCondStore) && g.isDelta()
	fetch := "UID FETCH " + s.everyUID() + " " + scanItems
	if g.delta {
		fetch += fmt.Sprintf(" (CHANGEDSINCE %d)", g.Since.ModSeq)
	}
	if g.asked = !g.delta || g.Now.ModSeq != g.Since.ModSeq; g.asked {
		if err := g.sendOne(ctx, fetch, g.take); err != nil {
			return err
		}
	}
	if !g.delta || int64(g.Known)+int64(g.Now.UIDNext-g.Since.UIDNext) == int64(g.Now.Exists) || g.Now.Exists > longestSearch {
		return nil
	}
	g.search = &searching{other: g.take}
	return g.sendOne(ctx, g.at.searchAll(), g.search.take)
}

func (g *glance) sendOne(ctx context.Context, line string, take func(wire.Line) error) error {
	part := &partly{}
	one, err := g.at.s.w.Send(ctx, line, part.hear(take))
	if err == nil {
		g.sent, g.parts = append(g.sent, one), append(g.parts, part)
	}
	return err
}

// take takes an answer that follows EXAMINE's. Where that one was refused, it is of no mailbox, or of the one before.
func (g *glance) take(l wire.Line) error {
	if !g.at.hasExists {
		return nil
	}
	return g.collected().take(l)
}

func (g *glance) collected() *collector {
	if g.c == nil {
		g.c = newCollector(g.kw, g.at.mark.Exists)
	}
	return g.c
}

// errOdd means that the commands were done in another order, or for some of the messages only.
var errOdd = errors.New("the server did not do what it was sent as it was sent")

// wait waits until all that was sent is answered, and returns the first error.
func (g *glance) wait(ctx context.Context) error {
	first := g.err
	for i, one := range g.sent {
		ok, err := one.Wait(ctx)
		if g.parts[i].tagged(ok.Code); err == nil && (one.Crossed() || g.parts[i].code != "") {
			err = errOdd
			g.at.s.a.server.inTurn.Store(true)
		}
		if err != nil && (first == nil || i == 0) {
			first = err
		}
	}
	return first
}

// answer is what Scan returns for a request, nil where that is not what was asked here.
func (g *glance) answer(req *state.ScanRequest) *state.ServerSnapshot {
	names := g.Keywords.Names()
	if g.err != nil || req.Since != g.Since || req.Full && g.delta || !slices.Equal(names, req.Keywords.Names()) {
		return nil
	}
	at := g.at
	at.confirmed()
	sc := scanning{at, req}
	renumbered := req.Since.UIDValidity != 0 && at.mark.UIDValidity != req.Since.UIDValidity // see openToScan
	if !at.hasExists || at.mark.UIDValidity == 0 || renumbered || g.delta && !sc.canDelta() {
		return nil
	}
	if needed := at.mark.Exists > 0 && (!g.delta || at.mark.ModSeq != req.Since.ModSeq); needed && !g.asked {
		return nil
	}
	snap := g.judge(sc)
	if snap == nil {
		return nil
	}
	for _, name := range g.kw.Names()[len(names):] {
		req.Keywords.Bit(name) // the same one as in g.kw
	}
	return at.described(snap, req)
}

// judge is what a listing shows, nil where another command is needed to know.
func (g *glance) judge(sc scanning) *state.ServerSnapshot {
	c := g.collected()
	if !g.delta {
		snap, _ := sc.whole(c)
		if !snap.Complete {
			return nil
		}
		return snap
	}
	snap, addsUp := sc.changes(c)
	switch {
	case snap == nil || addsUp:
		return snap
	case g.search == nil || g.search.odd != nil:
		return nil
	}
	g.search.found.sort()
	return sc.without(g.search.found, c, snap)
}

// worthwhile is how many connections beside the first one are worth being made for so many messages, or so many octets of
// them: each takes as long to be made as a hundred messages take to arrive, or longer.
func worthwhile(messages int, octets int64) int { return max(messages/100, int(octets>>21)) }
