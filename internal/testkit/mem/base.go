// Package mem holds a server's account and a base in memory, for tests of the engine.
package mem

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	gosync "sync"

	"mailsync/state"
	"mailsync/sync/port"
)

// Base is the memory of one account, in memory. It keeps the promises of sync.Base,
// durability aside: what goes in and what comes out are copies, and a commit happens
// whole or not at all.
type Base struct {
	mu        gosync.Mutex
	account   state.AccountRow
	mailboxes []*mailbox
	gens      map[state.GenID]*generation
	restored  generation // of no mailbox
}

var _ port.Base = (*Base)(nil)

type mailbox struct {
	row  state.MailboxRow // without its generations
	gens []*generation
}

type generation struct {
	row     state.Generation
	box     *mailbox
	records map[state.UID]state.Record
	proofs  map[state.UID]state.Proof
	uidls   map[state.UID]string
	intents map[state.IntentKey]state.Intent
	departs map[state.UID]state.Departure
}

// NewBase returns an empty base.
func NewBase() *Base {
	return &Base{restored: generation{box: &mailbox{}, intents: map[state.IntentKey]state.Intent{}}}
}

// Account returns the account's row, the zero one before the first SetAccount.
func (b *Base) Account(context.Context) (state.AccountRow, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.account, nil
}

// SetAccount replaces the account's row. There is no file, so an Ino of 0 stays 0.
func (b *Base) SetAccount(_ context.Context, a state.AccountRow) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.account = a
	return nil
}

// Mailboxes returns a copy of every mailbox, sorted by path.
func (b *Base) Mailboxes(context.Context) ([]state.MailboxRow, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := make([]state.MailboxRow, 0, len(b.mailboxes))
	for _, m := range b.mailboxes {
		rows = append(rows, m.copy())
	}
	slices.SortFunc(rows, func(x, y state.MailboxRow) int { return cmp.Compare(x.Path, y.Path) })
	return rows, nil
}

func (m *mailbox) copy() state.MailboxRow {
	row := m.row
	row.Keywords = slices.Clone(row.Keywords)
	for _, g := range m.gens {
		row.Generations = append(row.Generations, g.row)
	}
	return row
}

// SaveMailbox inserts or updates a mailbox and those generations that row has.
func (b *Base) SaveMailbox(_ context.Context, row *state.MailboxRow) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	box, err := b.boxFor(row)
	if err != nil {
		return err
	}
	words, err := state.GrowKeywords(box.row.Keywords, row.Keywords)
	if err != nil {
		return fmt.Errorf("save mailbox %q: %w", row.Path, err)
	}
	for _, g := range row.Generations {
		if known := b.gens[g.ID]; g.ID != 0 && (known == nil || known.box != box) {
			return fmt.Errorf("save mailbox %q: it has no generation %d", row.Path, g.ID)
		}
	}
	if box.row.ID == 0 {
		box.row.ID = int64(len(b.mailboxes)) + 1
		b.mailboxes = append(b.mailboxes, box)
	}
	box.row = state.MailboxRow{ID: box.row.ID, Raw: row.Raw, Path: row.Path, Sep: row.Sep,
		Role: row.Role, Use: row.Use, MailboxID: row.MailboxID, Keywords: words}
	for i := range row.Generations {
		b.saveGeneration(box, &row.Generations[i])
	}
	row.ID, row.Keywords = box.row.ID, slices.Clone(words)
	return nil
}

// boxFor returns the mailbox that row updates, or a new one that is not in the base yet.
func (b *Base) boxFor(row *state.MailboxRow) (*mailbox, error) {
	box := &mailbox{}
	for _, m := range b.mailboxes {
		if m.row.ID == row.ID {
			box = m
		} else if m.row.Path == row.Path {
			return nil, fmt.Errorf("save mailbox %q: another mailbox has this path", row.Path)
		}
	}
	if row.ID != 0 && box.row.ID == 0 {
		return nil, fmt.Errorf("save mailbox %q: there is no mailbox %d", row.Path, row.ID)
	}
	return box, nil
}

// saveGeneration stores row and fills in its ID and tally.
func (b *Base) saveGeneration(box *mailbox, row *state.Generation) {
	g := b.gens[row.ID]
	if g == nil {
		if b.gens == nil {
			b.gens = map[state.GenID]*generation{}
		}
		g = &generation{box: box, records: map[state.UID]state.Record{}, proofs: map[state.UID]state.Proof{},
			uidls: map[state.UID]string{}, intents: map[state.IntentKey]state.Intent{}, departs: map[state.UID]state.Departure{}}
		row.ID = state.GenID(len(b.gens)) + 1
		b.gens[row.ID] = g
		box.gens = append(box.gens, g)
	}
	row.Tally = g.row.Tally
	g.row = *row
}

// Records returns copies of a generation's records, sorted by UID.
func (b *Base) Records(_ context.Context, gen state.GenID) ([]state.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.generation(gen)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(g.records), func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) }), nil
}

// Proofs returns the proofs of those UIDs that have one; nil asks for all.
func (b *Base) Proofs(_ context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.generation(gen)
	if err != nil {
		return nil, err
	}
	if uids == nil {
		return maps.Clone(g.proofs), nil
	}
	out := map[state.UID]state.Proof{}
	for _, uid := range uids {
		if p, ok := g.proofs[uid]; ok {
			out[uid] = p
		}
	}
	return out, nil
}

// UIDLs returns a generation's POP3 unique-ids, sorted by UID.
func (b *Base) UIDLs(_ context.Context, gen state.GenID) ([]state.UIDL, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.generation(gen)
	if err != nil {
		return nil, err
	}
	var out []state.UIDL
	for _, uid := range slices.Sorted(maps.Keys(g.uidls)) {
		out = append(out, state.UIDL{UID: uid, UIDL: g.uidls[uid]})
	}
	return out, nil
}

// Intents returns a generation's open intents, sorted by key.
func (b *Base) Intents(_ context.Context, gen state.GenID) ([]state.Intent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.generation(gen)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(g.intents), func(x, y state.Intent) int { return x.Key.Compare(y.Key) }), nil
}

// Departures returns what archive runs took off the server, sorted by UID.
func (b *Base) Departures(_ context.Context, gen state.GenID) ([]state.Departure, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.generation(gen)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(g.departs), func(x, y state.Departure) int { return cmp.Compare(x.UID, y.UID) }), nil
}

func (b *Base) generation(id state.GenID) (*generation, error) {
	if g := b.gens[id]; g != nil {
		return g, nil
	}
	if id == 0 {
		return &b.restored, nil
	}
	return nil, fmt.Errorf("there is no generation %d", id)
}
