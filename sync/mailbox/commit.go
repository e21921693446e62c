package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// intents are those that are open in a mailbox's generation. They are read once a run, when they are first
// asked for, and every commit of the mailbox keeps them as the base has them.
type intents struct {
	gen  state.GenID // 0: not read
	open map[state.IntentKey]state.Intent
}

func (o *intents) take(c *state.Commit) {
	if o.gen != c.Gen {
		return
	}
	for _, key := range c.Settle {
		delete(o.open, key)
	}
	for _, in := range c.Intents {
		o.open[in.Key] = in
	}
}

// Intents returns a mailbox's open intents of some kinds, sorted by key. What other mailboxes announce
// in the trash during the run is not among them: the next run looks for it.
func (r *Run) Intents(ctx context.Context, b *Box, kinds ...state.IntentKind) (some []state.Intent, err error) {
	if b.Gen() == nil || b.Gen().ID == 0 {
		return nil, nil
	}
	if gen := b.Gen().ID; b.intents.gen != gen {
		all, err := r.Base.Intents(ctx, gen)
		if err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
		b.intents = intents{gen, map[state.IntentKey]state.Intent{}}
		b.intents.take(&state.Commit{Gen: gen, Intents: all})
	}
	for _, key := range slices.SortedFunc(maps.Keys(b.intents.open), state.IntentKey.Compare) {
		if slices.Contains(kinds, key.Kind) {
			some = append(some, b.intents.open[key])
		}
	}
	return some, nil
}

// Commit makes changes of records durable and takes them over. put and forget are
// sorted by UID.
func (r *Run) Commit(ctx context.Context, b *Box, c state.Commit) error {
	if r.DryRun {
		return nil
	}
	c.Gen = b.Gen().ID
	if b.KW != nil && b.KW.Len() > len(b.Row.Keywords) {
		c.Keywords = b.KW.Names()
	}
	if c.Empty() {
		return nil
	}
	if err := r.CommitTo(ctx, c, "commit %s: %d records", b.Name, len(c.Put)+len(c.Forget)); err != nil {
		return err
	}
	if !b.Bodies.Pulling || len(c.Forget) > 0 || !plan.Overwrite(b.Records, c.Put) {
		b.Records = plan.Apply(b.Records, c.Put, c.Forget)
	}
	if c.Keywords != nil {
		b.Row.Keywords = c.Keywords
	}
	b.Gen().Take(c.Change)
	b.intents.take(&c)
	return nil
}

// commitsAtOnce is how many mailboxes are recorded at once: what they commit meanwhile becomes durable together.
const commitsAtOnce = 16

// CommitsAtOnce is how many mailboxes are recorded at once, where the server is not what is waited for. An account of one
// connection does everything one after the other.
func (r *Run) CommitsAtOnce() int {
	if r.Connections <= 1 {
		return 1
	}
	return commitsAtOnce
}

// CommitTo makes a commit durable, whatever generation it is on, as a step of that name. What memory has of
// the generation stays as it was.
func (r *Run) CommitTo(ctx context.Context, c state.Commit, step string, args ...any) error {
	if err := r.Step(step, args...); err != nil {
		return err
	}
	if err := r.Base.Commit(context.WithoutCancel(ctx), c); err != nil {
		return fmt.Errorf("commit to state: %w", err)
	}
	return nil
}

// RecordsOf are the records of a generation, as the base has them.
func (r *Run) RecordsOf(ctx context.Context, g *state.Generation) ([]state.Record, error) {
	if g.ID == 0 {
		return nil, nil
	}
	records, err := r.Base.Records(ctx, g.ID)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	return records, nil
}

// RecordsNow are the records of a generation, with what this run learned where it scanned it.
func (r *Run) RecordsNow(ctx context.Context, g *state.Generation, b *Box) ([]state.Record, error) {
	if b != nil && g.Current && !b.Failed && b.Records != nil {
		return b.Records, nil
	}
	return r.RecordsOf(ctx, g)
}

// DateProofs dates proofs of files that are durable by now. Where a file was here before and the
// base has a proof of the same bytes, that is still valid: how long they are here, that the
// server sent them, and how the server names them.
func (r *Run) DateProofs(ctx context.Context, b *Box, proofs []state.Proof, here []state.UID) error {
	earlier := map[state.UID]state.Proof{}
	if len(here) > 0 {
		var err error
		if earlier, err = r.Base.Proofs(ctx, b.Gen().ID, here); err != nil {
			return fmt.Errorf("read state: %w", err)
		}
	}
	now := r.Now().Unix()
	for i := range proofs {
		p := &proofs[i]
		p.Fetched = now
		old, known := earlier[p.UID]
		if !known || old.Digest != p.Digest || old.Bytes != p.Bytes {
			continue
		}
		p.ByServer = p.ByServer || old.ByServer
		if old.Fetched != 0 {
			p.Fetched = old.Fetched
		}
		if p.EmailID == "" {
			p.EmailID = old.EmailID
		}
	}
	return nil
}

// UnsettleOlder notes, before a file of an older generation gets another identity, that the records
// of those have to be settled once more.
func (r *Run) UnsettleOlder(ctx context.Context, b *Box) error {
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		if g.Current || g.ID == 0 || !g.Clean {
			continue
		}
		c := state.Commit{Gen: g.ID, Change: state.Unclean()}
		if err := r.CommitTo(ctx, c, "commit that an older generation of %s is to be settled", b.Name); err != nil {
			return err
		}
		g.Clean = false
	}
	return nil
}

// LeftOlder settles the records of files that got identities in the current generation.
func (r *Run) LeftOlder(ctx context.Context, b *Box, tied []Delivered) error {
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		c := state.Commit{Gen: g.ID}
		for _, d := range tied {
			if d.Token == g.Token && !g.Current {
				d.Was.Status = state.Outstanding
				c.Put = append(c.Put, d.Was)
			}
		}
		if len(c.Put) == 0 {
			continue
		}
		slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
		if err := r.CommitTo(ctx, c, "commit an older generation of %s: %d records", b.Name, len(c.Put)); err != nil {
			return err
		}
	}
	return nil
}
