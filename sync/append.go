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
	was    identity    // that the file has so far; zero for one of another program
}

// appendFiles sends files that other programs put into the Maildir to the server. That it is
// about to is in the base before, so that a run that breaks off is followed by one that
// looks for the message before it sends it again.
func (r *run) appendFiles(ctx context.Context, b *box, ops []Op) error {
	ops, err := b.withoutTwins(ops)
	if err != nil {
		return err
	}
	return r.lookAfter(ctx, b, r.sendAll(ctx, b, ops))
}

func (r *run) sendAll(ctx context.Context, b *box, ops []Op) error {
	for len(ops) > 0 {
		if ctx.Err() != nil || r.stopped() {
			b.undone = true
			return ctx.Err()
		}
		batch, rest, err := r.inspect(b, ops)
		if err != nil {
			return err
		}
		refused, err := r.send(ctx, b, batch)
		if err != nil {
			r.unsent.Store(true)
			return wrap("append", err)
		}
		if refused == len(batch) && refused > 0 && len(rest) > 0 {
			return fmt.Errorf("append: the server refuses everything; %d files were not tried", len(rest))
		}
		ops = rest
	}
	return nil
}

// inspect reads the files of the next batch, and returns the operations that are left. An
// empty file is none yet: somebody is still to write it.
func (r *run) inspect(b *box, ops []Op) (batch []outgoing, rest []Op, err error) {
	var bytes int64
	for i, o := range ops {
		if len(batch) == appendBatch || bytes >= appendBytes {
			return batch, ops[i:], nil
		}
		got, err := b.md.Inspect(o.Name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			b.undone = true
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if got.Bytes == 0 && got.Token == "" { // an empty message of the server's own goes back
			r.note(b.name, fmt.Sprintf("the file %q is empty and was left alone", o.Name), "")
			continue
		}
		if got.Token == b.gen().Token && cameUndated(b.record(got.UID), got.Variant) {
			got.Date = state.NoDate // its file has the time it came
		}
		f := outgoing{name: o.Name, got: got, key: o.Name}
		f.own()
		f.got.Flags = o.Flags
		if o.Date != 0 {
			f.got.Date = o.Date
		}
		batch = append(batch, f)
		bytes += got.Bytes
	}
	return batch, nil, nil
}

// own keeps the identity of a file of ours that goes back to the server. What the server
// will have of it is what is sent now, whatever it sent once: so its name vouches for nothing.
func (f *outgoing) own() {
	f.was = identity{token: f.got.Token, uid: f.got.UID, variant: f.got.Variant}
	f.got.UID, f.got.Vouched = 0, false
}

// send appends one batch and ties what the server told the UIDs of. It returns how many
// messages the server refused; those and the ones it did not answer for are reported.
func (r *run) send(ctx context.Context, b *box, batch []outgoing) (refused int, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	intents := make([]state.Intent, len(batch))
	msgs := make([]state.Outgoing, len(batch))
	for i, f := range batch {
		intents[i] = state.Intent{Key: f.key, UIDNext: b.uidNext(), Bytes: f.got.Bytes, Flags: f.got.Flags, Digest: f.got.Digest}
		msgs[i] = state.Outgoing{Flags: f.got.Flags, Date: f.got.Date, Size: f.got.Bytes,
			Open: func() (io.ReadCloser, error) { return b.md.Body(f.name, f.got.Form) }}
	}
	if err := r.commit(ctx, b, state.Commit{Intents: intents, Clean: new(bool)}); err != nil {
		return 0, err
	}
	if err := r.step("append %d to %s", len(batch), b.name); err != nil {
		return 0, err
	}
	answers, failed := r.Server.Append(ctx, b.listed.Raw, msgs, b.kw)
	var told []outgoing
	var c state.Commit
	var without shorn
	for i, f := range batch {
		a := state.Appended{Err: failed, Unsure: true}
		if i < len(answers) {
			a = answers[i]
		}
		without.count(a)
		switch {
		case a.Err != nil:
			b.undone = true
			r.unsent.Store(true)
			if !a.Unsure {
				c.Settle = append(c.Settle, f.key)
				refused++
			}
			if err := r.problem(b.name, 0, fmt.Errorf("append %q: %w", f.name, a.Err)); err != nil {
				return refused, err
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
		return refused, err
	}
	return refused, errors.Join(r.tie(ctx, b, told), failed)
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
	return fmt.Sprintf("%d messages were appended without keywords that the server refuses: %s", s.messages, strings.Join(kw.NamesOf(s.words), " "))
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
