package restore

import (
	"sync"

	"mailsync/state"
	"mailsync/sync/port"
)

// What an earlier run sent to another server stands in a ledger. An entry without a UID is open: what became of the
// message is not known.

// sharedLedger is a ledger that several mailboxes use at once.
type sharedLedger struct {
	mu     sync.Mutex
	ledger port.Ledger
}

func (l *sharedLedger) Sent(raw string, uidValidity uint32) []state.Sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ledger.Sent(raw, uidValidity)
}

func (l *sharedLedger) Intend(sent []state.Sent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ledger.Intend(sent)
}

func (l *sharedLedger) Settle(sent []state.Sent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ledger.Settle(sent)
}

// remember tells the ledger what was found there, and that what was open is over.
func (t *transfer) remember() error {
	known := map[state.UID]bool{}
	var over, found []state.Sent
	for _, s := range t.m.sent {
		if s.UID == 0 {
			s.Confirmed = false // what was found is noted below; the rest is not there
			over = append(over, s)
		}
		known[s.UID] = true
	}
	for _, c := range t.m.local {
		if c.there == nil || known[c.there.UID] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		found = append(found, state.Sent{Raw: t.m.raw, UIDValidity: t.m.mark.UIDValidity, UIDNext: uint32(c.there.UID),
			Bytes: c.ident.Size, Digest: d, UID: c.there.UID})
	}
	if len(over)+len(found) == 0 {
		return nil
	}
	if err := t.Step("note %d in restore's record", len(over)+len(found)); err != nil {
		return err
	}
	if err := t.ledger.Intend(found); err != nil {
		return err
	}
	return t.ledger.Settle(append(over, found...))
}

// remembered takes what an earlier run put there and is there still.
func (m *matching) remembered() error {
	m.from = map[[state.DigestSize]byte]uint32{}
	sizes := map[int64]bool{}
	there := map[[state.DigestSize]byte][]*offered{}
	for _, s := range m.sent {
		sizes[s.Bytes] = true
		if s.UID == 0 {
			m.from[s.Digest] = s.UIDNext
			continue
		}
		if o := m.byUID[s.UID]; o != nil && !o.taken {
			o.taken = true
			there[s.Digest] = append(there[s.Digest], o)
		}
	}
	for _, c := range m.local {
		if !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		if own := there[d]; len(own) > 0 {
			c.there, there[d] = own[0], own[1:]
		}
	}
	for _, own := range there {
		for _, o := range own {
			o.taken = false // nobody here asks for it: it may be a match for another one
		}
	}
	return nil
}

// open are the intents of which it is not known what became of them.
func (m *matching) open() (open []state.Sent) {
	for _, s := range m.sent {
		if s.UID == 0 {
			open = append(open, s)
		}
	}
	return open
}

// missed are the open intents whose message was not found.
func (m *matching) missed() (missed []state.Sent) {
	found := map[[state.DigestSize]byte]int{}
	known := map[state.UID]bool{}
	for _, s := range m.sent {
		known[s.UID] = true
	}
	for _, c := range m.local {
		if c.there != nil && !known[c.there.UID] {
			if d, err := c.digest(); err == nil {
				found[d]++
			}
		}
	}
	for _, s := range m.open() {
		if found[s.Digest]--; found[s.Digest] < 0 {
			missed = append(missed, s)
		}
	}
	return missed
}

// awaits reports whether an intent is open to have sent what a file holds, and with which UIDNEXT: its message
// may be any that came since, whatever the server made of its header.
func (m *matching) awaits(c *message) (next uint32, open bool, err error) {
	if len(m.from) == 0 {
		return 0, false, nil
	}
	d, err := c.digest()
	if err != nil {
		return 0, false, err
	}
	next, open = m.from[d]
	return next, open, nil
}

// wasUnanswered tells of a message that is not there whether an earlier run sent it and got no answer.
func (m *matching) wasUnanswered() func(*message) bool {
	open, sizes := map[[state.DigestSize]byte]bool{}, map[int64]bool{}
	for _, s := range m.open() {
		if !s.Confirmed {
			open[s.Digest], sizes[s.Bytes] = true, true
		}
	}
	return func(c *message) bool {
		if !sizes[c.ident.Size] {
			return false
		}
		d, err := c.digest()
		return err == nil && open[d]
	}
}
