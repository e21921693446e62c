package mailbox

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"mailsync/state"
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
