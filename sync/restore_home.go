package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailsync/state"
)

// Restore puts mail of the account back on its own server: what the server had once, and
// files of other programs. It is an append, with its intents: a run that is cut off is
// finished by the next one, whichever that is. Each file gets the identity of its new
// message, so that the next sync has nothing to fetch. since leaves out what is older, NoDate nothing;
// levels says what a mailbox is called that the server does not have any more. The
// Restoration is never nil.
func (a *Account) Restore(ctx context.Context, since int64, levels func(state.MailboxRow) []string) *Restoration {
	whole := *a
	whole.Full = true // what the server has is to be known, not what it had
	r := newRun(&whole)
	r.anyway = true
	r.result.Began = time.Now()
	h := &homing{run: r, since: since, levels: levels}
	for _, phase := range []func(context.Context) error{r.identify, h.list, r.scan, h.bring} {
		if err := phase(ctx); err != nil {
			r.result.Fatal = err
			break
		}
	}
	r.count()
	r.result.Stopped = r.result.Fatal == nil && r.stopped()
	r.result.Ended = time.Now()
	h.out.Result = r.result
	slices.SortStableFunc(h.out.Boxes, func(a, b Restored) int { return compareNames(a.To, b.To) })
	for _, b := range h.out.Boxes {
		h.out.Outstanding += b.Refused
	}
	return &h.out
}

// homing is one run of an account's Restore.
type homing struct {
	*run
	since  int64
	levels func(state.MailboxRow) []string
	out    Restoration
	listed map[string]bool // raw names of mailboxes that the server has
	made   map[string]bool // raw names of mailboxes that were made
	given  []string        // special uses that the server's mailboxes have
}

// list lists the server's mailboxes, and makes those that it does not have any more.
func (h *homing) list(ctx context.Context) error {
	all := h.Include
	h.listed = map[string]bool{}
	h.Include = func(l state.Listed) bool {
		h.listed[state.RawKey(l.Raw)] = true
		h.given = append(h.given, l.Role)
		return all == nil || all(l)
	}
	if err := h.run.list(ctx); err != nil {
		return err
	}
	h.made = map[string]bool{}
	for _, row := range h.rows {
		gen := row.Current()
		if row.Role == state.RoleArchive || h.listed[state.RawKey(row.Raw)] || gen == nil || gen.Tally.Here == 0 {
			continue
		}
		names := h.levels(row)
		l := state.Listed{Raw: row.Raw, Levels: names, Sep: row.Sep, Role: cmp.Or(row.Use, roleByName(names)), Size: -1}
		if all != nil && !all(l) {
			continue
		}
		if h.DryRun {
			h.out.Boxes = append(h.out.Boxes, Restored{To: displayName(names), From: []string{displayName(names)}, Created: true, Appended: gen.Tally.Here, Bytes: gen.Tally.HereBytes})
			continue
		}
		if err := h.step("create %s on the server", displayName(names)); err != nil {
			return err
		}
		made, err := h.Server.CreateMailbox(ctx, names, h.vacant(row.Use))
		if err != nil {
			if err := h.problem(displayName(names), 0, wrap("create the mailbox", err)); err != nil {
				return err
			}
			continue
		}
		h.made[state.RawKey(made.Raw)] = true
		h.boxes = append(h.boxes, &box{listed: made, name: displayName(made.Levels), turn: newTurn()})
	}
	return nil
}

// vacant returns a special use that no mailbox of the server's has, "" for one that has moved on.
func (h *homing) vacant(use string) string {
	if slices.Contains(h.given, use) {
		return ""
	}
	return use
}

// bring appends in every mailbox what the server does not have.
func (h *homing) bring(ctx context.Context) error {
	h.holdBeside()
	for _, b := range h.viewsLast() {
		said := Restored{To: b.name, From: []string{b.name}, Created: h.made[state.RawKey(b.listed.Raw)]}
		if b.failed || b.server == nil || b.md == nil {
			h.out.Boxes = append(h.out.Boxes, said)
			continue
		}
		if ctx.Err() != nil || h.stopped() {
			return ctx.Err()
		}
		err := h.bringBox(ctx, b, &said)
		h.out.Boxes = append(h.out.Boxes, said)
		if err != nil {
			if err := h.problem(b.name, 0, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *homing) bringBox(ctx context.Context, b *box, said *Restored) error {
	if !b.server.Complete {
		return errors.New("the server's listing is not complete; nothing is sent, for it may be there already")
	}
	if b.isView() && !h.DryRun {
		if err := h.lookAtView(ctx, b); err != nil {
			return fmt.Errorf("list its messages again: %w", err)
		}
	}
	m := &matching{r: &restoring{Restore: &Restore{Server: h.Server}}, raw: b.listed.Raw, mark: b.server.Mark, byUID: map[state.UID]*offered{}}
	for _, msg := range b.server.Messages {
		if b.record(msg.UID).Status.HasFile() {
			said.There++
			continue
		}
		o := &offered{OnServer: msg}
		m.msgs = append(m.msgs, o)
		m.byUID[msg.UID] = o
	}
	if err := h.lade(ctx, b, m, said); err != nil {
		return err
	}
	m.to = make([]*offered, len(m.cargo))
	if err := m.match(ctx); err != nil {
		return err
	}
	var tied []outgoing
	var meant []state.Intent
	var ops []Op
	for i, c := range m.cargo {
		if m.to[i] != nil {
			f := outgoing{name: c.name, got: *c.got, key: c.name}
			f.own()
			f.got.UID, f.got.Flags = m.to[i].UID, c.flags
			tied = append(tied, f)
			meant = append(meant, state.Intent{Key: f.key, UID: f.got.UID, Bytes: f.got.Bytes, Flags: f.got.Flags, Digest: f.got.Digest, Confirmed: true})
			said.There++
			continue
		}
		if h.shows(b, c.got.Digest) {
			said.Shown++
			continue
		}
		if b.held[bare(c.name)] {
			said.Refused++ // it may be on its way from an earlier run
			continue
		}
		o := Op{Kind: OpAppend, Name: c.name, Flags: c.flags, Date: c.ident.Date}
		said.Bytes += c.got.Bytes
		ops = append(ops, o)
		if h.DryRun && h.Watch != nil {
			h.Watch.Op(b.name, o)
		}
	}
	if h.DryRun {
		said.Appended = len(ops)
		return nil
	}
	if h.Watch != nil {
		h.Watch.Planned(len(ops), said.Bytes)
	}
	if len(tied) > 0 {
		if err := h.commit(ctx, b, state.Commit{Intents: meant, Clean: new(bool)}); err != nil {
			return err
		}
	}
	if err := h.tie(ctx, b, tied); err != nil {
		return err
	}
	before := h.result.Appended
	err := h.appendFiles(ctx, b, ops)
	said.Appended, said.Bytes = h.result.Appended-before, b.sending.bytes
	said.Refused += len(ops) - said.Appended
	return err
}

// lade reads what the server does not have. A damaged file stays here.
func (h *homing) lade(ctx context.Context, b *box, m *matching, said *Restored) error {
	source := &Source{Name: b.name, Maildir: b.md, Row: b.row}
	current, err := h.Base.Proofs(ctx, b.gen().ID, nil)
	if err != nil {
		return wrap("read state", err)
	}
	h.holdsProven(b, current)
	proofs := map[string]map[state.UID]state.Proof{b.gen().Token: current}
	records := map[string][]state.Record{b.gen().Token: b.records}
	older, err := h.olderRecords(ctx, b)
	if err != nil {
		return err
	}
	for token, o := range older {
		records[token], proofs[token] = o.records, o.proofs
	}
	moved, homes, err := h.movedHere(ctx, b)
	if err != nil {
		return err
	}
	for token, m := range homes {
		if m == nil {
			continue
		}
		records[token] = m.records
		if proofs[token], err = h.Base.Proofs(ctx, m.gen.ID, nil); err != nil {
			return wrap("read state", err)
		}
	}
	left := slices.Clone(b.disk.Passed)
	var all []*cargo
	uids := map[*cargo]state.UID{}
	for _, f := range append(b.onlyHere(), moved...) {
		c := &cargo{source: source, name: f.Name, flags: f.Flags}
		rec, known := recordOf(records[f.Token], f.UID, f.Variant)
		if known {
			c.flags = hadFlags(rec, f.Silent, f.Flags, b.disk.Can)
			if p, ok := proofs[f.Token][f.UID]; ok {
				c.proof = &p
			}
		}
		if m := homes[f.Token]; m != nil {
			c.flags = m.flags(f, b)
		}
		if h.Policy.OnDiskDelete != Delete {
			c.flags &^= state.Deleted
		}
		if err := c.identify(); err != nil {
			if err := leaveUnread(ctx, &left, f.Name, err); err != nil {
				return err
			}
			continue
		}
		if known && cameUndated(rec, f.Variant) {
			c.ident.Date = state.NoDate
		}
		all, uids[c] = append(all, c), f.UID
	}
	redate(all)
	all, said.Older = notBefore(all, h.since)
	for _, c := range all {
		if err := c.sound(); err != nil {
			said.Refused++
			if err := h.problem(b.name, uids[c], fmt.Errorf("%s is not sent: %w", c.name, err)); err != nil {
				return err
			}
			continue
		}
		m.cargo = append(m.cargo, c)
		h.holds(b, c.got.Digest)
	}
	problems, notes, count := describe(b.name, left)
	said.Refused += count
	return h.report(b.name, problems, notes)
}

// onlyHere are the files of a mailbox that no message on the server is known to be: what
// the server had once, in this generation or an earlier one, and files of other programs.
func (b *box) onlyHere() []state.Foreign {
	var files []state.Foreign
	for _, m := range b.disk.Messages {
		if rec, known := recordOf(b.records, m.UID, m.Variant); known && rec.Status != state.OnlyHere && rec.Status != state.Gone {
			continue
		}
		files = append(files, state.Foreign{Token: b.gen().Token, UID: m.UID, Variant: m.Variant, Flags: m.Flags, Silent: m.Silent, Size: m.Size, Name: b.disk.NameAt(m.Name)})
	}
	for _, f := range b.disk.Foreign {
		if !b.strange(f.Token) {
			files = append(files, f)
		}
	}
	return files
}
