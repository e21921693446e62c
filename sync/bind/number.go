package bind

import (
	"cmp"
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// number settles which generation a mailbox is in: the one it was in, one that the server
// returned to, or a new one. Unless the server, the base and the marker agree that it is
// the one it was in, nothing is taken for known in this run: the box is fresh.
func (r *Run) number(ctx context.Context, b *mailbox.Box, m state.Marker) error {
	r.recallUse(b, m)
	var was string
	if g := b.Gen(); g != nil && b.Row.ID != 0 {
		was = g.Token
	}
	agreed := plan.Union(&b.Row, m) || b.Row.ID == 0
	if !agreed || b.OtherMailbox() {
		b.Full = true
		if err := r.relist(ctx, b); err != nil {
			return err
		}
	}
	index, err := r.elect(ctx, b)
	if err != nil {
		return err
	}
	last := ""
	if n := len(m.Generations); n > 0 {
		last = m.Generations[n-1].Token
	}
	if index < 0 || b.Row.Generations[index].Token != last || b.Row.ID != 0 && (was != last || b.OtherMailbox()) {
		return r.enter(ctx, b, index)
	}
	b.Fresh = plan.Unlearned(b.Gen())
	b.Proves = b.Row.ID != 0 && !b.Fresh
	if m.Path != b.Row.Path || m.Raw != b.Row.Raw || m.Host != r.Host || m.User != r.User || m.Use != b.Row.Use {
		if err := r.setMarker(b); err != nil {
			return err
		}
	}
	named := b.Row.MailboxID == "" && b.Listed.MailboxID != "" && b.Server != nil
	if (named || b.UseTold) && b.Row.ID != 0 && !r.DryRun {
		b.Row.MailboxID = cmp.Or(b.Row.MailboxID, b.Listed.MailboxID)
		return r.save(ctx, b)
	}
	return r.register(ctx, b)
}

// elect returns the index of the generation that the server's numbers belong to, -1 where
// a new one begins. The current one goes on where nothing contradicts it, or where there is
// nothing that other numbers could be of; any other one has to be borne out by its records,
// or where there are none by the names of its files.
func (r *Run) elect(ctx context.Context, b *mailbox.Box) (int, error) {
	gens := b.Row.Generations
	current := -1
	for i := range gens {
		if gens[i].Current {
			current = i
		}
	}
	if current >= 0 && (b.Server == nil || plan.Compare(&gens[current], b.Server.Mark) == plan.SameNumbers) && !b.OtherMailbox() {
		ahead, err := r.ahead(ctx, b)
		if err != nil || !ahead {
			return current, err
		}
		return -1, nil
	}
	if current >= 0 && !b.OtherMailbox() && b.Server.Complete && plan.Unnumbered(&gens[current], b.Server.Mark) {
		records, err := r.RecordsOf(ctx, &gens[current])
		if err != nil || len(records) == 0 {
			return current, err
		}
	}
	if err := r.relist(ctx, b); err != nil {
		return 0, err
	}
	for i := len(gens) - 1; i >= 0; i-- {
		if plan.Compare(&gens[i], b.Server.Mark) != plan.SameNumbers {
			continue
		}
		records, err := r.RecordsOf(ctx, &gens[i])
		if err == nil && plan.Unlearned(&gens[i]) {
			records, err = r.recordsOfNames(ctx, b, gens[i].Token)
			if len(records) == 0 || !below(records, b.Server.Mark.UIDNext) {
				records = nil
			}
		}
		if err != nil {
			return 0, err
		}
		if (len(records) > 0 || !plan.Unlearned(&gens[i])) && plan.Agrees(records, b.Server.Messages) {
			return i, nil
		}
	}
	return -1, nil
}

// ahead reports that the base knows nothing, and that the files here have UIDs which the
// server did not give yet: it was restored from a backup, and will give them to others.
func (r *Run) ahead(ctx context.Context, b *mailbox.Box) (bool, error) {
	if b.Row.ID != 0 || b.Server == nil || b.Server.Mark.UIDNext == 0 {
		return false, nil
	}
	records, err := r.recordsOfNames(ctx, b, b.Gen().Token)
	return !below(records, b.Server.Mark.UIDNext), err
}

// below reports whether a server with that UIDNEXT can have given the UIDs of all records.
func below(records []state.Record, uidNext uint32) bool {
	n := len(records)
	return n == 0 || uidNext == 0 || uint32(records[n-1].UID) < uidNext
}

// recordsOfNames makes records of what the names of a generation's files say of them,
// where the base says nothing.
func (r *Run) recordsOfNames(ctx context.Context, b *mailbox.Box, token string) (records []state.Record, err error) {
	disk, err := b.MD.Scan(ctx, "", nil, b.KW)
	if err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(slices.Clone(disk.Foreign), func(f state.Foreign) bool { return f.Token != token || f.UID == 0 })
	slices.SortFunc(files, func(x, y state.Foreign) int {
		return cmp.Or(cmp.Compare(x.UID, y.UID), cmp.Compare(x.Variant, y.Variant))
	})
	for i, f := range files {
		if i+1 == len(files) || files[i+1].UID != f.UID { // the last variant is the one the server had
			records = append(records, state.Record{UID: f.UID, Variant: f.Variant, Status: state.Live, Size: f.Size, Date: f.Date})
		}
	}
	return records, nil
}

// relist sees that the server's snapshot is one of everything.
func (r *Run) relist(ctx context.Context, b *mailbox.Box) error {
	if b.Server != nil && b.Server.All {
		return nil
	}
	b.Full = true
	return r.AskServer(ctx, b)
}

// enter makes the generation at an index the current one, or a new one where that is -1.
// Its marker is durable before the base knows of it. Nothing that was learned of it
// counts until everything was scanned again, and until a run is through with it, nothing
// that is missing here was removed by anybody.
func (r *Run) enter(ctx context.Context, b *mailbox.Box, index int) error {
	if index < 0 {
		b.Row.Generations = append(b.Row.Generations, state.Generation{Token: mailbox.RandomToken()})
		index = len(b.Row.Generations) - 1
	}
	plan.SetCurrent(&b.Row, index)
	g := b.Gen()
	g.Mark = state.Mark{UIDValidity: b.Server.Mark.UIDValidity}
	g.Disk, g.Compared = state.DirMark{}, 0
	b.Row.MailboxID = b.Listed.MailboxID
	b.Fresh, b.Anew, b.Proves = true, b.Row.ID != 0, false
	records, err := r.RecordsOf(ctx, g)
	if b.Records = records; err != nil || r.DryRun {
		return err
	}
	if err := r.setMarker(b); err != nil {
		return err
	}
	return r.save(ctx, b)
}

// setMarker writes a box's marker anew.
func (r *Run) setMarker(b *mailbox.Box) error {
	if r.DryRun {
		return nil
	}
	if err := r.Step("mark %s", b.Name); err != nil {
		return err
	}
	return b.MD.SetMarker(r.marker(b))
}
