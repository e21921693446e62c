package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// transfer brings one mailbox on another server up to what is here.
type transfer struct {
	*restoring
	*target
	kw        *state.Keywords // of the mailbox
	m         *matching
	order     *send.SendOrder[*message]
	confirmed []sentMessage // by the server, in this run
}

func (t *transfer) run(ctx context.Context) error {
	if t.Watch != nil {
		t.Watch.Mailbox(t.said.To, false)
		defer t.Watch.Mailbox(t.said.To, true)
	}
	local, read, err := t.load(ctx)
	if err != nil || !read {
		return err
	}
	local = t.shown.leaveOut(t.target, local)
	if len(local) == 0 && t.said.Shown > 0 {
		return nil
	}
	t.m = &matching{server: t.Server, raw: t.listed.Raw, local: local}
	if err := t.reach(ctx); err != nil {
		t.said.Refused += len(local)
		return err
	}
	missing := t.m.unmatched()
	t.said.There = len(local) - len(missing)
	if t.DryRun {
		t.wouldSend(missing)
		return nil
	}
	if err := t.remember(); err != nil {
		return err
	}
	if err = t.send(ctx, missing); port.Ends(err) {
		return err
	}
	return errors.Join(err, t.lookAfter(ctx))
}

// load loads what goes to the mailbox. It reports whether any of its sources could be read.
func (t *transfer) load(ctx context.Context) (local []*message, read bool, err error) {
	for i := range t.sources {
		s := &t.sources[i]
		l, err := t.origin.load(ctx, s, t.kw, t.since)
		if err != nil {
			why, own := port.OneFiles(ctx, err)
			if !own {
				return nil, false, why
			}
			if err := t.Problem(t.said.To, 0, port.Wrap("read "+s.Name, why)); err != nil {
				return nil, false, err
			}
			continue
		}
		read = true
		local = append(local, l.messages...)
		t.said.Older += l.older
		problems, notes, count := mailbox.Describe(s.Name, l.left)
		t.said.Refused += count
		if err := t.Report(t.said.To, problems, notes); err != nil {
			return nil, false, err
		}
	}
	return local, read, nil
}

// reach makes the mailbox where it is missing, and finds what is in it already.
func (t *transfer) reach(ctx context.Context) (err error) {
	if !t.there {
		if t.DryRun {
			t.said.Created = true // it would be
			return nil
		}
		if err := t.Step("create %s on the server", t.said.To); err != nil {
			return err
		}
		if t.listed, err = t.Server.CreateMailbox(ctx, t.levels, t.role); err != nil {
			return port.Wrap("create the mailbox", err)
		}
		t.said.Created, t.m.raw = true, t.listed.Raw
	}
	if err := t.look(ctx); err != nil || len(t.m.open()) == 0 {
		return err
	}
	// A run was interrupted. What it had sent may still be on its way through the server: it
	// is waited for until the mailbox has settled.
	for range 10 {
		if len(t.m.missed()) == 0 {
			break
		}
		before := t.m.mark
		if err := t.Wait(ctx, settleAfter); err != nil {
			return err
		}
		if err := t.look(ctx); err != nil {
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

// look scans the mailbox and matches what is here with what is in it.
func (t *transfer) look(ctx context.Context) error {
	sn, err := t.Server.Scan(ctx, state.ScanRequest{Raw: t.m.raw, Full: true, Keywords: t.kw})
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
	t.m.sent = t.ledger.Sent(t.m.raw, t.m.mark.UIDValidity)
	return t.m.match(ctx)
}

// wouldSend reports what a dry run would do.
func (t *transfer) wouldSend(missing []*message) {
	for _, c := range missing {
		t.said.Bytes += c.ident.Size
		if t.Watch != nil {
			t.Watch.Op(t.said.To, plan.Op{Kind: plan.OpAppend, Name: c.source.Name + "/" + c.name})
		}
	}
	t.said.Appended = len(missing)
}
