package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// tied is a message that was tied to what is here, as it is to be committed.
type tied struct {
	rec   state.Record
	proof state.Proof // UID 0: none
}

// tieFiles finds the files of a fresh box's messages again by what they hold, and gives them
// the identities that the messages have now. What is left is fetched; what is left of the
// spares may still prove to be what is fetched. In a box that is not fresh this goes by the bytes alone,
// once they were fetched, unless no listing was complete so far; files of mail programs are among the
// spares only where an earlier run did not come to the end of its fetching.
func (r *run) tieFiles(ctx context.Context, b *box) error {
	if b.md == nil {
		return nil
	}
	if err := r.foldTwins(ctx, b); err != nil {
		return err
	}
	if err := r.dropReplaced(ctx, b); err != nil {
		return err
	}
	behind := b.lacksFiles() || slices.ContainsFunc(b.records, func(rec state.Record) bool { return rec.Status == state.Outstanding })
	part := b.gen().Compared == inPart
	if !b.fresh && !part && !behind && !b.newcomers() {
		return nil
	}
	var err error
	b.strays = b.findStrays()
	b.spares, err = r.findSpares(ctx, b)
	if !b.fresh && !part && !behind {
		b.spares = slices.DeleteFunc(b.spares, func(s *spare) bool { return s.plain })
	}
	// A unique-id of POP3 tells what a message is, and where it does not, its bytes alone do.
	if err != nil || b.server == nil || !b.fresh && !part || b.byUniqueID() {
		return err
	}
	sought, own := b.sought()
	if len(sought) == 0 && len(own) == 0 {
		return nil
	}
	dates := map[int64]bool{}
	for _, s := range slices.Concat(sought, own) {
		dates[s.Date] = true
	}
	if err := r.identifyFiles(ctx, b, b.spares, dates); err != nil {
		return err
	}
	if err := r.identifySought(ctx, b, sought, own); err != nil {
		return err
	}
	if err := r.tieOwn(b, own); err != nil {
		return err
	}
	b.spares = slices.DeleteFunc(b.spares, func(s *spare) bool { return s.used })
	plain := make([]Spare, len(b.spares))
	for i, s := range b.spares {
		plain[i] = s.Spare
	}
	return r.carryTies(ctx, b, sought, Tie(sought, plain, true))
}

// lacksFiles reports whether files are missing that nobody removed: they may be here under
// another identity, where an earlier run that was to give them theirs broke off.
func (b *box) lacksFiles() bool {
	if b.proves {
		return false
	}
	d := 0
	for _, rec := range b.records {
		if !rec.Status.HasFile() || !rec.Status.OnServer() {
			continue
		}
		for d < len(b.disk.Messages) && b.disk.Messages[d].UID < rec.UID {
			d++
		}
		if d == len(b.disk.Messages) || b.disk.Messages[d].UID != rec.UID {
			return true
		}
	}
	return false
}

// sought returns the messages on the server that no file here has the identity of, and
// those whose file has another size than the server says.
func (b *box) sought() (sought, own []Sought) {
	d := 0
	for _, m := range b.server.Messages {
		for d < len(b.disk.Messages) && b.disk.Messages[d].UID < m.UID {
			d++
		}
		i, known := b.find(m.UID)
		s := Sought{UID: m.UID, Size: m.Size, Date: m.Date}
		switch {
		case d < len(b.disk.Messages) && b.disk.Messages[d].UID == m.UID:
			if !known && other(b.disk.Messages[d].Size, m.Size, -1) {
				own = append(own, s)
			}
		case known && (fileless(b.records[i].Status) || b.records[i].Status == state.Skipped),
			known && !b.fresh && b.records[i].Status != state.Outstanding:
		default:
			sought = append(sought, s)
		}
	}
	return sought, own
}

// identifySought asks the server for the Message-IDs of those messages that a file could
// be by its date.
func (r *run) identifySought(ctx context.Context, b *box, sought, own []Sought) error {
	dates := map[int64]bool{}
	for _, s := range b.spares {
		if !s.Fileless && !s.used {
			dates[s.Date] = true
		}
	}
	var ask []state.UID
	for _, s := range sought {
		if dates[s.Date] {
			ask = append(ask, s.UID)
		}
	}
	for _, s := range own {
		ask = append(ask, s.UID)
	}
	if len(ask) == 0 {
		return nil
	}
	slices.Sort(ask)
	idents, err := r.Server.Idents(ctx, b.listed.Raw, b.gen().Mark.UIDValidity, ask)
	if err != nil {
		return fmt.Errorf("ask for Message-IDs: %w", err)
	}
	ids := messageIDs(idents)
	for _, list := range [][]Sought{sought, own} {
		for i := range list {
			id, told := ids[list[i].UID]
			list[i].MessageID = id
			if !told && dates[list[i].Date] {
				list[i].Size = -1 // nothing is known of it: its bytes will tell
			}
		}
	}
	return nil
}

// messageIDs are the Message-IDs that a server told, "" for a message without one.
func messageIDs(idents []state.Ident) map[state.UID]string {
	ids := make(map[state.UID]string, len(idents))
	for _, id := range idents {
		ids[id.UID] = id.MessageID
	}
	return ids
}

// tieOwn settles the messages whose file has their identity and another size: an earlier
// run tied them by Message-ID and date, and broke off; or they were appended, and the server
// changed what it got, date and all.
func (r *run) tieOwn(b *box, own []Sought) error {
	for _, s := range own {
		name, ok := b.fileOf(s.UID, 1)
		if !ok || s.MessageID == "" {
			continue
		}
		id, err := b.md.Ident(name)
		if err != nil {
			return err
		}
		if id.MessageID != s.MessageID {
			continue
		}
		got, err := b.md.Inspect(name, nil)
		if err != nil {
			return err
		}
		if id.Date != s.Date && got.Hints.Hash != "" {
			continue
		}
		b.tieTo(s, got, got.Flags, &spare{})
	}
	return nil
}

// carryTies gives files the identities of the messages they were tied to, and notes what
// is to be committed.
func (r *run) carryTies(ctx context.Context, b *box, sought []Sought, to []int) error {
	var files []newName
	var which []int
	for i, n := range to {
		if n < 0 {
			continue
		}
		s := b.spares[n]
		if s.Fileless {
			s.used = true
			b.tied = append(b.tied, b.tiedRecord(sought[i], s))
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		as, err := b.md.Inspect(s.name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.used = true
		as.UID, as.Variant, as.Token = sought[i].UID, 1, b.gen().Token
		as.Flags = s.flags
		if sought[i].Date != state.NoDate {
			as.Date = sought[i].Date
		}
		as.Vouched = as.Vouched && s.Size == sought[i].Size
		files, which = append(files, newName{from: b, name: s.name, as: as}), append(which, i)
	}
	var placed []state.Placed
	if !r.DryRun {
		var err error
		if placed, err = r.reidentify(ctx, b, files); err != nil {
			return err
		}
	}
	b.disk = retagged(b.disk, files, placed)
	for k, i := range which {
		b.tieTo(sought[i], files[k].as, files[k].as.Flags, b.spares[to[i]])
	}
	if n := len(b.tied); n > 0 {
		r.note(b.name, fmt.Sprintf("the server numbers its messages anew: %d of them are tied to what is here", n), "")
	}
	return nil
}

// tieTo notes that a message is a file, which has its identity now.
func (b *box) tieTo(s Sought, as state.Received, file state.Flags, from *spare) {
	m := b.listedAs(s.UID)
	rec := state.Record{UID: s.UID, Variant: 1, Status: state.Live, Form: as.Form, Seen: m.Flags, Size: m.Size, Date: m.Date}
	rec.Status, rec.Tries = renumbered(from.rec, m.Size, as)
	// As with any file that is adopted, what both have is agreed on: no flag goes.
	rec.Agreed = m.Flags & state.Pick(b.disk.Can, file, m.Flags)
	p := state.Proof{UID: s.UID, Digest: as.Digest, Bytes: as.Bytes}
	if from.proof.UID != 0 && from.proof.Digest == p.Digest {
		p.Fetched, p.EmailID = from.proof.Fetched, from.proof.EmailID
	}
	b.tied = append(b.tied, tied{rec: rec, proof: p})
}

// tiedRecord is the record of a message that is not here, under its new UID.
func (b *box) tiedRecord(s Sought, from *spare) tied {
	m := b.listedAs(s.UID)
	rec := state.Record{UID: s.UID, Variant: max(1, from.rec.Variant), Status: from.rec.Status, Form: from.rec.Form,
		Seen: m.Flags, Agreed: m.Flags, Size: m.Size, Date: m.Date}
	p := from.proof
	if p.UID != 0 {
		p.UID = s.UID
	}
	return tied{rec: rec, proof: p}
}

// listedAs is a message as the server's snapshot shows it.
func (b *box) listedAs(uid state.UID) state.OnServer {
	i, _ := slices.BinarySearchFunc(b.server.Messages, uid, func(m state.OnServer, u state.UID) int { return int(int64(m.UID) - int64(u)) })
	return b.server.Messages[i]
}

// withTies adds to what was learned what was tied. In a fresh box nothing counts as gone
// from the server: what it does not list under these numbers is only here, if a
// file has its identity; else nothing is known of it any more.
func (b *box) withTies(c state.Commit, now int64) state.Commit {
	slices.SortFunc(b.tied, func(x, y tied) int { return cmp.Compare(x.rec.UID, y.rec.UID) })
	records := make([]state.Record, len(b.tied))
	for i, t := range b.tied {
		records[i] = t.rec
		if t.proof.UID == 0 {
			continue
		}
		if t.proof.Fetched == 0 {
			t.proof.Fetched = now
		}
		c.Proofs = append(c.Proofs, t.proof)
	}
	c.Put = Apply(c.Put, records, nil)
	if !b.fresh {
		return c
	}
	type identity struct {
		uid     state.UID
		variant uint8
	}
	here := make(map[identity]bool, len(b.disk.Messages))
	for _, m := range b.disk.Messages {
		here[identity{m.UID, m.Variant}] = true
	}
	var only []state.Record
	for _, rec := range Apply(b.records, c.Put, c.Forget) {
		switch {
		case rec.Status != state.Gone && rec.Status != state.OnlyHere:
		case !here[identity{rec.UID, max(1, rec.Variant)}]:
			c.Forget = append(c.Forget, rec.UID)
		case rec.Status == state.Gone:
			rec.Status = state.OnlyHere
			only = append(only, rec)
		}
	}
	slices.Sort(c.Forget)
	c.Put = slices.DeleteFunc(Apply(c.Put, only, nil), func(rec state.Record) bool {
		_, gone := slices.BinarySearch(c.Forget, rec.UID)
		return gone
	})
	return c
}
