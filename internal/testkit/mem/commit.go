package mem

import (
	"context"
	"fmt"

	"mailsync/state"
)

// Commit applies one transaction whole, or refuses it whole.
func (b *Base) Commit(_ context.Context, c state.Commit) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, err := b.generation(c.Gen)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	words := g.box.row.Keywords
	if c.Keywords != nil {
		if words, err = state.GrowKeywords(words, c.Keywords); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	g.box.row.Keywords = words
	g.apply(c)
	return nil
}

func (g *generation) apply(c state.Commit) {
	for _, uid := range c.Forget {
		g.drop(uid)
		delete(g.proofs, uid)
		delete(g.uidls, uid)
		delete(g.departs, uid)
	}
	for _, key := range c.Settle {
		delete(g.intents, key)
	}
	for _, r := range c.Put {
		g.drop(r.UID)
		g.records[r.UID] = r
		g.row.Tally.Add(r)
	}
	for _, p := range c.Proofs {
		g.proofs[p.UID] = p
	}
	for _, u := range c.UIDLs {
		g.uidls[u.UID] = u.UIDL
	}
	for _, uid := range c.Stay {
		delete(g.departs, uid)
	}
	for _, d := range c.Leave {
		g.departs[d.UID] = d
	}
	for _, i := range c.Intents {
		g.intents[i.Key] = i
	}
	g.row.Take(c.Change)
}

func (g *generation) drop(uid state.UID) {
	if old, ok := g.records[uid]; ok {
		g.row.Tally.Take(old)
		delete(g.records, uid)
	}
}
