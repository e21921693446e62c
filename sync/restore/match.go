package restore

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// What is on the server already is not sent again. First restore's own record is read; the
// rest is matched as a multiset: n equal files need n messages. Messages may be the same if they have
// one Message-ID, or one size without any; the bytes
// decide, for a message that is wrongly taken for another one would be lost.

// offered is a message on the server that no file is matched with yet.
type offered struct {
	state.OnServer
	taken bool
	keys  []match.Content // as keysOf returns them, once its Message-ID is known
	sum   *match.Sums     // once it was fetched
}

// matching pairs the local messages of one target with those in the mailbox.
type matching struct {
	server   port.Server
	raw      string
	mark     state.Mark
	onServer []*offered
	byUID    map[state.UID]*offered
	local    []*message
	least    int // how alike a message is at the least that an open intent became
	sent     []state.Intent
}

// list takes in what a listing of the mailbox shows that may be one of the local messages.
func (m *matching) list(mark state.Mark, msgs []state.OnServer) {
	m.mark = mark
	m.onServer, m.byUID = nil, map[state.UID]*offered{}
	for _, c := range m.local {
		c.there = nil
	}
	for _, msg := range msgs {
		o := &offered{OnServer: msg}
		m.onServer = append(m.onServer, o)
		m.byUID[msg.UID] = o
		m.mark.UIDNext = max(m.mark.UIDNext, uint32(msg.UID)+1)
	}
}

// match finds the local messages that are there already.
func (m *matching) match(ctx context.Context) error {
	if err := m.remembered(); err != nil {
		return err
	}
	if err := m.awaited(ctx); err != nil {
		return err
	}
	if len(m.unmatched()) == 0 || len(m.free()) == 0 {
		return nil
	}
	if err := m.identify(ctx); err != nil {
		return err
	}
	if err := m.fetch(ctx); err != nil {
		return err
	}
	return m.same()
}

// unmatched are the local messages that are not there.
func (m *matching) unmatched() (left []*message) {
	for _, c := range m.local {
		if c.there == nil {
			left = append(left, c)
		}
	}
	return left
}

func (m *matching) free() (free []*offered) {
	for _, o := range m.onServer {
		if !o.taken {
			free = append(free, o)
		}
	}
	return free
}

// messageIDs asks for the Message-IDs of messages.
func (m *matching) messageIDs(ctx context.Context, of []*offered) (map[state.UID]string, error) {
	uids := make([]state.UID, len(of))
	for i, o := range of {
		uids[i] = o.UID
	}
	idents, err := m.server.Idents(ctx, m.raw, m.mark.UIDValidity, uids)
	return match.MessageIDs(idents), err
}

// identify finds the keys of what is not matched yet.
func (m *matching) identify(ctx context.Context) error {
	ids, err := m.messageIDs(ctx, m.free())
	if err != nil {
		return err
	}
	for _, o := range m.free() {
		if id, there := ids[o.UID]; there {
			o.keys = keysOf(id, o.Size, o.Date)
		}
	}
	return nil
}

func (c *message) pair(o *offered) { c.there, o.taken = o, true }

// keysOf returns keys of which two messages that may be the same share one: the Message-ID, or without it
// the size or the date.
func keysOf(messageID string, size, date int64) []match.Content {
	if messageID != "" {
		return []match.Content{{MessageID: messageID}}
	}
	return []match.Content{{Size: size, Date: state.NoDate}, {Size: -1, Date: date}}
}

func (c *message) keys() []match.Content {
	return keysOf(c.ident.MessageID, c.ident.Size, c.ident.Date)
}

// fetch digests the bodies that have to decide.
func (m *matching) fetch(ctx context.Context) error {
	could := map[match.Content]bool{}
	for _, c := range m.unmatched() {
		for _, k := range c.keys() {
			could[k] = true
		}
	}
	var uids []state.UID
	for _, o := range m.free() {
		if slices.ContainsFunc(o.keys, func(k match.Content) bool { return could[k] }) {
			uids = append(uids, o.UID)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	of, broke, err := match.Digests(ctx, m.server, m.raw, m.mark, uids)
	if err == nil {
		err = broke
	}
	if err != nil {
		return err
	}
	for uid, s := range of {
		m.byUID[uid].sum = s
	}
	return nil
}

// same matches by digest: first of all bytes, then of those that no server changes.
func (m *matching) same() error {
	err := m.sameBy(func(s *match.Sums) [state.DigestSize]byte { return s.Exact }, (*message).digest)
	if err != nil {
		return err
	}
	return m.sameBy(func(s *match.Sums) [state.DigestSize]byte { return s.Loose }, func(c *message) ([state.DigestSize]byte, error) {
		s, err := c.sums()
		if err != nil {
			return [state.DigestSize]byte{}, err
		}
		return s.Loose, nil
	})
}

// likeness is what two messages have in common that are one: a key of keysOf, and a digest.
type likeness struct {
	match.Content
	digest [state.DigestSize]byte
}

// sameBy matches by one digest, there and here.
func (m *matching) sameBy(there func(*match.Sums) [state.DigestSize]byte, here func(*message) ([state.DigestSize]byte, error)) error {
	taken := func(o *offered) bool { return o.taken }
	left := map[match.Content]bool{}
	alike := plan.Pool[likeness, *offered]{}
	for _, o := range m.free() {
		if o.sum == nil {
			continue
		}
		for _, k := range o.keys {
			left[k] = true
			alike.Add(likeness{k, there(o.sum)}, o)
		}
	}
	for _, c := range m.unmatched() {
		keys := slices.DeleteFunc(c.keys(), func(k match.Content) bool { return !left[k] })
		if len(keys) == 0 {
			continue
		}
		digest, err := here(c)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if same := alike.Rest(likeness{k, digest}, taken); c.there == nil && len(same) > 0 {
				c.pair(same[0])
			}
		}
	}
	return nil
}
