package mailbox

import (
	"cmp"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// Tied is a message that was tied to what is here, as it is to be committed.
type Tied struct {
	Rec   state.Record
	Proof state.Proof // UID 0: none
}

// TiedRecord is the record of a message that is not here, under its new UID.
func (b *Box) TiedRecord(s match.Sought, from *Spare) Tied {
	m := b.ListedAs(s.UID)
	rec := state.Record{UID: s.UID, Variant: max(1, from.Rec.Variant), Status: from.Rec.Status, Form: from.Rec.Form,
		Seen: m.Flags, Agreed: m.Flags, Size: m.Size, Date: m.Date}
	p := from.Proof
	if p.UID != 0 {
		p.UID = s.UID
	}
	return Tied{Rec: rec, Proof: p}
}

// ListedAs is a message as the server's snapshot shows it.
func (b *Box) ListedAs(uid state.UID) state.OnServer {
	i, _ := state.FindOnServer(b.Server.Messages, uid)
	return b.Server.Messages[i]
}

// withTies adds to what was learned what was tied. In a fresh box nothing counts as gone
// from the server: what it does not list under these numbers is only here, if a
// file has its identity; else nothing is known of it any more.
func (b *Box) withTies(c state.Commit, now int64) state.Commit {
	slices.SortFunc(b.Tie.Tied, func(x, y Tied) int { return cmp.Compare(x.Rec.UID, y.Rec.UID) })
	records := make([]state.Record, len(b.Tie.Tied))
	for i, t := range b.Tie.Tied {
		records[i] = t.Rec
		if t.Proof.UID == 0 {
			continue
		}
		if t.Proof.Fetched == 0 {
			t.Proof.Fetched = now
		}
		c.Proofs = append(c.Proofs, t.Proof)
	}
	c.Put = plan.Apply(c.Put, records, nil)
	if !b.Fresh {
		return c
	}
	type identity struct {
		uid     state.UID
		variant uint8
	}
	here := make(map[identity]bool, len(b.Disk.Messages))
	for _, m := range b.Disk.Messages {
		here[identity{m.UID, m.Variant}] = true
	}
	var only []state.Record
	for _, rec := range plan.Apply(b.Records, c.Put, c.Forget) {
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
	c.Put = slices.DeleteFunc(plan.Apply(c.Put, only, nil), func(rec state.Record) bool {
		_, gone := slices.BinarySearch(c.Forget, rec.UID)
		return gone
	})
	return c
}
