package report

import (
	"slices"
	"sync/atomic"
	"time"
)

// progress is how far an account's run is. The counters are changed without a lock: bodies arrive in
// pieces of a few kilobytes, on several connections.
type progress struct {
	messages, bytes atomic.Int64 // bodies that are to be moved
	done, arrived   atomic.Int64 // of these
	received        atomic.Int64 // bytes that arrived, also of what has to arrive again: it only grows
	planned         atomic.Bool

	// The report's mutex guards the rest.
	mailboxes, finished int
	working             []string  // mailboxes in work
	doing, in           string    // what, and in which mailbox
	same                string    // what was done at the last look,
	since               time.Time // and since when
	speed               speed
	shown               pace
}

// pace is what the line says about the speed. It changes once a second, so that it can be read.
type pace struct {
	at              time.Time
	bytes, messages float64 // a second
	left, still     time.Duration
}

// Listed sets how many mailboxes the run is about.
func (a *Account) Listed(mailboxes int) {
	defer a.begin().mu.Unlock()
	a.progress.mailboxes = mailboxes
}

// Mailbox notes that work on a mailbox begins or ends.
func (a *Account) Mailbox(name string, done bool) {
	defer a.begin().mu.Unlock()
	p := &a.progress
	if !done {
		p.working = append(p.working, name)
		return
	}
	p.finished++
	if i := slices.Index(p.working, name); i >= 0 {
		p.working = slices.Delete(p.working, i, i+1)
	}
}

// Doing sets what the run does now, and in which mailbox, "" for none or several.
func (a *Account) Doing(what, mailbox string) {
	defer a.begin().mu.Unlock()
	a.progress.doing, a.progress.in = what, mailbox
}

// Planned adds bodies that are to be moved, and their bytes, or takes them off.
func (a *Account) Planned(messages int, bytes int64) {
	p := &a.progress
	p.messages.Add(int64(messages))
	p.bytes.Add(bytes)
	p.planned.Store(true)
}

// Arrived adds bodies that were moved, and bytes of them as they arrive, or takes back what has to be
// moved again. It takes no lock.
func (a *Account) Arrived(messages int, bytes int64) {
	p := &a.progress
	p.done.Add(int64(messages))
	p.arrived.Add(bytes)
	if bytes > 0 {
		p.received.Add(bytes)
	}
}

// tally is the counters of an account at one time.
type tally struct {
	planned         bool
	messages, bytes int64
	done, arrived   int64
}

// read reads the counters. They are read one by one while others write: none is shown beyond its total.
func (p *progress) read() tally {
	c := tally{planned: p.planned.Load(), done: p.done.Load(), arrived: p.arrived.Load()}
	c.messages, c.bytes = max(0, p.messages.Load()), max(0, p.bytes.Load())
	c.done, c.arrived = min(max(0, c.done), c.messages), min(max(0, c.arrived), c.bytes)
	return c
}

func (c *tally) add(more tally) {
	c.messages += more.messages
	c.bytes += more.bytes
	c.done += more.done
	c.arrived += more.arrived
}

// finished reports whether nothing is left to be moved.
func (c tally) finished() bool { return c.arrived >= c.bytes && c.done >= c.messages }

// percent is how much of all has arrived, -1 where that is not known: of the bytes, or of the messages where
// the server announced no sizes. 100 is all.
func (c tally) percent() int {
	switch {
	case !c.planned || c.messages == 0 && c.bytes == 0:
		return -1
	case c.arrived < c.bytes || c.messages == 0:
		return int(float64(c.arrived) / float64(c.bytes) * 100)
	}
	return int(c.done * 100 / c.messages)
}

// paceOf measures the speed of an account.
func (p *progress) paceOf(now time.Time, c tally) pace {
	p.speed.add(sample{now, p.received.Load(), c.done})
	if now.Sub(p.shown.at) < time.Second {
		return p.shown
	}
	s := pace{at: now, still: p.speed.still(now)}
	s.bytes, s.messages = p.speed.rates()
	s.left = left(c.bytes-c.arrived, c.messages-c.done, s.bytes, s.messages)
	p.shown = s
	return s
}
