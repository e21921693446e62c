package sync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"hash/fnv"
	"io"
	"slices"

	"mailsync/state"
)

// What is on the server already is not sent again. First restore's own memory is asked;
// what that does not know is matched as a multiset: n equal files need n messages. A
// Message-ID, or without one the size, says which messages may be the same; the bytes
// decide, for a message that is wrongly taken for another one would be lost.

// offered is a message on the server that no file is matched with yet.
type offered struct {
	state.OnServer
	taken bool
	sum   *sums // once it was fetched
}

// sums are digests of a message: of all its bytes, and of those that no server changes
// (line ends, and NUL and 8-bit octets, in the place of which Cyrus puts an X into headers);
// of its body, and of each field of its header, but for blanks.
type sums struct {
	exact, loose, body [state.DigestSize]byte
	fields             []uint64
}

// matching pairs the cargo of one goal with what is in the mailbox.
type matching struct {
	r       *restoring
	raw     string
	mark    state.Mark
	msgs    []*offered
	byUID   map[state.UID]*offered
	byIdent map[content][]*offered // as keysOf says
	cargo   []*cargo
	to      []*offered // for each cargo, nil: it is to be sent
	sent    []state.Sent
	from    map[[state.DigestSize]byte]uint32 // UIDNEXT of open intents

	confirmed []confirmed // by the server, in this run
}

// match finds the cargo that is there already.
func (m *matching) match(ctx context.Context) error {
	if err := m.remembered(); err != nil {
		return err
	}
	if err := m.awaited(ctx); err != nil {
		return err
	}
	if m.left() == 0 || len(m.free()) == 0 {
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
	for i, c := range m.cargo {
		if !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		if own := there[d]; len(own) > 0 {
			m.to[i], there[d] = own[0], own[1:]
		}
	}
	for _, own := range there {
		for _, o := range own {
			o.taken = false // nobody here asks for it: it may be a match for another one
		}
	}
	return nil
}

// awaited finds what an earlier run sent without being told a UID, whatever the server made
// of it. A confirmed message is there as long as anything is that can be it.
func (m *matching) awaited(ctx context.Context) error {
	var sent []dispatched
	var which []int
	known, sizes := map[state.UID]bool{}, map[int64]bool{}
	for _, s := range m.sent {
		known[s.UID] = true
		sizes[s.Bytes] = sizes[s.Bytes] || s.UID == 0
	}
	of := map[[state.DigestSize]byte][]int{}
	for i, c := range m.cargo {
		if m.to[i] != nil || !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		of[d] = append(of[d], i)
	}
	for _, s := range m.open() {
		if left := of[s.Digest]; len(left) > 0 {
			c := m.cargo[left[0]]
			which, of[s.Digest] = append(which, left[0]), left[1:]
			sent = append(sent, dispatched{next: s.UIDNext, bytes: s.Bytes, date: c.ident.Date, messageID: c.ident.MessageID, confirmed: s.Confirmed})
		}
	}
	if len(sent) == 0 {
		return nil
	}
	free := slices.DeleteFunc(m.free(), func(o *offered) bool { return known[o.UID] })
	to, err := m.became(ctx, which, sent, free, alikeByNumber)
	if err != nil {
		return err
	}
	for j, k := range to {
		if k >= 0 {
			m.pair(which[j], free[k])
		}
	}
	return nil
}

// became finds what messages of the cargo became that were sent, among those of the mailbox that may
// be it; to[i] is the place of what sent[i] became, -1 without.
func (m *matching) became(ctx context.Context, which []int, sent []dispatched, among []*offered, least int) (to []int, err error) {
	lowest := ^uint32(0)
	for _, d := range sent {
		lowest = min(lowest, d.next)
	}
	came := make([]newcomer, len(among))
	var uids []state.UID
	at := map[state.UID]int{}
	for k, o := range among {
		came[k] = newcomer{uid: o.UID, size: o.Size, date: o.Date, sums: o.sum}
		at[o.UID] = k
		if uint64(o.UID) >= uint64(lowest) {
			uids = append(uids, o.UID)
		}
	}
	to = unpaired(len(sent))
	if len(uids) == 0 {
		return to, nil
	}
	slices.Sort(uids)
	idents, err := m.r.Server.Idents(ctx, m.raw, m.mark.UIDValidity, uids)
	if err != nil {
		return nil, err
	}
	for _, id := range idents {
		if k, listed := at[id.UID]; listed {
			came[k].messageID = id.MessageID
		}
	}
	pairByMessageID(sent, came, to)
	ask := undecided(sent, came, to)
	if len(ask) == 0 {
		return to, nil
	}
	for i := range sent {
		if to[i] < 0 {
			if sent[i].sums, err = m.cargo[which[i]].sums(); err != nil {
				return nil, err
			}
		}
	}
	d := &digesting{raw: m.raw, mark: m.mark, turn: newTurn(), sums: map[state.UID]*sums{}}
	for _, k := range ask {
		if came[k].sums == nil {
			d.uids = append(d.uids, came[k].uid)
		}
	}
	slices.Sort(d.uids)
	if err := m.r.Server.Fetch(ctx, d); err != nil {
		return nil, err
	}
	if ends(d.err) {
		return nil, d.err
	}
	for _, k := range ask {
		if s := d.sums[came[k].uid]; s != nil {
			came[k].sums, among[k].sum = s, s
		}
	}
	pairByBytes(sent, came, to, least)
	return to, nil
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
	for i, o := range m.to {
		if o != nil && !known[o.UID] {
			if d, err := m.cargo[i].digest(); err == nil {
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

func (m *matching) left() int {
	n := 0
	for _, o := range m.to {
		if o == nil {
			n++
		}
	}
	return n
}

func (m *matching) free() (free []*offered) {
	for _, o := range m.msgs {
		if !o.taken {
			free = append(free, o)
		}
	}
	return free
}

// identify asks for the Message-IDs of what is not matched yet.
func (m *matching) identify(ctx context.Context) error {
	var uids []state.UID
	for _, o := range m.free() {
		uids = append(uids, o.UID)
	}
	idents, err := m.r.Server.Idents(ctx, m.raw, m.mark.UIDValidity, uids)
	if err != nil {
		return err
	}
	m.byIdent = map[content][]*offered{}
	for _, id := range idents {
		o := m.byUID[id.UID]
		if o == nil {
			continue
		}
		for _, k := range keysOf(id.MessageID, o.Size, o.Date) {
			m.byIdent[k] = append(m.byIdent[k], o)
		}
	}
	return nil
}

func (m *matching) pair(i int, o *offered) { m.to[i], o.taken = o, true }

// keysOf say which messages may be the same: those with one Message-ID, or of those without
// any, those of one size or one date.
func keysOf(messageID string, size, date int64) []content {
	if messageID != "" {
		return []content{{messageID: messageID}}
	}
	return []content{{size: size, date: state.NoDate}, {size: -1, date: date}}
}

// candidates are the messages that a file could be, if their bytes are the same.
func (m *matching) candidates(c *cargo) (out []*offered, err error) {
	next, open := uint32(0), false
	if len(m.from) > 0 {
		d, err := c.digest()
		if err != nil {
			return nil, err
		}
		next, open = m.from[d]
	}
	for _, k := range keysOf(c.ident.MessageID, c.ident.Size, c.ident.Date) {
		out = append(out, m.byIdent[k]...)
	}
	if open {
		for _, o := range m.msgs {
			if uint32(o.UID) >= next {
				out = append(out, o)
			}
		}
	}
	return slices.DeleteFunc(out, func(o *offered) bool { return o.taken }), nil
}

// fetch digests the bodies that have to decide.
func (m *matching) fetch(ctx context.Context) error {
	d := &digesting{raw: m.raw, mark: m.mark, turn: newTurn(), sums: map[state.UID]*sums{}}
	asked := map[state.UID]bool{}
	for i, c := range m.cargo {
		if m.to[i] != nil {
			continue
		}
		candidates, err := m.candidates(c)
		if err != nil {
			return err
		}
		for _, o := range candidates {
			if !asked[o.UID] {
				asked[o.UID] = true
				d.uids = append(d.uids, o.UID)
			}
		}
	}
	if len(d.uids) == 0 {
		return nil
	}
	slices.Sort(d.uids)
	if err := m.r.Server.Fetch(ctx, d); err != nil {
		return err
	}
	if d.err != nil {
		return d.err
	}
	for uid, s := range d.sums {
		m.byUID[uid].sum = s
	}
	return nil
}

// same matches by digest: first of all bytes, then of those that no server changes.
func (m *matching) same() error {
	for _, exact := range []bool{true, false} {
		for i, c := range m.cargo {
			if m.to[i] != nil {
				continue
			}
			candidates, err := m.candidates(c)
			if err != nil {
				return err
			}
			candidates = slices.DeleteFunc(candidates, func(o *offered) bool { return o.sum == nil })
			if len(candidates) == 0 {
				continue
			}
			want, err := c.sums()
			if err != nil {
				return err
			}
			for _, o := range candidates {
				if o.taken {
					continue
				}
				if exact && o.sum.exact == want.exact || !exact && o.sum.loose == want.loose {
					m.pair(i, o)
					break
				}
			}
		}
	}
	return nil
}

// sums are a file's.
func (c *cargo) sums() (*sums, error) {
	if _, err := c.read(); err != nil {
		return nil, err
	}
	body, err := c.open()
	if err != nil {
		return nil, err
	}
	s, err := sumsOf(body)
	return s, errors.Join(err, body.Close())
}

func sumsOf(r io.Reader) (*sums, error) {
	all, loose, parts := sha256.New(), &plain{h: sha256.New()}, &parts{body: plain{h: sha256.New(), blanks: true}}
	if _, err := io.Copy(io.MultiWriter(all, loose, parts), r); err != nil {
		return nil, err
	}
	parts.end()
	s := &sums{fields: parts.fields}
	all.Sum(s.exact[:0])
	loose.h.Sum(s.loose[:0])
	parts.body.h.Sum(s.body[:0])
	return s, nil
}

// plain digests what no server changes.
type plain struct {
	h      hash.Hash
	blanks bool // that blanks are left out as well
	buf    []byte
}

func (p *plain) Write(b []byte) (int, error) {
	p.buf = p.buf[:0]
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 && c != 'X' && c < 0x80 && !(p.blanks && (c == ' ' || c == '\t')) {
			p.buf = append(p.buf, c)
		}
	}
	_, _ = p.h.Write(p.buf) // a hash returns no error
	return len(b), nil
}

// mostFields bounds what is kept of a header; further fields say nothing.
const mostFields = 1000

// parts digests a header field by field, and the body.
type parts struct {
	body   plain
	fields []uint64
	field  *plain // of the field that is being read
	inBody bool
	middle bool // of a line
	empty  bool // the line has nothing but a CR so far
}

func (p *parts) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && !p.inBody {
		if !p.middle {
			if b[0] != ' ' && b[0] != '\t' {
				p.end()
			}
			p.middle, p.empty = true, true
		}
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		p.empty = p.empty && len(bytes.Trim(line, "\r")) == 0
		if !p.empty {
			if p.field == nil {
				p.field = &plain{h: fnv.New64a(), blanks: true}
			}
			_, _ = p.field.Write(line)
		}
		b = rest
		if whole {
			p.middle, p.inBody = false, p.empty
		}
	}
	_, _ = p.body.Write(b)
	return n, nil
}

// end ends the field that was being read.
func (p *parts) end() {
	if p.field != nil && len(p.fields) < mostFields {
		p.fields = append(p.fields, p.field.h.(hash.Hash64).Sum64())
	}
	p.field = nil
}

// digesting is a Work that digests bodies.
type digesting struct {
	raw  string
	mark state.Mark
	uids []state.UID // not asked for yet
	next int
	turn turn // guards all
	sums map[state.UID]*sums
	err  error
}

func (d *digesting) Next(string) (state.Item, bool) {
	d.turn.take()
	defer d.turn.give()
	n := min(itemUIDs, len(d.uids))
	if n == 0 || d.err != nil {
		return state.Item{}, false
	}
	d.next++
	item := state.Item{ID: d.next, Raw: d.raw, UIDValidity: d.mark.UIDValidity, UIDs: d.uids[:n]}
	d.uids = d.uids[n:]
	return item, true
}

func (d *digesting) Body(_ state.Item, msg state.Incoming, r io.Reader) error {
	s, err := sumsOf(r)
	if err != nil {
		return nil // the command will not end well
	}
	d.turn.take()
	defer d.turn.give()
	d.sums[msg.UID] = s
	return nil
}

func (d *digesting) Done(item state.Item, err error) {
	d.turn.take()
	defer d.turn.give()
	if err == nil {
		return
	}
	for _, uid := range item.UIDs {
		delete(d.sums, uid)
	}
	d.err = errors.Join(d.err, err)
}
