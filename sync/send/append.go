package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A batch of an append is what is inspected, announced in the base and sent at once.
const (
	AppendBatch = 64
	appendBytes = 16 << 20
)

// Outgoing is a file on its way to the server.
type Outgoing struct {
	Name   string
	Got    state.Received
	Key    state.IntentKey // of its intent
	lost   bool            // the server does not have it any more
	agreed state.Flags     // of one that was moved: what both sides had agreed on
	op     plan.Op         // that asks for it
	was    port.Identity   // that the file has so far; zero for one of another program
}

// AppendFiles sends files that other programs put into the Maildir to the server. That it is
// about to is in the base before, so that a run that is interrupted is followed by one that
// looks for the message before it sends it again.
func (r *Run) AppendFiles(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	err := r.LookAfter(ctx, b, r.SendAll(ctx, b, ops, Upload{Read: func(o plan.Op) (Outgoing, bool, error) { return r.inspect(b, o) }}))
	if err != nil { // which of them are on the server is not sorted out
		r.KeepsBackOps(b, ops)
	}
	return err
}

// Upload is how files are sent.
type Upload struct {
	// read reads a file. It returns false for one that is not to be sent.
	Read func(plan.Op) (Outgoing, bool, error)
	// back takes those out of a batch that are on the server already; nil takes none.
	Back func([]Outgoing) ([]Outgoing, error)
}

// SendAll sends files batch by batch. What the server refuses is reported, one by one, until it has
// refused so many in a row that it is plain that it takes nothing. Its error is one after which the
// mailbox cannot go on.
func (r *Run) SendAll(ctx context.Context, b *mailbox.Box, ops []plan.Op, up Upload) error {
	order := OrderToSend(ops, func(o plan.Op) bool { return b.Sent.Doubtful[plan.Bare(o.Name)] })
	for refused := 0; order.More(); {
		if ctx.Err() != nil || r.Stopped() {
			b.Leave(mailbox.Stopped)
			r.KeepsBackOps(b, order.Left())
			return ctx.Err()
		}
		batch, err := r.batch(b, order, up)
		if err == nil && up.Back != nil {
			batch, err = up.Back(batch)
			err = port.Wrap("look for what is back already", err)
		}
		if err != nil {
			return err
		}
		n, failed, err := r.send(ctx, b, batch, order)
		if err != nil {
			return port.Wrap("append", err)
		}
		if refused += n; n < len(batch) {
			refused = 0
		}
		left := order.Left()
		if refused >= AppendBatch && failed == nil && len(left) > 0 {
			failed = errors.New("the server refuses everything")
		}
		if failed == nil {
			continue
		}
		b.Leave(mailbox.Refused)
		r.KeepsBackOps(b, left)
		if port.Ends(failed) {
			return port.Wrap("append", failed)
		}
		return r.Problem(b.Name, 0, fmt.Errorf("append: %w; %d files were not tried", failed, len(left)))
	}
	return nil
}

// batch reads the next files. One that cannot be read is reported, and stays here.
func (r *Run) batch(b *mailbox.Box, order *SendOrder[plan.Op], up Upload) (batch []Outgoing, err error) {
	var bytes int64
	for len(order.Ready) > 0 && len(batch) < AppendBatch && bytes < appendBytes {
		o := order.Ready[0]
		order.Ready = order.Ready[1:]
		f, ok, err := up.Read(o)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			b.Leave(mailbox.Disturbed)
			continue
		case err != nil:
			b.Leave(mailbox.Refused)
			r.KeepsBack(b, o.Name, nil)
			if err := r.Problem(b.Name, 0, fmt.Errorf("append %q: %w", o.Name, err)); err != nil {
				return nil, err
			}
			continue
		case !ok || order.Postpones(o, f.Got.Bytes):
			continue
		}
		f.op = o
		batch = append(batch, f)
		bytes += f.Got.Bytes
	}
	return batch, nil
}

// inspect reads a file of another program's, or of ours that goes back. An
// empty file is none yet: somebody is still to write it.
func (r *Run) inspect(b *mailbox.Box, o plan.Op) (f Outgoing, ok bool, err error) {
	got, err := b.MD.Inspect(o.Name, nil)
	if err != nil {
		return f, false, err
	}
	if got.Bytes == 0 && got.Token == "" { // an empty message of the server's own goes back
		r.Note(b.Name, fmt.Sprintf("the file %q is empty and was left alone", o.Name), "")
		return f, false, nil
	}
	if got.Token == b.Gen().Token && plan.CameUndated(b.Record(got.UID), got.Variant) {
		got.Date = state.NoDate // its file has the time it came
	}
	if got.Token == "" {
		id, err := b.MD.Ident(o.Name)
		if err == nil {
			err = Unpackable(id.Packed)
		}
		if err != nil {
			return f, false, err
		}
	}
	f = Outgoing{Name: o.Name, Got: got, Key: plan.AppendKey(o.Name)}
	f.Own()
	f.Got.Flags = o.Flags
	if o.Date != 0 {
		f.Got.Date = o.Date
	}
	return f, true, nil
}

// Own keeps the identity of a file of ours that goes back to the server. What the server
// will have of it is what is sent now, whatever it sent once: so its name vouches for nothing.
func (f *Outgoing) Own() {
	f.was = port.Identity{Token: f.Got.Token, UID: f.Got.UID, Variant: f.Got.Variant}
	f.Got.UID, f.Got.Vouched = 0, false
}

// Intent is that to have the message in a mailbox, of which no UID is known yet.
func (f *Outgoing) Intent(b *mailbox.Box) state.Intent {
	return state.Intent{Key: f.Key, UIDNext: b.UIDNext(), Bytes: f.Got.Bytes, Flags: f.Got.Flags, Digest: f.Got.Digest}
}

// send appends one batch and ties what the server told the UIDs of. It returns how many
// messages the server refused; those and the ones it did not answer for are reported, but for those that
// order brings once more. failed is the server's failure, which is about all that is left.
func (r *Run) send(ctx context.Context, b *mailbox.Box, batch []Outgoing, order *SendOrder[plan.Op]) (refused int, failed, err error) {
	if len(batch) == 0 {
		return 0, nil, nil
	}
	var before state.Commit
	msgs := make([]state.Outgoing, len(batch))
	for i, f := range batch {
		before.Intents = append(before.Intents, f.Intent(b))
		msgs[i] = state.Outgoing{Name: f.Name, Flags: f.Got.Flags, Date: f.Got.Date, Size: f.Got.Bytes,
			Open: func() (io.ReadCloser, error) { return b.MD.Body(f.Name, f.Got.Form) }}
	}
	before.Clean = new(bool)
	if err := r.Commit(ctx, b, before); err != nil {
		return 0, nil, err
	}
	if err := r.Step("append %d to %s", len(batch), b.Name); err != nil {
		return 0, nil, err
	}
	answers, cause := r.Server.Append(ctx, b.Listed.Raw, msgs, b.KW)
	s := &sending{Run: r, b: b, order: order, cause: cause, failed: order.Failure(cause)}
	var without Shorn
	for i, f := range batch {
		a := state.Appended{Err: cause, Doubt: state.Unsure}
		if i < len(answers) {
			a = answers[i]
		}
		without.Count(a)
		if a.Err != nil {
			s.notSent(f, a)
		} else {
			s.sent(f, before.Intents[i], a)
		}
	}
	if text := without.Text(b.KW); text != "" {
		r.Note(b.Name, text, "")
	}
	if err := r.Commit(ctx, b, s.after); err != nil {
		return s.refused, s.failed, err
	}
	err = r.Tie(ctx, b, s.told)
	for _, p := range s.problems {
		err = errors.Join(err, r.Problem(b.Name, 0, p))
	}
	return s.refused, s.failed, err
}

// sending is what becomes of a batch.
type sending struct {
	*Run
	b             *mailbox.Box
	order         *SendOrder[plan.Op]
	cause, failed error // what ended the batch, and what it comes to for all that is left

	after    state.Commit
	told     []Outgoing // the server told their UIDs
	refused  int
	problems []error
}

func (s *sending) sent(f Outgoing, in state.Intent, a state.Appended) {
	if s.b.Answered(a) {
		in.UID, f.Got.UID = a.UID, a.UID
		s.told = append(s.told, f)
	} else {
		in.Confirmed = true
		s.b.Leave(mailbox.Awaited)
	}
	s.Add(&s.Result.Appended, true)
	s.b.Sent.Add(f.Key, in.UID, f.Got.Bytes)
	s.after.Intents = append(s.after.Intents, in)
}

func (s *sending) notSent(f Outgoing, a state.Appended) {
	s.b.Leave(mailbox.Refused)
	switch {
	case a.Doubt == state.Unsure:
		s.order.Wait(f.Got.Bytes)
	case a.Doubt != state.Vague: // else the next run looks for it
		s.after.Settle = append(s.after.Settle, f.Key)
	}
	switch {
	case a.Doubt == state.CutOff && s.order.Broke(f.op, f.Got.Bytes):
		return
	case a.Err == s.cause && a.Doubt != state.Unsure:
		s.order.Ready = append(s.order.Ready, f.op) // it was not tried
		return
	}
	s.KeepsBack(s.b, f.Name, &f.Got)
	if a.Err != s.cause && !port.SaidBy(s.failed, a) {
		s.problems = append(s.problems, fmt.Errorf("append %q: %w", f.Name, NotSent(a)))
	}
	if a.Doubt != state.Unsure && a.Doubt != state.CutOff {
		s.refused++
	}
}

// NotSent is why a message is not on the server. That the connection broke at it is its own
// failure, and not that of the server.
func NotSent(a state.Appended) error {
	switch {
	case a.Doubt == state.CutOff:
		return state.Faultf(state.Other, "the connection broke each time it was sent: %v", a.Err).
			WithHint("the server may take no message this large, or not this one; it stays here, and the others are sent")
	case a.Doubt == state.Unsure:
		return state.Faultf(state.Other, "it is not known whether the server has it: %v", a.Err).
			WithHint("run it again: it looks for the message before it sends it once more")
	}
	return a.Err
}

// Shorn counts the messages that a server took only without their keywords.
type Shorn struct {
	messages int
	words    state.Flags
}

func (s *Shorn) Count(a state.Appended) {
	if a.Err == nil && a.Without != 0 {
		s.messages++
		s.words |= a.Without
	}
}

// Text says so, "" where there are none.
func (s *Shorn) Text(kw *state.Keywords) string {
	if s.messages == 0 {
		return ""
	}
	return fmt.Sprintf("%d appended without keywords that the server refuses: %s", s.messages, strings.Join(kw.NamesOf(s.words), " "))
}

// Tie gives appended files the identities of their messages and records them. Agreed on are
// the flags that were sent, or those that were agreed on before a move, for by now the file
// may have others; the next scan shows which of them the server keeps.
func (r *Run) Tie(ctx context.Context, b *mailbox.Box, files []Outgoing) error {
	if len(files) == 0 {
		return nil
	}
	if err := r.forsake(ctx, b, files); err != nil {
		return err
	}
	names := make([]mailbox.NewName, len(files))
	c := state.Commit{}
	for i, f := range files {
		as, moved := f.Got, f.Key.Kind == state.Moving
		as.Token, as.Variant, as.Respell = b.Gen().Token, 1, b.Strange(f.was.Token) || moved
		names[i] = mailbox.NewName{From: b, Name: f.Name, As: as}
		c.Settle = append(c.Settle, f.Key)
		if f.was.Token == as.Token && f.was.UID != as.UID && b.Record(f.was.UID).Variant == f.was.Variant {
			c.Forget = append(c.Forget, f.was.UID)
		}
		rec := b.Record(as.UID)
		if rec.Status.HasFile() {
			continue // an earlier run came as far as that
		}
		if plan.NeverSeen(rec) {
			rec.Seen = as.Flags
		}
		rec.Status, rec.Variant, rec.Form = state.Live, 1, as.Form
		if moved { // the server has not had it from here
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
	if _, err := r.Reidentify(ctx, b, names); err != nil {
		return err
	}
	slices.Sort(c.Forget)
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.Since(ctx, b, c.Proofs, nil); err != nil {
		return err
	}
	return r.Commit(ctx, b, c)
}

// forsake forgets the records that files have in earlier generations, before they get
// identities in this one: a record whose file has gone over would never be looked at again.
func (r *Run) forsake(ctx context.Context, b *mailbox.Box, files []Outgoing) error {
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
