package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// A batch is what is announced in the ledger, and then sent, at once.
const (
	sendBatch = 200
	sendBytes = 16 << 20
)

// restore brings one mailbox on the server up to what is here.
func (r *restoring) restore(ctx context.Context, g *target) error {
	if r.Watch != nil {
		r.Watch.Mailbox(g.said.To, false)
		defer r.Watch.Mailbox(g.said.To, true)
	}
	kw := state.NewKeywords(nil)
	var local []*message
	read := 0
	for i := range g.sources {
		s := &g.sources[i]
		l, err := r.origin.load(ctx, s, kw, r.Since)
		if err != nil {
			why, own := port.OneFiles(ctx, err)
			if !own {
				return why
			}
			if err := r.problem(g.said.To, port.Wrap("read "+s.Name, why)); err != nil {
				return err
			}
			continue
		}
		read++
		local = append(local, l.messages...)
		g.said.Older += l.older
		if err := r.leaveOut(g, s, l.left); err != nil {
			return err
		}
	}
	if read == 0 {
		return nil
	}
	local = r.once(g, local)
	if len(local) == 0 && g.said.Shown > 0 {
		return nil
	}
	m := newMatching(r.Server, g.listed.Raw, local)
	if err := r.reach(ctx, g, m, kw); err != nil {
		g.said.Refused += len(m.local)
		return err
	}
	send := m.unmatched()
	g.said.There = len(m.local) - len(send)
	if r.DryRun {
		return r.wouldSend(g, send)
	}
	if err := r.remember(m); err != nil {
		return err
	}
	err := r.send(ctx, g, m, send, kw)
	if port.Ends(err) {
		return err
	}
	return errors.Join(err, r.lookAfter(ctx, g, m, kw))
}

// once leaves out what a view showed of the mailboxes that were looked at before.
func (r *restoring) once(g *target, local []*message) []*message {
	if r.elsewhere == nil {
		return local
	}
	digests := make([][state.DigestSize]byte, 0, len(local))
	left := make([]*message, 0, len(local))
	for _, c := range local {
		digest, err := c.digest()
		switch {
		case err != nil: // that it cannot be read is told when it is to be sent
		case g.view() && r.isElsewhere(digest):
			g.said.Shown++
			continue
		default:
			digests = append(digests, digest)
		}
		left = append(left, c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, digest := range digests {
		r.elsewhere[digest] = true
	}
	return left
}

func (r *restoring) isElsewhere(digest [state.DigestSize]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.elsewhere[digest]
}

// reach makes the mailbox where it is missing, and finds what is in it already.
func (r *restoring) reach(ctx context.Context, g *target, m *matching, kw *state.Keywords) (err error) {
	if !g.there {
		if r.DryRun {
			g.said.Created = true // it would be
			return nil
		}
		if err := r.step("create %s on the server", g.said.To); err != nil {
			return err
		}
		if g.listed, err = r.Server.CreateMailbox(ctx, g.levels, g.role); err != nil {
			return port.Wrap("create the mailbox", err)
		}
		g.said.Created = true
	}
	m.raw = g.listed.Raw
	if err := r.look(ctx, m, kw); err != nil || len(m.open()) == 0 {
		return err
	}
	// A run was broken off. What it had sent may still be on its way through the server: it
	// is waited for until the mailbox has come to rest.
	for range 10 {
		if len(m.missed()) == 0 {
			break
		}
		before := m.mark
		if err := r.wait(ctx, settleAfter); err != nil {
			return err
		}
		if err := r.look(ctx, m, kw); err != nil {
			return err
		}
		if m.mark == before {
			break
		}
	}
	return nil
}

// settleAfter is how long a server may take with what a connection that is gone had sent.
const settleAfter = 2 * time.Second

func (r *restoring) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look scans the mailbox and matches what is here with what is in it.
func (r *restoring) look(ctx context.Context, m *matching, kw *state.Keywords) error {
	sn, err := r.Server.Scan(ctx, state.ScanRequest{Raw: m.raw, Full: true, Keywords: kw})
	if err != nil {
		return err
	}
	switch {
	case sn.Mark.UIDValidity == 0:
		return errors.New("the server gives this mailbox no valid UIDVALIDITY; nothing is sent there")
	case !sn.Complete:
		return fmt.Errorf("the server's listing is not complete: %d messages announced, %d listed; nothing is sent, for it may be there already", sn.Mark.Exists, len(sn.Messages))
	}
	m.list(sn.Mark, sn.Messages)
	r.mu.Lock()
	m.sent = r.Ledger.Sent(m.raw, m.mark.UIDValidity)
	r.mu.Unlock()
	return m.match(ctx)
}

// remember tells the ledger what was found there, and that what was open is over.
func (r *restoring) remember(m *matching) error {
	known := map[state.UID]bool{}
	var over, found []state.Sent
	for _, s := range m.sent {
		if s.UID == 0 {
			s.Confirmed = false // what was found is noted below; the rest is not there
			over = append(over, s)
		}
		known[s.UID] = true
	}
	for i, o := range m.to {
		if o == nil || known[o.UID] {
			continue
		}
		d, err := m.local[i].digest()
		if err != nil {
			return err
		}
		found = append(found, state.Sent{Raw: m.raw, UIDValidity: m.mark.UIDValidity, UIDNext: uint32(o.UID),
			Bytes: m.local[i].ident.Size, Digest: d, UID: o.UID})
	}
	if len(over)+len(found) == 0 {
		return nil
	}
	if err := r.step("note %d in restore's record", len(over)+len(found)); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.Ledger.Intend(found); err != nil {
		return err
	}
	return r.Ledger.Settle(append(over, found...))
}

// wouldSend tells what a dry run would do.
func (r *restoring) wouldSend(g *target, send []*message) error {
	for _, c := range send {
		g.said.Bytes += c.ident.Size
		if r.Watch != nil {
			r.Watch.Op(g.said.To, plan.Op{Kind: plan.OpAppend, Name: c.source.Name + "/" + c.name})
		}
	}
	g.said.Appended = len(send)
	return nil
}

// send sends what is left, batch by batch.
func (r *restoring) send(ctx context.Context, g *target, m *matching, all []*message, kw *state.Keywords) error {
	if r.Watch != nil {
		var bytes int64
		for _, c := range all {
			bytes += c.ident.Size
		}
		r.Watch.Planned(len(all), bytes)
	}
	order := send.OrderToSend(all, m.wasUnanswered())
	for order.More() {
		if ctx.Err() != nil || r.stopped() {
			g.said.Refused += len(order.Left())
			r.stop(ctx)
			return ctx.Err()
		}
		batch, err := r.batch(g, order)
		if err == nil {
			err = r.sendBatch(ctx, g, m, batch, order, kw)
		}
		if err != nil {
			g.said.Refused += len(order.Left())
			return err
		}
	}
	return nil
}

// wasUnanswered tells of a message that is not there whether an earlier run sent it and got no answer.
func (m *matching) wasUnanswered() func(*message) bool {
	open, sizes := map[[state.DigestSize]byte]bool{}, map[int64]bool{}
	for _, s := range m.open() {
		if !s.Confirmed {
			open[s.Digest], sizes[s.Bytes] = true, true
		}
	}
	return func(c *message) bool {
		if !sizes[c.ident.Size] {
			return false
		}
		d, err := c.digest()
		return err == nil && open[d]
	}
}

// batch reads the next files, and reports those that are not to be sent.
func (r *restoring) batch(g *target, order *send.SendOrder[*message]) (batch []*message, err error) {
	var bytes int64
	for len(order.Ready) > 0 && len(batch) < sendBatch && bytes < sendBytes {
		c := order.Ready[0]
		order.Ready = order.Ready[1:]
		if order.Postpones(c, c.ident.Size) {
			continue
		}
		if err := c.sound(); err != nil {
			g.said.Refused++
			if err := r.problem(g.said.To, fmt.Errorf("%v is not sent: %w", c, err)); err != nil {
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
func (r *restoring) sendBatch(ctx context.Context, g *target, m *matching, batch []*message, order *send.SendOrder[*message], kw *state.Keywords) error {
	if len(batch) == 0 {
		return nil
	}
	intents := make([]state.Sent, len(batch))
	msgs := make([]state.Outgoing, len(batch))
	for i, c := range batch {
		intents[i] = state.Sent{Raw: m.raw, UIDValidity: m.mark.UIDValidity, UIDNext: m.mark.UIDNext, Bytes: c.got.Bytes, Digest: c.got.Digest}
		msgs[i] = state.Outgoing{Name: c.String(), Flags: c.flags, Date: c.ident.Date, Size: c.got.Bytes, Open: c.open}
	}
	if err := r.step("announce %d to %s", len(batch), g.said.To); err != nil {
		return err
	}
	r.mu.Lock()
	err := r.Ledger.Intend(intents)
	r.mu.Unlock()
	if err != nil {
		g.said.Refused += len(batch)
		return err
	}
	if err := r.step("append %d to %s", len(batch), g.said.To); err != nil {
		return err
	}
	answers, cause := r.Server.Append(ctx, m.raw, msgs, kw)
	failed := order.Failure(cause)
	if err := r.step("appended to %s", g.said.To); err != nil {
		return err
	}
	var without send.Shorn
	for _, a := range answers {
		without.Count(a)
	}
	if text := without.Text(kw); text != "" && r.Watch != nil {
		r.Watch.Note(g.said.To, text, "")
	}
	over, told := r.answered(g, m, batch, order, intents, answers, cause, failed)
	r.mu.Lock()
	err = r.Ledger.Settle(over)
	r.mu.Unlock()
	return errors.Join(failed, told, err)
}

// answered takes what the server said to each message of a batch, and returns the intents
// of which something is known. Where it is not known what became of a message, its intent
// stays as it is: the next run looks for it.
func (r *restoring) answered(g *target, m *matching, batch []*message, order *send.SendOrder[*message], intents []state.Sent, answers []state.Appended, cause, failed error) (over []state.Sent, err error) {
	for i, c := range batch {
		a := state.Appended{Err: cause, Unsure: true}
		if i < len(answers) {
			a = answers[i]
		}
		if a.Err == nil {
			g.said.Appended++
			g.said.Bytes += c.got.Bytes
			intents[i].Confirmed = true
			if a.UID != 0 && a.UIDValidity == m.mark.UIDValidity {
				intents[i].UID, intents[i].Confirmed = a.UID, false
			}
			over = append(over, intents[i])
			m.confirmed = append(m.confirmed, confirmed{c, intents[i]})
			m.mark.UIDNext = max(m.mark.UIDNext, uint32(a.UID)+1)
			if r.Watch != nil {
				r.Watch.Fetched(1, c.got.Bytes)
			}
			continue
		}
		if a.Unsure {
			order.Wait(c.got.Bytes)
		} else {
			over = append(over, intents[i]) // with UID 0: it was not stored
		}
		if a.Again && order.Broke(c, c.got.Bytes) {
			continue
		}
		g.said.Refused++
		if a.Err == cause || port.SaidBy(failed, a) {
			continue
		}
		if e := r.problem(g.said.To, fmt.Errorf("%v: %w", c, send.NotSent(a))); e != nil {
			err = errors.Join(err, e)
		}
	}
	return over, err
}
