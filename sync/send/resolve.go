package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// LookAfter lists the mailbox again after something was appended, for a server may not have what it
// confirms: a message whose UID it did not report is found by what it is,
// and one that is not listed is reported. A session from before may show an old state, so a message is missing
// only once a new session lacks it. failed is what else went wrong.
func (r *Run) LookAfter(ctx context.Context, b *mailbox.Box, failed error) error {
	if len(b.Sent.Keys) == 0 || port.Ends(failed) {
		return failed
	}
	for _, anew := range []bool{false, true} {
		sn, err := r.listing(ctx, b, anew)
		if err != nil {
			b.Leave(mailbox.Unsure) // the next run looks
			break
		}
		if !anew && b.Sent.Lacks(sn) {
			continue
		}
		if missing, err := r.takeIn(ctx, b, sn, anew); err != nil || missing == 0 {
			return errors.Join(failed, err)
		}
	}
	return failed
}

// ListAgain lists a mailbox again, in a new session with anew, and settles what was appended or moved by it.
func (r *Run) ListAgain(ctx context.Context, b *mailbox.Box, anew bool) error {
	sn, err := r.listing(ctx, b, anew)
	if err == nil {
		_, err = r.takeIn(ctx, b, sn, true)
	}
	return err
}

// listing is a complete one, with the numbers that the mailbox had before.
func (r *Run) listing(ctx context.Context, b *mailbox.Box, anew bool) (*state.ServerSnapshot, error) {
	req := b.ScanRequest(false)
	req.Anew = anew
	sn, err := r.Server.Scan(ctx, req)
	if err == nil && (!sn.Complete || !plan.SameNumbers(b.Gen(), sn.Mark)) {
		err = errors.New("the mailbox cannot be listed again; the next run looks for what was sent")
	}
	return sn, err
}

// takeIn learns what a later listing shows, and settles what was appended or moved by it. It returns how
// many of those messages are missing, as Resolve does.
func (r *Run) takeIn(ctx context.Context, b *mailbox.Box, sn *state.ServerSnapshot, final bool) (missing int, err error) {
	b.Server, b.Tie.Tied = sn, nil
	if err := r.ReadDisk(ctx, b); err != nil {
		return 0, err
	}
	if err := r.Learn(ctx, b); err != nil {
		return 0, err
	}
	return r.Resolve(ctx, b, final)
}

// Resolve settles what earlier appends and moves left open, because the run was interrupted or the
// server reported no UID: each message is looked for among those that arrived since. One that was
// never answered is sent again where a complete listing lacks it; one that the server
// confirmed is not, its file waits for it. It returns how many of these there are; with final they
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
	s := &searching{Run: r, b: b}
	if err := s.look(ctx, intents); err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	files := s.pair(intents)
	became, err := s.messages(ctx, intents, files, final)
	if err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	o := resolving{searching: s, final: final}
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

// resolving is the end of open intents.
type resolving struct {
	*searching
	final   bool
	found   []Outgoing   // files whose messages are known
	first   state.Commit // before these are tied
	last    state.Commit // after that
	missing int          // messages that the server confirmed and does not list
}

// resolve decides what becomes of an intent: f is its file, if one is here, and uid its message, if one was found.
func (o *resolving) resolve(in state.Intent, f Outgoing, here bool, uid state.UID) error {
	b := o.b
	_, listed := b.Find(uid)
	switch {
	case here && !listed && (b.Server != nil && !b.Server.Complete || o.unsure[in.Key]):
		b.Hold(f.Name)
	case !here && (!b.Disk.Still || o.unread[plan.Bare(in.Key.File())]):
		if in.UID == 0 { // once fetched, its message would not be looked for any more
			return fmt.Errorf("a mail program keeps renaming %q, which was appended: the next run looks for its message", in.Key.Name)
		}
		b.Hold(in.Key.File()) // the next run finds its file, or that it was removed
	case here && uid != 0:
		f.Got.UID, f.Got.Flags, f.agreed, f.lost = uid, in.Flags, in.Agreed, !listed
		o.found = append(o.found, f)
		if in.UID == 0 { // once the file has its identity, this shows that it is the one that was sent
			in.UID = uid
			o.first.Intents = append(o.first.Intents, in)
		}
	case !here && uid != 0 && removed(b, in.Key, uid):
		// Whoever removed or moved the file before it was tied meant this message.
		// With a record, the scan sees that the file is gone, and the policy decides.
		rec := b.Record(uid)
		rec.Status, rec.Variant, rec.Agreed = state.Live, 1, rec.Seen
		o.last.Put = append(o.last.Put, rec)
		o.last.Proofs = append(o.last.Proofs, state.Proof{UID: uid, Digest: in.Digest, Bytes: in.Bytes})
		o.last.Settle = append(o.last.Settle, in.Key)
	case here && in.Confirmed && (b.Sent.Has(in.Key) || !o.Anyway):
		b.Hold(f.Name)
		o.missing++
		if in.Key.Kind == state.Moving { // it may have been moved on to another mailbox
			b.Expect(f.Name, in.Key)
		} else if o.final {
			return o.LostThere(b, in.Key, 0, f.Name)
		}
	default: // it never arrived, or there is no file to tie to it any more
		if here && !in.Confirmed {
			b.SendLast(f.Name)
		}
		o.last.Settle = append(o.last.Settle, in.Key)
	}
	return nil
}

// removed reports whether nothing is left of a file that was appended as a message: neither the
// message's own, nor one under the file's name that was written anew meanwhile.
func removed(b *mailbox.Box, key state.IntentKey, uid state.UID) bool {
	if _, tied := plan.NameIn(b.Disk, uid, 1); tied || key.Kind == state.PuttingBack || b.Record(uid).Status.HasFile() {
		return false
	}
	return !slices.ContainsFunc(b.Disk.Foreign, func(f state.Foreign) bool { return plan.Bare(f.Name) == plan.Bare(key.Name) })
}

// Tie gives appended files the identities of their messages and records them. Agreed on are
// the flags that were sent, or those that were agreed on before a move, for by now the file
// may have others; the next scan shows which of them the server keeps.
func (r *Run) Tie(ctx context.Context, b *mailbox.Box, files []Outgoing) error {
	if len(files) == 0 {
		return nil
	}
	if err := r.forgetEarlier(ctx, b, files); err != nil {
		return err
	}
	names := make([]mailbox.NewName, len(files))
	c := state.Commit{}
	for i, f := range files {
		as, moved := f.Got, f.Key.Kind == state.Moving
		as.Token, as.Variant, as.Respell = b.Gen().Token, 1, b.OfOther(f.was.Token) || moved
		names[i] = mailbox.NewName{From: b, Name: f.Name, As: as}
		c.Settle = append(c.Settle, f.Key)
		if f.was.Token == as.Token && f.was.UID != as.UID && b.Record(f.was.UID).Variant == f.was.Variant {
			c.Forget = append(c.Forget, f.was.UID)
		}
		rec := b.Record(as.UID)
		if rec.Status.HasFile() {
			continue // an earlier run recorded it
		}
		if plan.NeverSeen(rec) {
			rec.Seen = as.Flags
		}
		rec.Status, rec.Variant, rec.Form = state.Live, 1, as.Form
		if moved { // the server did not get it from here
			rec.Status, rec.Tries = plan.Measured(rec.Size, as)
		}
		if f.lost {
			rec.Status = state.OnlyHere
		}
		if rec.Agreed = as.Flags & rec.Seen; moved { // what the server does not show, it did not keep
			rec.Agreed = f.agreed
		}
		c.Put = append(c.Put, rec)
		c.Proofs = append(c.Proofs, state.Proof{UID: as.UID, Digest: as.Digest, Bytes: as.Bytes})
	}
	if _, err := r.Reidentify(b, names); err != nil {
		return err
	}
	slices.Sort(c.Forget)
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.DateProofs(ctx, b, c.Proofs, nil); err != nil {
		return err
	}
	return r.Commit(ctx, b, c)
}

// forgetEarlier forgets the records that files have in earlier generations, before they get
// identities in this one: no later run would look at such a record again.
func (r *Run) forgetEarlier(ctx context.Context, b *mailbox.Box, files []Outgoing) error {
	for _, g := range b.Row.Generations {
		if g.Current {
			continue
		}
		c := state.Commit{Gen: g.ID}
		for _, f := range files {
			if f.was.Token == g.Token {
				c.Forget = append(c.Forget, f.was.UID)
			}
		}
		if len(c.Forget) == 0 {
			continue
		}
		slices.Sort(c.Forget)
		if err := r.CommitTo(ctx, c, "forget %d of an earlier numbering of %s", len(c.Forget), b.Name); err != nil {
			return err
		}
	}
	return nil
}
