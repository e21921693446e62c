package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/list"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// Own is a restore of an account to its own server.
type Own struct {
	*mailbox.Run
	Since  int64                           // what is older is left out; state.NoDate: nothing
	Levels func(state.MailboxRow) []string // the name of a mailbox that the server does not have any more
	Out    Restoration

	list   *list.Run
	send   *send.Run
	listed map[string]bool // raw names of mailboxes that the server has
	made   map[string]bool // raw names of mailboxes that were made
	given  []string        // special uses that the server's mailboxes have
}

// NewOwn returns a restore to the account's own server.
func NewOwn(r *mailbox.Run, l *list.Run, s *send.Run) *Own {
	s.All, s.Foreseen = true, true
	return &Own{Run: r, list: l, send: s}
}

// List lists the server's mailboxes, and makes those that it does not have any more.
func (h *Own) List(ctx context.Context) error {
	all := h.Include
	h.listed = map[string]bool{}
	h.Include = func(l state.Listed) bool {
		h.listed[state.RawKey(l.Raw)] = true
		h.given = append(h.given, l.Role)
		return all == nil || all(l)
	}
	if err := h.list.List(ctx); err != nil {
		return err
	}
	h.made = map[string]bool{}
	for _, row := range h.Rows {
		gen := row.Current()
		if row.Role != state.RoleMailbox || h.listed[state.RawKey(row.Raw)] || gen == nil || gen.Tally.Here == 0 {
			continue
		}
		names := h.Levels(row)
		l := state.Listed{Raw: row.Raw, Levels: names, Sep: row.Sep, Role: cmp.Or(row.Use, roleByName(names)), Size: -1}
		if all != nil && !all(l) {
			continue
		}
		if h.DryRun {
			h.Out.Boxes = append(h.Out.Boxes, Restored{To: plan.DisplayName(names), From: []string{plan.DisplayName(names)}, Created: true, Appended: gen.Tally.Here, Bytes: gen.Tally.HereBytes})
			continue
		}
		if err := h.Step("create %s on the server", plan.DisplayName(names)); err != nil {
			return err
		}
		made, err := h.Server.CreateMailbox(ctx, names, h.vacant(row.Use))
		if err != nil {
			if err := h.Problem(plan.DisplayName(names), 0, port.Wrap("create the mailbox", err)); err != nil {
				return err
			}
			continue
		}
		h.Infof(plan.DisplayName(names), "mailbox created on the server")
		h.made[state.RawKey(made.Raw)] = true
		h.Boxes = append(h.Boxes, &mailbox.Box{Listed: made, Name: plan.DisplayName(made.Levels)})
	}
	return nil
}

// vacant returns a special use if no mailbox of the server has it, else "".
func (h *Own) vacant(use string) string {
	if slices.Contains(h.given, use) {
		return ""
	}
	return use
}

// bringing is what is brought back into one mailbox.
type bringing struct {
	box   *mailbox.Box
	done  Restored
	local []*message
	ops   []plan.Op // that append what the server does not have
}

// Append appends to every mailbox what the server does not have. What that is is known before the first message is sent,
// but for views: they are last, and looked at again then.
func (h *Own) Append(ctx context.Context) error {
	h.send.NoteHeld(slices.ContainsFunc(h.Boxes, (*mailbox.Box).IsView))
	var all, views []*bringing
	for _, b := range h.ViewsLast() {
		one := &bringing{box: b, done: Restored{To: b.Name, From: []string{b.Name}, Created: h.made[state.RawKey(b.Listed.Raw)]}}
		switch {
		case b.Failed || b.Server == nil || b.MD == nil:
			h.Out.Boxes = append(h.Out.Boxes, one.done)
		case b.IsView():
			views = append(views, one)
		default:
			all = append(all, one)
		}
	}
	if err := h.bringAll(ctx, all); err != nil {
		return err
	}
	for _, one := range views {
		if err := h.bringAll(ctx, []*bringing{one}); err != nil {
			return err
		}
	}
	return nil
}

// bringAll finds out what is missing in mailboxes, looks whether there is room for it, and sends it.
func (h *Own) bringAll(ctx context.Context, all []*bringing) error {
	messages, octets := 0, int64(0)
	for _, one := range all {
		if ctx.Err() != nil || h.Stopped() {
			return ctx.Err()
		}
		h.Doing("reading", one.box.Name)
		if err := h.prepare(ctx, one); err != nil {
			if err := h.Problem(one.box.Name, 0, err); err != nil {
				return err
			}
		}
		messages += len(one.ops)
		octets += one.done.Bytes
	}
	if err := roomThere(ctx, h.Run, messages, octets); err != nil {
		if !h.DryRun {
			for _, one := range all {
				one.done.Refused += len(one.ops)
				one.done.Bytes = 0
				h.Out.Boxes = append(h.Out.Boxes, one.done)
			}
			return err
		}
		if err := h.Problem("", 0, err); err != nil {
			return err
		}
	}
	h.Planned(messages, octets)
	for _, one := range all {
		if ctx.Err() != nil || h.Stopped() {
			return ctx.Err()
		}
		err := h.bring(ctx, one)
		h.Out.Boxes = append(h.Out.Boxes, one.done)
		if err != nil {
			if err := h.Problem(one.box.Name, 0, err); err != nil {
				return err
			}
		}
		h.LogMailbox(one.box)
	}
	return nil
}

// prepare finds out what is missing in a mailbox. What fails has nothing to be sent.
func (h *Own) prepare(ctx context.Context, one *bringing) error {
	b, done := one.box, &one.done
	if !b.Server.Complete {
		return errors.New("the server's listing is not complete; nothing is sent, for it may be there already")
	}
	if b.IsView() && !h.DryRun {
		if err := h.send.ListAgain(ctx, b, true); err != nil {
			return fmt.Errorf("list its messages again: %w", err)
		}
	}
	unknown := slices.DeleteFunc(slices.Clone(b.Server.Messages), func(msg state.OnServer) bool { return b.Record(msg.UID).Status.HasFile() })
	done.There = len(b.Server.Messages) - len(unknown)
	local, err := h.loadSound(ctx, b, done)
	if err != nil {
		return err
	}
	m := &matching{server: h.Server, raw: b.Listed.Raw, local: local}
	m.list(b.Server.Mark, unknown)
	if err := m.match(ctx); err != nil {
		return err
	}
	missing := m.unmatched()
	done.There += len(local) - len(missing)
	one.local, one.ops = local, h.toSend(b, missing, done)
	return nil
}

// bring ties the files of what is there, and sends what is not.
func (h *Own) bring(ctx context.Context, one *bringing) error {
	b, done := one.box, &one.done
	if h.DryRun {
		done.Appended = len(one.ops)
		return nil
	}
	if err := h.tieMatched(ctx, b, one.local); err != nil {
		return err
	}
	before := h.Result.Appended
	err := h.send.AppendFiles(ctx, b, one.ops)
	done.Appended, done.Bytes = h.Result.Appended-before, b.Sent.Bytes
	done.Refused += len(one.ops) - done.Appended
	return err
}

// toSend are the operations that append what the server does not have.
func (h *Own) toSend(b *mailbox.Box, missing []*message, done *Restored) (ops []plan.Op) {
	for _, c := range missing {
		if h.send.ShownElsewhere(b.IsView(), c.got.Digest) {
			done.Shown++
			continue
		}
		if b.Sent.HeldBack[plan.Bare(c.name)] {
			done.Refused++ // it may be on its way from an earlier run
			continue
		}
		o := plan.Op{Kind: plan.OpAppend, Name: c.name, Flags: c.flags, Date: c.ident.Date, Size: c.got.Bytes}
		done.Bytes += c.got.Bytes
		ops = append(ops, o)
		if h.DryRun && h.Watch != nil {
			h.Watch.Op(b.Name, o)
		}
	}
	return ops
}

// tieMatched gives files the identities of the messages that the server has of them.
func (h *Own) tieMatched(ctx context.Context, b *mailbox.Box, local []*message) error {
	var tied []send.Outgoing
	var meant []state.Intent
	for _, c := range local {
		if c.there == nil {
			continue
		}
		f := send.Outgoing{Name: c.name, Got: *c.got, Key: plan.AppendKey(c.name)}
		f.Own()
		f.Got.UID, f.Got.Flags = c.there.UID, c.flags
		tied = append(tied, f)
		meant = append(meant, state.Intent{Key: f.Key, UID: f.Got.UID, Bytes: f.Got.Bytes, Flags: f.Got.Flags, Digest: f.Got.Digest, Confirmed: true})
	}
	if len(tied) == 0 {
		return nil
	}
	if err := h.Commit(ctx, b, state.Commit{Intents: meant, Change: state.Unclean()}); err != nil {
		return err
	}
	return h.send.Tie(ctx, b, tied)
}

// loadSound loads the messages that the server does not have, but for damaged ones.
func (h *Own) loadSound(ctx context.Context, b *mailbox.Box, done *Restored) (sound []*message, err error) {
	l, err := h.load(ctx, b)
	if err != nil {
		return nil, err
	}
	done.Older = l.older
	for _, c := range l.messages {
		if err := c.sound(); err != nil {
			done.Refused++
			if err := h.Problem(b.Name, c.uid, fmt.Errorf("%s is not sent: %w", c.name, err)); err != nil {
				return nil, err
			}
			continue
		}
		sound = append(sound, c)
		h.send.NoteHeldIn(b.IsView(), c.got.Digest)
	}
	count, err := h.LeftOut(b.Name, b.Name, l.left)
	done.Refused += count
	return sound, err
}

// load loads the messages of the files that are only here, and of those that were moved here.
func (h *Own) load(ctx context.Context, b *mailbox.Box) (*loading, error) {
	books := map[string]*recorded{}
	for i := range b.Row.Generations {
		g := &b.Row.Generations[i]
		book, err := h.recorded(ctx, g, b)
		if err != nil {
			return nil, err
		}
		books[g.Token] = book
		if g.Current {
			h.send.HoldsProven(b, book.proofs)
		}
	}
	moved, formers, err := h.movedHere(ctx, b)
	if err != nil {
		return nil, err
	}
	for token, m := range formers {
		if m != nil {
			books[token] = m.recorded
		}
	}
	l := &loading{source: &port.Source{Name: b.Name, Maildir: b.MD, Row: b.Row}, left: slices.Clone(b.Disk.NotMail)}
	l.recall = func(c *message, f state.Foreign) (rec state.Record, known bool, err error) {
		c.flags = f.Flags
		if book := books[f.Token]; book != nil {
			rec, known = plan.RecordOf(book.records, f.UID, f.Variant)
			if p, ok := book.proofs[f.UID]; ok && known {
				c.proof = &p
			}
		}
		if m := formers[f.Token]; m != nil {
			c.flags = m.flags(f, b)
		} else if known {
			c.flags = plan.HadFlags(rec, f.Silent, f.Flags, b.Disk.Can)
		}
		if h.Policy.OnDiskDelete != plan.Delete {
			c.flags &^= state.Deleted
		}
		return rec, known, nil
	}
	return l, l.load(ctx, append(b.OnlyHere(), moved...), h.Since)
}

// recorded is what is known of a generation by now; of is its mailbox, nil if this run did not look at it.
func (h *Own) recorded(ctx context.Context, g *state.Generation, of *mailbox.Box) (*recorded, error) {
	records, err := h.RecordsNow(ctx, g, of)
	if err != nil {
		return nil, err
	}
	proofs, err := h.Base.Proofs(ctx, g.ID, nil)
	return &recorded{records, proofs}, port.Wrap("read state", err)
}
