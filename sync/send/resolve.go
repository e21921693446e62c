package send

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// Resolve settles what earlier appends and moves left open, because the run was interrupted or the
// server told no UID: each message is looked for among those that came since. One that was
// never answered is sent again where a complete listing lacks it; one that the server
// confirmed never is, its file waits for it. It returns how many such there are; with final they
// are reported.
func (r *Run) Resolve(ctx context.Context, b *mailbox.Box, final bool) (missing int, err error) {
	if r.DryRun {
		return 0, nil
	}
	intents, err := r.Intents(ctx, b, state.Appending, state.Moving, state.PuttingBack)
	if err != nil || len(intents) == 0 {
		return 0, err
	}
	slices.SortStableFunc(intents, func(x, y state.Intent) int { return cmp.Compare(x.UIDNext, y.UIDNext) })
	s := &Searching{Run: r, B: b}
	if err := s.look(ctx, intents); err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	files := s.pair(intents)
	became, err := s.Messages(ctx, intents, files, final)
	if err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	o := resolving{Searching: s, final: final}
	for _, in := range intents {
		f, here := files[in.Key]
		if err := o.resolve(in, f, here, cmp.Or(in.UID, became[in.Key])); err != nil {
			return o.missing, err
		}
	}
	if err := r.Commit(ctx, b, o.first); err != nil {
		return o.missing, err
	}
	if err := r.Tie(ctx, b, o.found); err != nil {
		return o.missing, err
	}
	slices.SortFunc(o.last.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.Commit(ctx, b, o.last); err != nil || len(o.found) == 0 {
		return o.missing, err
	}
	return o.missing, r.ReadDisk(ctx, b)
}

// resolving is what open intents come to.
type resolving struct {
	*Searching
	final   bool
	found   []Outgoing   // files whose messages are known
	first   state.Commit // before these are tied
	last    state.Commit // after that
	missing int          // messages that the server confirmed and does not list
}

// resolve decides what becomes of an intent: f is its file, if one is here, and uid its message, if one was found.
func (o *resolving) resolve(in state.Intent, f Outgoing, here bool, uid state.UID) error {
	b := o.B
	_, listed := b.Find(uid)
	switch {
	case here && !listed && (b.Server != nil && !b.Server.Complete || o.dark[in.Key]):
		b.Hold(f.Name)
	case !here && (!b.Disk.Still || o.unread[plan.Bare(in.Key.File())]):
		if in.UID == 0 { // fetched now, its message would not be looked for any more
			return fmt.Errorf("a mail program keeps renaming %q, which was appended: the next run looks for its message", in.Key.Name)
		}
		b.Hold(in.Key.File()) // where its file is, or that there is none, the next run sees
	case here && uid != 0:
		f.Got.UID, f.Got.Flags, f.agreed, f.lost = uid, in.Flags, in.Agreed, !listed
		o.found = append(o.found, f)
		if in.UID == 0 { // once the file has its identity, this tells that it is the one that was sent
			in.UID = uid
			o.first.Intents = append(o.first.Intents, in)
		}
	case !here && uid != 0 && went(b, in.Key, uid):
		// The file went before it was tied: whoever removed or moved it meant this message.
		// As of one that has its record, the scan sees that it is gone, and the policy decides.
		rec := b.Record(uid)
		rec.Status, rec.Variant, rec.Agreed = state.Live, 1, rec.Seen
		o.last.Put = append(o.last.Put, rec)
		o.last.Proofs = append(o.last.Proofs, state.Proof{UID: uid, Digest: in.Digest, Bytes: in.Bytes})
		o.last.Settle = append(o.last.Settle, in.Key)
	case here && in.Confirmed && (b.Sent.Has(in.Key) || !o.Anyway):
		b.Hold(f.Name)
		o.missing++
		if in.Key.Kind == state.Moving { // it may have gone on to another mailbox
			b.Expect(f.Name, in.Key)
		} else if o.final {
			return o.LostThere(b, in.Key, 0, f.Name)
		}
	default: // it never came, or there is no file to tie to it any more
		if here && !in.Confirmed {
			b.SendLast(f.Name)
		}
		o.last.Settle = append(o.last.Settle, in.Key)
	}
	return nil
}

// went reports whether nothing is left of a file that was appended as a message: neither the
// message's own, nor one under the file's name that was written anew meanwhile.
func went(b *mailbox.Box, key state.IntentKey, uid state.UID) bool {
	if _, tied := plan.NameIn(b.Disk, uid, 1); tied || key.Kind == state.PuttingBack || b.Record(uid).Status.HasFile() {
		return false
	}
	return !slices.ContainsFunc(b.Disk.Foreign, func(f state.Foreign) bool { return plan.Bare(f.Name) == plan.Bare(key.Name) })
}
