package fetch

import (
	"io"

	"mailsync/state"
	"mailsync/sync/plan"
)

// This file counts bodies for those who look on, while they arrive: on a slow line minutes pass between two
// items that are durable. What has to be fetched again is taken back, and an announced length that was
// wrong is put right, so that it adds up to what was planned.

// counting counts the octets of a body that are read.
type counting struct {
	r     io.Reader
	f     *fetching
	a     *arrival
	ahead int64 // octets of it that Arriving counted
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	a := c.a
	a.counted += int64(n)
	known := min(c.ahead, int64(n))
	c.ahead -= known
	if over := a.counted - a.planned; over > 0 {
		c.f.replan(a, over)
	}
	c.f.Arrived(0, int64(n)-known)
	if err == io.EOF && !a.complete {
		a.complete = true
		c.f.replan(a, a.counted-a.planned)
		c.f.Arrived(1, 0)
	}
	return n, err
}

// replan corrects what a body was planned with.
func (f *fetching) replan(a *arrival, octets int64) {
	a.planned += octets
	f.Planned(0, octets)
}

// counted makes the reader of a body count.
func (f *fetching) counted(p *parcel, a *arrival, r io.Reader) io.Reader {
	a.planned = max(0, a.op.Size)
	return &counting{r: r, f: f, a: a, ahead: p.ahead.Swap(0)}
}

// Arriving counts octets that the backend has received of a message that it has not given to Body.
func (f *fetching) Arriving(item state.Item, octets int) {
	f.mu.Lock()
	p := f.parcels[item.ID]
	f.mu.Unlock()
	if p != nil {
		p.ahead.Add(int64(octets))
		f.Arrived(0, int64(octets))
	}
}

// uncount takes back what was counted of an item, but for the bodies that are kept.
func (f *fetching) uncount(p *parcel, kept func(*arrival) bool) {
	f.Arrived(0, -p.ahead.Swap(0))
	for _, a := range p.got {
		if kept(a) {
			continue
		}
		messages := 0
		if a.complete {
			messages = 1
		}
		f.Arrived(-messages, -a.counted)
		f.replan(a, max(0, a.op.Size)-a.planned)
		a.counted, a.complete = 0, false
	}
}

// forgo takes operations that will not be tried again in this run out of what is planned.
func (f *fetching) forgo(ops []plan.Op) {
	f.Planned(-len(ops), -announced(ops))
}

// forgoRest does so with all that is left to do in a mailbox.
func (f *fetching) forgoRest(q *queue) {
	f.mu.Lock()
	messages, octets, again := q.ops.Len(), q.bytes, q.again
	f.mu.Unlock()
	f.Planned(-messages, -octets)
	for _, ops := range again {
		f.forgo(ops)
	}
}
