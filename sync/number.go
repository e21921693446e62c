package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"mailsync/state"
)

// number settles which generation a mailbox is in: the one it was in, one that the server
// returned to, or a new one. Unless the server, the base and the marker agree that it is
// the one it was in, nothing is taken for known in this run: the box is fresh.
func (r *run) number(ctx context.Context, b *box, m state.Marker) error {
	r.recallUse(b, m)
	var was string
	if g := b.gen(); g != nil && b.row.ID != 0 {
		was = g.Token
	}
	agreed := union(&b.row, m) || b.row.ID == 0
	if !agreed || b.otherMailbox() {
		b.full = true
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
	if index < 0 || b.row.Generations[index].Token != last || b.row.ID != 0 && (was != last || b.otherMailbox()) {
		return r.enter(ctx, b, index)
	}
	b.fresh = unlearned(b.gen())
	b.proves = b.row.ID != 0 && !b.fresh
	if m.Path != b.row.Path || m.Raw != b.row.Raw || m.Host != r.Host || m.User != r.User || m.Use != b.row.Use {
		if err := r.setMarker(b); err != nil {
			return err
		}
	}
	named := b.row.MailboxID == "" && b.listed.MailboxID != "" && b.server != nil
	if (named || b.useTold) && b.row.ID != 0 && !r.DryRun {
		b.row.MailboxID = cmp.Or(b.row.MailboxID, b.listed.MailboxID)
		return r.save(ctx, b)
	}
	return r.register(ctx, b)
}

// otherMailbox reports that the server says by its name for the mailbox itself (MAILBOXID,
// RFC 8474) that another one has its name now, whatever UIDVALIDITY says.
func (b *box) otherMailbox() bool {
	return b.row.MailboxID != "" && b.listed.MailboxID != "" && b.row.MailboxID != b.listed.MailboxID
}

// elect returns the index of the generation that the server's numbers belong to, -1 where
// a new one begins. The current one goes on where nothing contradicts it, or where there is
// nothing that other numbers could be of; any other one has to be borne out by its records,
// or where there are none by the names of its files.
func (r *run) elect(ctx context.Context, b *box) (int, error) {
	gens := b.row.Generations
	current := -1
	for i := range gens {
		if gens[i].Current {
			current = i
		}
	}
	if current >= 0 && (b.server == nil || Compare(&gens[current], b.server.Mark) == SameNumbers) && !b.otherMailbox() {
		ahead, err := r.ahead(ctx, b)
		if err != nil || !ahead {
			return current, err
		}
		return -1, nil
	}
	if current >= 0 && !b.otherMailbox() && b.server.Complete && unnumbered(&gens[current], b.server.Mark) {
		records, err := r.recordsOf(ctx, &gens[current])
		if err != nil || len(records) == 0 {
			return current, err
		}
	}
	if err := r.relist(ctx, b); err != nil {
		return 0, err
	}
	for i := len(gens) - 1; i >= 0; i-- {
		if Compare(&gens[i], b.server.Mark) != SameNumbers {
			continue
		}
		records, err := r.recordsOf(ctx, &gens[i])
		if err == nil && unlearned(&gens[i]) {
			records, err = r.recordsOfNames(ctx, b, gens[i].Token)
			if len(records) == 0 || !below(records, b.server.Mark.UIDNext) {
				records = nil
			}
		}
		if err != nil {
			return 0, err
		}
		if (len(records) > 0 || !unlearned(&gens[i])) && Agrees(records, b.server.Messages) {
			return i, nil
		}
	}
	return -1, nil
}

// ahead reports that the base knows nothing, and that the files here have UIDs which the
// server did not give yet: it was restored from a backup, and will give them to others.
func (r *run) ahead(ctx context.Context, b *box) (bool, error) {
	if b.row.ID != 0 || b.server == nil || b.server.Mark.UIDNext == 0 {
		return false, nil
	}
	records, err := r.recordsOfNames(ctx, b, b.gen().Token)
	return !below(records, b.server.Mark.UIDNext), err
}

// below reports whether a server with that UIDNEXT can have given the UIDs of all records.
func below(records []state.Record, uidNext uint32) bool {
	n := len(records)
	return n == 0 || uidNext == 0 || uint32(records[n-1].UID) < uidNext
}

// recordsOfNames makes records of what the names of a generation's files say of them,
// where the base says nothing.
func (r *run) recordsOfNames(ctx context.Context, b *box, token string) (records []state.Record, err error) {
	disk, err := b.md.Scan(ctx, "", nil, b.kw)
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

func (r *run) recordsOf(ctx context.Context, g *state.Generation) ([]state.Record, error) {
	if g.ID == 0 {
		return nil, nil
	}
	records, err := r.Base.Records(ctx, g.ID)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	for i := range records { // earlier versions took a server's zero for a date
		records[i].Date = state.DateOf(records[i].Date)
	}
	return records, nil
}

// relist sees that the server's snapshot is one of everything.
func (r *run) relist(ctx context.Context, b *box) error {
	if b.server != nil && b.server.All {
		return nil
	}
	b.full = true
	return r.askServer(ctx, b)
}

// enter makes the generation at an index the current one, or a new one where that is -1.
// Its marker is durable before the base knows of it. Nothing that was learned of it
// counts until everything was scanned again, and until a run is through with it, nothing
// that is missing here was removed by anybody.
func (r *run) enter(ctx context.Context, b *box, index int) error {
	if index < 0 {
		b.row.Generations = append(b.row.Generations, state.Generation{Token: randomToken()})
		index = len(b.row.Generations) - 1
	}
	setCurrent(&b.row, index)
	g := b.gen()
	g.Mark = state.Mark{UIDValidity: b.server.Mark.UIDValidity}
	g.Disk, g.Compared = state.DirMark{}, 0
	b.row.MailboxID = b.listed.MailboxID
	b.fresh, b.anew, b.proves = true, b.row.ID != 0, false
	records, err := r.recordsOf(ctx, g)
	if b.records = records; err != nil || r.DryRun {
		return err
	}
	if err := r.setMarker(b); err != nil {
		return err
	}
	return r.save(ctx, b)
}

// setMarker writes a box's marker anew.
func (r *run) setMarker(b *box) error {
	if r.DryRun {
		return nil
	}
	if err := r.step("mark %s", b.name); err != nil {
		return err
	}
	return b.md.SetMarker(r.marker(b))
}
