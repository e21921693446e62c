package restore

import (
	"context"
	"errors"
	"fmt"

	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// A batch is what is announced in the ledger, and then sent, at once.
const (
	sendBatch = 200
	sendBytes = 16 << 20
)

// send sends what is left, batch by batch.
func (t *transfer) send(ctx context.Context, all []*message) error {
	if t.Watch != nil {
		var bytes int64
		for _, c := range all {
			bytes += c.ident.Size
		}
		t.Watch.Planned(len(all), bytes)
	}
	t.order = send.OrderToSend(all, t.m.wasUnanswered())
	for t.order.More() {
		if ctx.Err() != nil || t.Stopped() {
			t.said.Refused += len(t.order.Left())
			t.stop(ctx)
			return ctx.Err()
		}
		batch, err := t.batch()
		if err == nil {
			err = t.sendBatch(ctx, batch)
		}
		if err != nil {
			t.said.Refused += len(t.order.Left())
			return err
		}
	}
	return nil
}

// batch reads the next files, and reports those that are not to be sent.
func (t *transfer) batch() (batch []*message, err error) {
	var bytes int64
	for len(t.order.Ready) > 0 && len(batch) < sendBatch && bytes < sendBytes {
		c := t.order.Ready[0]
		t.order.Ready = t.order.Ready[1:]
		if t.order.Postpones(c, c.ident.Size) {
			continue
		}
		if err := c.sound(); err != nil {
			t.said.Refused++
			if err := t.Problem(t.said.To, 0, fmt.Errorf("%v is not sent: %w", c, err)); err != nil {
				return batch, err
			}
			continue
		}
		batch = append(batch, c)
		bytes += c.got.Bytes
	}
	return batch, nil
}

// sendBatch announces a batch, sends it and notes what became of it.
func (t *transfer) sendBatch(ctx context.Context, batch []*message) error {
	if len(batch) == 0 {
		return nil
	}
	intents := make([]state.Sent, len(batch))
	msgs := make([]state.Outgoing, len(batch))
	for i, c := range batch {
		intents[i] = state.Sent{Raw: t.m.raw, UIDValidity: t.m.mark.UIDValidity, UIDNext: t.m.mark.UIDNext, Bytes: c.got.Bytes, Digest: c.got.Digest}
		msgs[i] = state.Outgoing{Name: c.String(), Flags: c.flags, Date: c.ident.Date, Size: c.got.Bytes, Open: c.open}
	}
	if err := t.Step("announce %d to %s", len(batch), t.said.To); err != nil {
		return err
	}
	if err := t.ledger.Intend(intents); err != nil {
		t.said.Refused += len(batch)
		return err
	}
	if err := t.Step("append %d to %s", len(batch), t.said.To); err != nil {
		return err
	}
	answers, cause := t.Server.Append(ctx, t.m.raw, msgs, t.kw)
	failed := t.order.Failure(cause)
	if err := t.Step("appended to %s", t.said.To); err != nil {
		return err
	}
	var without send.Shorn
	for _, a := range answers {
		without.Count(a)
	}
	if text := without.Text(t.kw); text != "" {
		t.Note(t.said.To, text, "")
	}
	over, told := t.answered(batch, intents, answers, cause, failed)
	return errors.Join(failed, told, t.ledger.Settle(over))
}

// answered takes what the server said to each message of a batch, and returns the intents
// of which something is known. Where it is not known what became of a message, its intent
// stays as it is: the next run looks for it.
func (t *transfer) answered(batch []*message, intents []state.Sent, answers []state.Appended, cause, failed error) (over []state.Sent, err error) {
	for i, c := range batch {
		a := state.Appended{Err: cause, Doubt: state.Unsure}
		if i < len(answers) {
			a = answers[i]
		}
		if a.Err == nil {
			t.said.Appended++
			t.said.Bytes += c.got.Bytes
			intents[i].Confirmed = true
			if a.UID != 0 && a.UIDValidity == t.m.mark.UIDValidity {
				intents[i].UID, intents[i].Confirmed = a.UID, false
			}
			over = append(over, intents[i])
			t.confirmed = append(t.confirmed, sentMessage{c, intents[i]})
			t.m.mark.UIDNext = max(t.m.mark.UIDNext, uint32(a.UID)+1)
			if t.Watch != nil {
				t.Watch.Fetched(1, c.got.Bytes)
			}
			continue
		}
		if a.Doubt == state.Unsure {
			t.order.Wait(c.got.Bytes)
		} else {
			over = append(over, intents[i]) // with UID 0: it was not stored
		}
		if a.Doubt == state.CutOff && t.order.Broke(c, c.got.Bytes) {
			continue
		}
		t.said.Refused++
		if a.Err == cause || port.SaidBy(failed, a) {
			continue
		}
		if e := t.Problem(t.said.To, 0, fmt.Errorf("%v: %w", c, send.NotSent(a))); e != nil {
			err = errors.Join(err, e)
		}
	}
	return over, err
}
