package send

import (
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

// A batch is what is read, announced in the state and sent at once.
const (
	Batch      = 64
	batchBytes = 16 << 20
)

// Outgoing is a message on its way to a mailbox of a server.
type Outgoing struct {
	Name       string                        // of its file
	Got        state.Received                // with the flags and the date that it gets
	Key        state.IntentKey               // of its intent
	Unanswered bool                          // an earlier run sent it without an answer
	Open       func() (io.ReadCloser, error) // nil: its file in the mailbox's Maildir
	Planned    int64                         // octets that those who look on were told of

	lost   bool          // the server does not have it any more
	agreed state.Flags   // of one that was moved: what both sides had agreed on
	was    port.Identity // that the file has so far; zero for one of another program

	counted int64 // octets that were read while it was sent
}

// Upload is how messages are sent to a mailbox.
type Upload struct {
	// Read reads a message. It returns false for one that is not sent.
	Read func(*Outgoing) (bool, error)
	// Back takes those out of a batch that are on the server already; nil takes none.
	Back func([]*Outgoing) ([]*Outgoing, error)
	// Record makes intents durable that belong to no mailbox here: the files stay as they are. Where it is nil, the intents
	// are those of the mailbox, and each file gets the identity of its message.
	Record func(context.Context, state.Commit) error
	// Sent is called with each message that the server confirmed, and its intent; it may be nil.
	Sent func(*Outgoing, state.Intent)
}

// AppendFiles sends files that other programs put into the Maildir to the server. The state has their intents
// before, so that after an interrupted run the next one looks for a message before it sends it again.
func (r *Run) AppendFiles(ctx context.Context, b *mailbox.Box, ops []plan.Op) error {
	files := make([]*Outgoing, len(ops))
	for i, o := range ops {
		files[i] = &Outgoing{Name: o.Name, Key: plan.AppendKey(o.Name), Planned: o.Size,
			Got: state.Received{Incoming: state.Incoming{Flags: o.Flags, Date: o.Date}}}
	}
	err := r.LookAfter(ctx, b, r.SendAll(ctx, b, files, Upload{Read: func(f *Outgoing) (bool, error) { return r.inspect(b, f) }}))
	if err != nil { // it is not known which of them are on the server
		for _, f := range files {
			r.NoteUnsent(b, f.Name, nil)
		}
	}
	return err
}

// SendAll sends messages batch by batch. What the server refuses is reported, one by one. If it has refused a batch of
// them in a row, the rest is mixed, and another such batch means that it takes nothing, unless all are to be tried: so
// refused messages keep no others back, and a run from cron does not send gigabytes for nothing. The
// error is one after which the mailbox cannot go on.
func (r *Run) SendAll(ctx context.Context, b *mailbox.Box, files []*Outgoing, up Upload) error {
	for _, f := range files {
		f.Unanswered = f.Unanswered || b.Sent.Doubtful[plan.Bare(f.Name)]
	}
	s := &sending{Run: r, b: b, up: up, order: orderToSend(files)}
	s.foresee(files)
	for s.order.more() {
		if ctx.Err() != nil || r.Stopped() {
			b.Leave(mailbox.Stopped)
			s.keepBack(s.order.left()...)
			return ctx.Err()
		}
		batch, err := s.batch()
		if err == nil && up.Back != nil {
			batch, err = s.back(batch)
		}
		if err != nil {
			return err
		}
		failed, err := s.send(ctx, batch)
		if err != nil {
			return port.Wrap("append", err)
		}
		left := s.order.left()
		if s.refused >= Batch && failed == nil && len(left) > 0 && !r.All {
			if s.order.mixed {
				failed = errors.New("the server refuses everything")
			} else {
				s.order.mix()
				s.refused = 0
			}
		}
		if failed == nil {
			continue
		}
		b.Leave(mailbox.Refused)
		s.keepBack(left...)
		if port.Ends(failed) {
			return port.Wrap("append", failed)
		}
		return r.Problem(b.Name, 0, fmt.Errorf("append: %w; %d files were not tried", failed, len(left)))
	}
	return nil
}

// back takes what is on the server already out of a batch.
func (s *sending) back(batch []*Outgoing) ([]*Outgoing, error) {
	left, err := s.up.Back(slices.Clone(batch))
	for _, f := range batch {
		if !slices.Contains(left, f) {
			s.arrived(f)
		}
	}
	return left, port.Wrap("look for what is back already", err)
}

// sending is the sending of messages to one mailbox.
type sending struct {
	*Run
	b       *mailbox.Box
	up      Upload
	order   *sendOrder
	refused int // messages in a row, over batches that were refused completely
}

// keepBack notes that messages are not on the server.
func (s *sending) keepBack(files ...*Outgoing) {
	s.forgo(files...)
	if s.up.Record != nil {
		return // nothing is expunged on the server that they are sent to
	}
	for _, f := range files {
		var got *state.Received
		if f.Got.Bytes > 0 {
			got = &f.Got
		}
		s.NoteUnsent(s.b, f.Name, got)
	}
}

// batch reads the next messages. One that cannot be read is reported, and stays here.
func (s *sending) batch() (batch []*Outgoing, err error) {
	var bytes int64
	for len(s.order.ready) > 0 && len(batch) < Batch && bytes < batchBytes {
		f := s.order.ready[0]
		s.order.ready = s.order.ready[1:]
		ok, err := s.up.Read(f)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.b.Leave(mailbox.Disturbed)
			s.forgo(f)
			continue
		case err != nil:
			s.b.Leave(mailbox.Refused)
			s.keepBack(f)
			if err := s.Problem(s.b.Name, 0, &port.NotAppended{Name: f.Name, Err: err}); err != nil {
				return nil, err
			}
			continue
		case !ok:
			s.forgo(f)
			continue
		case s.order.postpones(f):
			continue
		}
		s.measured(f)
		batch = append(batch, f)
		bytes += f.Got.Bytes
	}
	return batch, nil
}

// inspect reads a file of another program's, or of ours that is put back. An empty file is not sent: its program
// may still write it.
func (r *Run) inspect(b *mailbox.Box, f *Outgoing) (ok bool, err error) {
	got, err := b.MD.Inspect(f.Name, nil)
	if err != nil {
		return false, err
	}
	if got.Bytes == 0 && got.Token == "" { // an empty message of the server's own is put back
		r.Note(b.Name, fmt.Sprintf("the file %q is empty and was left alone", f.Name), "remove it if no program is still writing it")
		return false, nil
	}
	if got.Token == b.Gen().Token && plan.CameUndated(b.Record(got.UID), got.Variant) {
		got.Date = state.NoDate // its file has the time at which it was fetched
	}
	if got.Token == "" {
		id, err := b.MD.Ident(f.Name)
		if err == nil {
			err = Unpackable(id.Packed)
		}
		if err != nil {
			return false, err
		}
	}
	if got.Flags = f.Got.Flags; f.Got.Date != 0 {
		got.Date = f.Got.Date
	}
	f.Got = got
	f.Own()
	return true, nil
}

// Own keeps the identity of a file of ours that is put back on the server. The server will have
// what is sent now, whatever it sent once: so the name proves nothing.
func (f *Outgoing) Own() {
	f.was = port.Identity{Token: f.Got.Token, UID: f.Got.UID, Variant: f.Got.Variant}
	f.Got.UID, f.Got.Confirmed = 0, false
}

// Intent is that to have the message in a mailbox, of which no UID is known yet.
func (f *Outgoing) Intent(b *mailbox.Box) state.Intent {
	return state.Intent{Key: f.Key, UIDNext: b.UIDNext(), Bytes: f.Got.Bytes, Flags: f.Got.Flags, Digest: f.Got.Digest}
}

// record makes a commit durable where the intents are.
func (s *sending) record(ctx context.Context, c state.Commit) error {
	if s.up.Record != nil {
		return s.up.Record(ctx, c)
	}
	return s.Commit(ctx, s.b, c)
}

// send announces a batch, appends it, and records what became of it. It reports the messages that the server refused
// or did not answer for, but for those that are sent once more. failed is the server's failure, which is about all that
// is left.
func (s *sending) send(ctx context.Context, batch []*Outgoing) (failed, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	var before state.Commit
	msgs := make([]state.Outgoing, len(batch))
	for i, f := range batch {
		before.Intents = append(before.Intents, f.Intent(s.b))
		open := f.Open
		if open == nil {
			open = func() (io.ReadCloser, error) { return s.b.MD.Body(f.Name, f.Got.Form) }
		}
		msgs[i] = state.Outgoing{Name: f.Name, Flags: f.Got.Flags, Date: f.Got.Date, Size: f.Got.Bytes, Open: s.counted(f, open)}
	}
	if s.up.Record == nil {
		before.Clean = new(bool)
	}
	if err := s.record(ctx, before); err != nil {
		return nil, err
	}
	if err := s.Step("append %d to %s", len(batch), s.b.Name); err != nil {
		return nil, err
	}
	answers, cause := s.Server.Append(ctx, s.b.Listed.Raw, msgs, s.b.KW)
	if err := s.Step("appended to %s", s.b.Name); err != nil {
		return nil, err
	}
	o := &outcome{cause: cause, failed: s.order.failure(cause)}
	for i, f := range batch {
		a := state.Appended{Err: cause, Doubt: state.Unsure}
		if i < len(answers) {
			a = answers[i]
		}
		if a.Err != nil {
			s.notSent(o, f, a)
		} else {
			s.sent(o, f, before.Intents[i], a)
		}
	}
	if o.shorn > 0 {
		s.Note(s.b.Name, fmt.Sprintf("%d appended without keywords that the server refuses: %s", o.shorn, strings.Join(s.b.KW.NamesOf(o.without), " ")), "")
	}
	if s.refused += o.refused; o.refused < len(batch) {
		s.refused = 0
	}
	if err := s.record(ctx, o.after); err != nil {
		return o.failed, err
	}
	if s.up.Record == nil {
		err = s.Tie(ctx, s.b, o.placed)
	}
	for _, p := range o.problems {
		err = errors.Join(err, s.Problem(s.b.Name, 0, p))
	}
	return o.failed, err
}

// outcome is what became of a batch.
type outcome struct {
	cause, failed error // what ended the batch, and what that means for the rest

	after    state.Commit
	placed   []Outgoing // with the UIDs that the server reported
	refused  int
	shorn    int         // messages that the server took only without their keywords,
	without  state.Flags // which these are
	problems []error
}

func (s *sending) sent(o *outcome, f *Outgoing, in state.Intent, a state.Appended) {
	if s.b.Answered(a) {
		in.UID, f.Got.UID = a.UID, a.UID
		o.placed = append(o.placed, *f)
	} else {
		in.Confirmed = true
		s.b.Leave(mailbox.Awaited)
	}
	if a.Without != 0 {
		o.shorn++
		o.without |= a.Without
	}
	s.Did(s.b, port.Appended, in.UID, f.Got.Bytes)
	s.arrived(f)
	s.b.Sent.Add(f.Key, in.UID, f.Got.Bytes)
	o.after.Intents = append(o.after.Intents, in)
	if s.up.Sent != nil {
		s.up.Sent(f, in)
	}
}

func (s *sending) notSent(o *outcome, f *Outgoing, a state.Appended) {
	s.b.Leave(mailbox.Refused)
	switch {
	case a.Doubt == state.Unsure:
		s.order.wait(f.Got.Bytes)
	case a.Doubt != state.Vague: // else the next run looks for it
		o.after.Settle = append(o.after.Settle, f.Key)
	}
	switch {
	case a.Doubt == state.CutOff && s.order.broke(f):
		return
	case a.Err == o.cause && a.Doubt != state.Unsure: // it was not tried
		s.order.ready = append(s.order.ready, f)
		return
	}
	s.keepBack(f)
	if a.Err != o.cause && !port.ExplainedBy(o.failed, a) {
		o.problems = append(o.problems, &port.NotAppended{Name: f.Name, Err: notSent(a)})
	}
	if a.Doubt != state.Unsure && a.Doubt != state.CutOff {
		o.refused++
	}
}

// notSent is why a message is not on the server. That the connection broke at it is its own
// failure, and not that of the server.
func notSent(a state.Appended) error {
	switch {
	case a.Doubt == state.CutOff:
		return state.Faultf(state.Other, "the connection broke each time it was sent: %s", state.PlainText(a.Err)).
			WithHint("the server may take no message this large, or not this one; it stays here, and the others are sent")
	case a.Doubt == state.Unsure:
		return state.Faultf(state.Other, "it is not known whether the server has it: %s", state.PlainText(a.Err)).
			WithHint("run it again: it looks for the message before it sends it once more")
	}
	return a.Err
}
