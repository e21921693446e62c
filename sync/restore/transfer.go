package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// transfer puts into one mailbox on another server what is here and not there.
type transfer struct {
	*restoring
	*target
	box       *mailbox.Box // the mailbox there; it has no Maildir
	record    *record
	m         *matching  // nil where there is nothing to do
	missing   []*message // there
	confirmed []*message // by the server, in this run
}

// prepare finds out what is missing there, and changes nothing.
func (t *transfer) prepare(ctx context.Context) error {
	if t.Watch != nil {
		t.Watch.Mailbox(t.done.To, false)
		defer t.Watch.Mailbox(t.done.To, true)
	}
	local, read, err := t.load(ctx)
	if err != nil || !read {
		return err
	}
	local = t.leaveOut(local)
	if len(local) == 0 && t.done.Shown > 0 {
		return nil
	}
	t.m = &matching{server: t.Server, raw: t.listed.Raw, local: local, least: match.AlikeByNumber}
	if t.there {
		if err := t.reach(ctx); err != nil {
			t.m = nil
			t.done.Refused += len(local)
			return err
		}
	}
	t.compared()
	return nil
}

// compared takes what the matching found.
func (t *transfer) compared() {
	t.missing = t.m.unmatched()
	t.done.There = len(t.m.local) - len(t.missing)
}

// octets is the length of what is missing.
func (t *transfer) octets() (n int64) {
	for _, c := range t.missing {
		n += c.ident.Size
	}
	return n
}

// run sends what is missing.
func (t *transfer) run(ctx context.Context) error {
	if t.m == nil {
		return nil
	}
	if !t.there {
		messages, octets := len(t.missing), t.octets()
		if err := t.create(ctx); err != nil {
			t.done.Refused += len(t.m.local)
			return err
		}
		t.compared()
		t.Planned(len(t.missing)-messages, t.octets()-octets)
	}
	missing := t.missing
	if t.DryRun {
		t.wouldSend(missing)
		return nil
	}
	if err := t.remember(ctx, false); err != nil {
		t.done.Refused += len(missing)
		return err
	}
	err := t.send(ctx, missing)
	if slices.Contains(t.box.Left, mailbox.Stopped) {
		t.stop(ctx)
	}
	t.done.Appended, t.done.Bytes = len(t.confirmed), t.box.Sent.Bytes
	t.done.Refused += len(missing) - len(t.confirmed)
	if port.Ends(err) {
		return err
	}
	return errors.Join(err, t.lookAfter(ctx))
}

// load loads what is put into the mailbox. It reports whether any of its sources could be read.
func (t *transfer) load(ctx context.Context) (local []*message, read bool, err error) {
	for i := range t.sources {
		s := &t.sources[i]
		l, err := t.origin.load(ctx, s, t.box.KW, t.since)
		if err != nil {
			why, own := port.FileError(ctx, err)
			if !own {
				return nil, false, why
			}
			if err := t.Problem(t.done.To, 0, port.Wrap("read "+s.Name, why)); err != nil {
				return nil, false, err
			}
			continue
		}
		read = true
		local = append(local, l.messages...)
		t.done.Older += l.older
		count, err := t.LeftOut(t.done.To, s.Name, l.left)
		t.done.Refused += count
		if err != nil {
			return nil, false, err
		}
	}
	return local, read, nil
}

// leaveOut leaves out of what is put into a view what other mailboxes hold.
func (t *transfer) leaveOut(local []*message) []*message {
	if !t.sender.NotesHeld() {
		return local
	}
	var digests [][state.DigestSize]byte
	local = slices.DeleteFunc(local, func(c *message) bool {
		digest, err := c.digest()
		if err != nil {
			return false // that it cannot be read is reported when it is to be sent
		}
		if t.sender.ShownElsewhere(t.view(), digest) {
			t.done.Shown++
			return true
		}
		digests = append(digests, digest)
		return false
	})
	for _, digest := range digests {
		t.sender.NoteHeldIn(false, digest) // one view shows what another one shows, too
	}
	return local
}

// create makes the mailbox, and finds what is in it nevertheless.
func (t *transfer) create(ctx context.Context) (err error) {
	if t.DryRun {
		t.done.Created = true // it would be
		return nil
	}
	if err := t.Step("create %s on the server", t.done.To); err != nil {
		return err
	}
	if t.listed, err = t.Server.CreateMailbox(ctx, t.levels, t.role); err != nil {
		return port.Wrap("create the mailbox", err)
	}
	t.Infof(t.done.To, "mailbox created on the server")
	t.done.Created, t.m.raw = true, t.listed.Raw
	return t.reach(ctx)
}

// reach finds what is in the mailbox already.
func (t *transfer) reach(ctx context.Context) error {
	t.box.Listed = t.listed
	if t.record = t.records[t.m.raw]; t.record == nil {
		t.record = &record{raw: t.m.raw, sent: map[state.IntentKey]state.Intent{}}
	}
	if err := t.look(ctx, false); err != nil || len(t.m.open()) == 0 {
		return err
	}
	// A run was interrupted. The server may still be storing what it had sent: the mailbox is listed again until it
	// has settled.
	for range 10 {
		if len(t.m.missed()) == 0 {
			break
		}
		before := t.m.mark
		if err := t.Wait(ctx, settleAfter); err != nil {
			return err
		}
		if err := t.look(ctx, false); err != nil {
			return err
		}
		if t.m.mark == before {
			break
		}
	}
	return nil
}

// settleAfter is how long a server may take with what a connection that is gone had sent.
const settleAfter = 2 * time.Second

// look scans the mailbox, in a new session with anew, and matches what is here with what is in it.
func (t *transfer) look(ctx context.Context, anew bool) error {
	sn, err := t.Server.Scan(ctx, state.ScanRequest{Raw: t.m.raw, Full: true, Anew: anew, Keywords: t.box.KW})
	if err != nil {
		return err
	}
	switch {
	case sn.Mark.UIDValidity == 0:
		return errors.New("the server gives this mailbox no valid UIDVALIDITY; nothing is sent there")
	case !sn.Complete:
		return fmt.Errorf("the server's listing is not complete: %d messages announced, %d listed; nothing is sent, for it may be there already", sn.Mark.Exists, len(sn.Messages))
	}
	t.m.list(sn.Mark, sn.Messages)
	t.m.sent = t.record.under(t.m.mark.UIDValidity)
	t.box.Row.Generations = []state.Generation{{Current: true, Mark: t.m.mark}}
	return t.m.match(ctx)
}

// wouldSend reports what a dry run would do.
func (t *transfer) wouldSend(missing []*message) {
	for _, c := range missing {
		t.done.Bytes += c.ident.Size
		if t.Watch != nil {
			t.Watch.Op(t.done.To, plan.Op{Kind: plan.OpAppend, Name: c.source.Name + "/" + c.name})
		}
	}
	t.done.Appended = len(missing)
	t.Add(&t.Result.Appended, len(missing))
}

// send sends what is not there.
func (t *transfer) send(ctx context.Context, missing []*message) error {
	files := make([]*send.Outgoing, len(missing))
	of := map[state.IntentKey]*message{}
	unanswered := t.m.wasUnanswered()
	for i, c := range missing {
		files[i] = &send.Outgoing{Name: c.String(), Key: t.record.nextKey(t.m.mark.UIDValidity), Unanswered: unanswered(c), Open: c.open, Planned: c.ident.Size}
		of[files[i].Key] = c
	}
	return t.sender.SendAll(ctx, t.box, files, send.Upload{
		Read: func(f *send.Outgoing) (bool, error) {
			c := of[f.Key]
			if err := c.sound(); err != nil {
				return false, t.Problem(t.done.To, 0, fmt.Errorf("%v is not sent: %w", c, err))
			}
			f.Got = *c.got
			f.Got.Flags, f.Got.Date = c.flags, c.ident.Date
			return true, nil
		},
		Record: t.note,
		Sent: func(f *send.Outgoing, _ state.Intent) {
			t.confirmed = append(t.confirmed, of[f.Key])
		},
	})
}

// lookAfter lists the mailbox once everything was sent: a server may not have a message that it confirmed.
// A confirmed message that is not listed in a session that began later is
// not restored; the next run looks again before it sends it once more. Courier gives an empty mailbox other numbers until
// something is in it; then all is matched as if nothing had been sent.
func (t *transfer) lookAfter(ctx context.Context) error {
	if len(t.confirmed) == 0 || ctx.Err() != nil {
		return nil
	}
	t.m.local = slices.DeleteFunc(t.m.local, func(c *message) bool { return c.there == nil })
	t.m.local = append(t.m.local, t.confirmed...)
	var lost []*message
	for _, anew := range []bool{false, true} {
		if t.m.least = match.AlikeBody; anew {
			t.m.least = match.AlikeByNumber // what is not shown by now will not be
		}
		err := t.look(ctx, anew)
		if err != nil && !anew && !port.Ends(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("see whether %d messages are there that the server confirmed: %w", len(t.confirmed), err)
		}
		if lost = t.m.unmatched(); len(lost) == 0 {
			break
		}
	}
	if err := t.remember(ctx, true); err != nil {
		return err
	}
	for _, c := range lost {
		t.done.Appended--
		t.done.Bytes -= c.got.Bytes
		t.done.Refused++
		t.Undid(t.box, port.Appended)
		err := state.Faultf(state.Other, "%v: the server confirmed it and does not list it", c).
			WithHint("run restore again: it sends what is still not there")
		if err := t.Problem(t.done.To, 0, err); err != nil {
			return err
		}
	}
	return nil
}
