package sync

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
)

// A batch of an append is what is inspected, announced in the base and sent at once.
const (
	appendBatch = 64
	appendBytes = 16 << 20
)

// outgoing is a file on its way to the server.
type outgoing struct {
	name   string
	got    state.Received
	key    string      // of its intent: the name that it was announced with
	lost   bool        // the server does not have it any more
	agreed state.Flags // of one that was moved: what both sides had agreed on
	op     Op          // that asks for it
	was    identity    // that the file has so far; zero for one of another program
}

// appendFiles sends files that other programs put into the Maildir to the server. That it is
// about to is in the base before, so that a run that breaks off is followed by one that
// looks for the message before it sends it again.
func (r *run) appendFiles(ctx context.Context, b *box, ops []Op) error {
	alone, err := b.withoutTwins(ops)
	if err == nil {
		err = r.lookAfter(ctx, b, r.sendAll(ctx, b, alone, upload{read: func(o Op) (outgoing, bool, error) { return r.inspect(b, o) }}))
	}
	if err != nil { // which of them are on the server is not sorted out
		r.keepsBackOps(b, ops)
	}
	return err
}

// upload is how files are sent.
type upload struct {
	// read reads a file. It returns false for one that is not to be sent.
	read func(Op) (outgoing, bool, error)
	// back takes those out of a batch that are on the server already; nil takes none.
	back func([]outgoing) ([]outgoing, error)
}

// sendAll sends files batch by batch. What the server refuses is reported, one by one, until it has
// refused so many in a row that it is plain that it takes nothing. Its error is one after which the
// mailbox cannot go on.
func (r *run) sendAll(ctx context.Context, b *box, ops []Op, up upload) error {
	order := orderToSend(ops, func(o Op) bool { return b.doubtful[bare(o.Name)] })
	for refused := 0; order.more(); {
		if ctx.Err() != nil || r.stopped() {
			b.undone = true
			r.keepsBackOps(b, order.left())
			return ctx.Err()
		}
		batch, err := r.batch(b, order, up)
		if err == nil && up.back != nil {
			batch, err = up.back(batch)
			err = wrap("look for what is back already", err)
		}
		if err != nil {
			return err
		}
		n, failed, err := r.send(ctx, b, batch, order)
		if err != nil {
			return wrap("append", err)
		}
		if refused += n; n < len(batch) {
			refused = 0
		}
		left := order.left()
		if refused >= appendBatch && failed == nil && len(left) > 0 {
			failed = errors.New("the server refuses everything")
		}
		if failed == nil {
			continue
		}
		b.undone = true
		r.keepsBackOps(b, left)
		if ends(failed) {
			return wrap("append", failed)
		}
		return r.problem(b.name, 0, fmt.Errorf("append: %w; %d files were not tried", failed, len(left)))
	}
	return nil
}

// batch reads the next files. One that cannot be read is reported, and stays here.
func (r *run) batch(b *box, order *sendOrder[Op], up upload) (batch []outgoing, err error) {
	var bytes int64
	for len(order.ready) > 0 && len(batch) < appendBatch && bytes < appendBytes {
		o := order.ready[0]
		order.ready = order.ready[1:]
		f, ok, err := up.read(o)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			b.undone = true
			continue
		case err != nil:
			b.undone = true
			r.keepsBack(b, o.Name, nil)
			if err := r.problem(b.name, 0, fmt.Errorf("append %q: %w", o.Name, err)); err != nil {
				return nil, err
			}
			continue
		case !ok || order.postpones(o, f.got.Bytes):
			continue
		}
		f.op = o
		batch = append(batch, f)
		bytes += f.got.Bytes
	}
	return batch, nil
}

// inspect reads a file of another program's, or of ours that goes back. An
// empty file is none yet: somebody is still to write it.
func (r *run) inspect(b *box, o Op) (f outgoing, ok bool, err error) {
	got, err := b.md.Inspect(o.Name, nil)
	if err != nil {
		return f, false, err
	}
	if got.Bytes == 0 && got.Token == "" { // an empty message of the server's own goes back
		r.note(b.name, fmt.Sprintf("the file %q is empty and was left alone", o.Name), "")
		return f, false, nil
	}
	if got.Token == b.gen().Token && cameUndated(b.record(got.UID), got.Variant) {
		got.Date = state.NoDate // its file has the time it came
	}
	if got.Token == "" {
		id, err := b.md.Ident(o.Name)
		if err == nil {
			err = unpackable(id.Packed)
		}
		if err != nil {
			return f, false, err
		}
	}
	f = outgoing{name: o.Name, got: got, key: o.Name}
	f.own()
	f.got.Flags = o.Flags
	if o.Date != 0 {
		f.got.Date = o.Date
	}
	return f, true, nil
}

// own keeps the identity of a file of ours that goes back to the server. What the server
// will have of it is what is sent now, whatever it sent once: so its name vouches for nothing.
func (f *outgoing) own() {
	f.was = identity{token: f.got.Token, uid: f.got.UID, variant: f.got.Variant}
	f.got.UID, f.got.Vouched = 0, false
}

// send appends one batch and ties what the server told the UIDs of. It returns how many
// messages the server refused; those and the ones it did not answer for are reported, but for those that
// order brings once more. failed is the server's failure, which is about all that is left.
func (r *run) send(ctx context.Context, b *box, batch []outgoing, order *sendOrder[Op]) (refused int, failed, err error) {
	if len(batch) == 0 {
		return 0, nil, nil
	}
	intents := make([]state.Intent, len(batch))
	msgs := make([]state.Outgoing, len(batch))
	for i, f := range batch {
		intents[i] = state.Intent{Key: f.key, UIDNext: b.uidNext(), Bytes: f.got.Bytes, Flags: f.got.Flags, Digest: f.got.Digest}
		msgs[i] = state.Outgoing{Name: f.name, Flags: f.got.Flags, Date: f.got.Date, Size: f.got.Bytes,
			Open: func() (io.ReadCloser, error) { return b.md.Body(f.name, f.got.Form) }}
	}
	if err := r.commit(ctx, b, state.Commit{Intents: intents, Clean: new(bool)}); err != nil {
		return 0, nil, err
	}
	if err := r.step("append %d to %s", len(batch), b.name); err != nil {
		return 0, nil, err
	}
	answers, cause := r.Server.Append(ctx, b.listed.Raw, msgs, b.kw)
	failed = order.failure(cause)
	var told []outgoing
	var problems []error
	var c state.Commit
	var without shorn
	for i, f := range batch {
		a := state.Appended{Err: cause, Unsure: true}
		if i < len(answers) {
			a = answers[i]
		}
		without.count(a)
		switch {
		case a.Err != nil:
			b.undone = true
			switch {
			case a.Unsure:
				order.wait(f.got.Bytes)
			case !a.Vague: // else the next run looks for it
				c.Settle = append(c.Settle, f.key)
			}
			switch {
			case a.Again && order.broke(f.op, f.got.Bytes):
				continue
			case a.Err == cause && !a.Unsure:
				order.ready = append(order.ready, f.op) // it was not tried
				continue
			}
			r.keepsBack(b, f.name, &f.got)
			if a.Err != cause && !saidBy(failed, a) {
				problems = append(problems, fmt.Errorf("append %q: %w", f.name, notSent(a)))
			}
			if !a.Unsure && !a.Again {
				refused++
			}
		case b.answered(a):
			r.add(&r.result.Appended, true)
			b.sending.add(f.key, a.UID, f.got.Bytes)
			intents[i].UID, f.got.UID = a.UID, a.UID
			c.Intents = append(c.Intents, intents[i])
			told = append(told, f)
		default:
			r.add(&r.result.Appended, true)
			b.sending.add(f.key, 0, f.got.Bytes)
			intents[i].Confirmed = true
			c.Intents = append(c.Intents, intents[i])
			b.undone = true
		}
	}
	if text := without.text(b.kw); text != "" {
		r.note(b.name, text, "")
	}
	if err := r.commit(ctx, b, c); err != nil {
		return refused, failed, err
	}
	err = r.tie(ctx, b, told)
	for _, p := range problems {
		err = errors.Join(err, r.problem(b.name, 0, p))
	}
	return refused, failed, err
}

// saidBy reports whether the server's failure, nil for none, says what there is to say of a message that was
// not sent.
func saidBy(failed error, a state.Appended) bool {
	return failed != nil && ends(failed) && (a.Unsure || a.Again)
}

// notSent is why a message is not on the server. That the connection broke at it is its own
// failure, and not that of the server.
func notSent(a state.Appended) error {
	switch {
	case a.Again:
		return state.Faultf(state.Other, "the connection broke each time it was sent: %v", a.Err).
			WithHint("the server may take no message this large, or not this one; it stays here, and the others are sent")
	case a.Unsure:
		return state.Faultf(state.Other, "it is not known whether the server has it: %v", a.Err).
			WithHint("run it again: it looks for the message before it sends it once more")
	}
	return a.Err
}

// shorn counts the messages that a server took only without their keywords.
type shorn struct {
	messages int
	words    state.Flags
}

func (s *shorn) count(a state.Appended) {
	if a.Err == nil && a.Without != 0 {
		s.messages++
		s.words |= a.Without
	}
}

// text says so, "" where there are none.
func (s *shorn) text(kw *state.Keywords) string {
	if s.messages == 0 {
		return ""
	}
	return fmt.Sprintf("%d appended without keywords that the server refuses: %s", s.messages, strings.Join(kw.NamesOf(s.words), " "))
}

// uidNext is the lowest UID that a message appended now can get.
func (b *box) uidNext() uint32 {
	if b.server != nil {
		return b.server.Mark.UIDNext
	}
	return b.gen().Mark.UIDNext
}

// answered reports whether the server told a UID that can be true: of this generation,
// and of no message that is known already.
func (b *box) answered(a state.Appended) bool {
	_, known := b.find(a.UID)
	return a.UID != 0 && a.UIDValidity == b.gen().Mark.UIDValidity && !known
}

// tie gives appended files the identities of their messages and records them. Agreed on are
// the flags that were sent, or those that were agreed on before a move, for by now the file
// may have others; the next scan shows which of them the server keeps.
func (r *run) tie(ctx context.Context, b *box, files []outgoing) error {
	if len(files) == 0 {
		return nil
	}
	if err := r.forsake(ctx, b, files); err != nil {
		return err
	}
	names := make([]newName, len(files))
	c := state.Commit{}
	for i, f := range files {
		as := f.got
		as.Token, as.Variant, as.Respell = b.gen().Token, 1, b.strange(f.was.token) || moved(f.key)
		names[i] = newName{from: b, name: f.name, as: as}
		c.Settle = append(c.Settle, f.key)
		if f.was.token == as.Token && f.was.uid != as.UID && b.record(f.was.uid).Variant == f.was.variant {
			c.Forget = append(c.Forget, f.was.uid)
		}
		rec := b.record(as.UID)
		if rec.Status.HasFile() {
			continue // an earlier run came as far as that
		}
		if neverSeen(rec) {
			rec.Seen = as.Flags
		}
		rec.Status, rec.Variant, rec.Form = state.Live, 1, as.Form
		if moved(f.key) { // the server has not had it from here
			rec.Status, rec.Tries = measured(rec.Size, as)
		}
		if f.lost {
			rec.Status = state.OnlyHere
		}
		if rec.Agreed = as.Flags & rec.Seen; moved(f.key) { // what the server does not show, it did not keep
			rec.Agreed = f.agreed
		}
		c.Put = append(c.Put, rec)
		c.Proofs = append(c.Proofs, state.Proof{UID: as.UID, Digest: as.Digest, Bytes: as.Bytes})
	}
	if _, err := r.reidentify(ctx, b, names); err != nil {
		return err
	}
	slices.Sort(c.Forget)
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.since(ctx, b, c.Proofs, nil); err != nil {
		return err
	}
	return r.commit(ctx, b, c)
}

// forsake forgets the records that files have in earlier generations, before they get
// identities in this one: a record whose file has gone over would never be looked at again.
func (r *run) forsake(ctx context.Context, b *box, files []outgoing) error {
	for _, g := range b.row.Generations {
		if g.Current {
			continue
		}
		c := state.Commit{Gen: g.ID}
		for _, f := range files {
			if f.was.token == g.Token {
				c.Forget = append(c.Forget, f.was.uid)
			}
		}
		if len(c.Forget) == 0 {
			continue
		}
		slices.Sort(c.Forget)
		if err := r.commitTo(ctx, c, "forget %d of an earlier numbering of %s", len(c.Forget), b.name); err != nil {
			return err
		}
	}
	return nil
}
