package tie

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// findSpares returns the spares of a box, the likeliest first: files of its older
// generations, files whose token nobody knows, files without one; then records. Files of
// the account's other mailboxes are none: they were moved or copied here.
func (r *Run) findSpares(ctx context.Context, b *mailbox.Box) ([]*mailbox.Spare, error) {
	older, err := r.olderRecords(ctx, b)
	if err != nil {
		return nil, err
	}
	var spares []*mailbox.Spare
	here := map[string]map[state.UID]bool{} // by token
	for _, f := range b.Disk.Foreign {
		if !r.mayBe(b, f.Token) {
			continue
		}
		s := &mailbox.Spare{Name: f.Name, Flags: f.Flags, Bytes: f.Size, Rank: 1 << 30, Plain: f.Token == ""}
		s.Size, s.Date = f.Size, f.Date
		if f.Token != "" {
			s.Rank--
		}
		s.Rec.UID = f.UID
		if o := older[f.Token]; o != nil {
			s.Rank = o.age
			remember(s, o, f)
			if here[f.Token] == nil {
				here[f.Token] = map[state.UID]bool{}
			}
			here[f.Token][f.UID] = true
		}
		spares = append(spares, s)
	}
	slices.SortStableFunc(spares, func(x, y *mailbox.Spare) int {
		return cmp.Or(cmp.Compare(x.Rank, y.Rank), cmp.Compare(x.Rec.UID, y.Rec.UID), cmp.Compare(x.Name, y.Name))
	})
	return append(spares, filelessOf(b, older, here)...), nil
}

// mayBe reports whether a file with that token may be a message of the box's mailbox.
func (r *Run) mayBe(b *mailbox.Box, token string) bool {
	owner, known := r.Owners[token]
	return token == "" || !known || owner == state.RawKey(b.Listed.Raw)
}

// generationRecords are the records of a generation that is not current.
type generationRecords struct {
	token   string
	age     int // 0: the youngest
	records []state.Record
	proofs  map[state.UID]state.Proof
}

// olderRecords loads the box's other generations, by token.
func (r *Run) olderRecords(ctx context.Context, b *mailbox.Box) (map[string]*generationRecords, error) {
	older := map[string]*generationRecords{}
	for i := len(b.Row.Generations) - 1; i >= 0; i-- {
		g := &b.Row.Generations[i]
		if g.Current {
			continue
		}
		records, err := r.RecordsOf(ctx, g)
		if err != nil {
			return nil, err
		}
		o := &generationRecords{token: g.Token, age: len(older), records: records}
		if len(records) > 0 {
			if o.proofs, err = r.Base.Proofs(ctx, g.ID, nil); err != nil {
				return nil, fmt.Errorf("read state: %w", err)
			}
		}
		older[g.Token] = o
	}
	return older, nil
}

// remember gives a file what an older generation knows of it.
func remember(s *mailbox.Spare, o *generationRecords, f state.Foreign) {
	i, ok := plan.PlaceOf(o.records, f.UID)
	if !ok || max(1, o.records[i].Variant) != f.Variant {
		return
	}
	s.Known, s.Token, s.Rec, s.Proof = true, o.token, o.records[i], o.proofs[f.UID]
	if s.Rec.Size >= 0 {
		s.Size = s.Rec.Size
	}
	if s.Rec.Date != state.NoDate {
		s.Date = s.Rec.Date
	}
}

// filelessOf returns the records without a file of the generation before the current one,
// but for those that the current one has as well.
func filelessOf(b *mailbox.Box, older map[string]*generationRecords, here map[string]map[state.UID]bool) (spares []*mailbox.Spare) {
	known := map[match.Content]int{}
	for _, rec := range b.Records {
		if plan.Fileless(rec.Status) {
			known[match.Content{Size: rec.Size, Date: rec.Date, MessageID: ""}]++
		}
	}
	for _, o := range older {
		if o.age != 0 {
			continue
		}
		for _, rec := range o.records {
			gone := rec.Status == state.Released && !here[o.token][rec.UID]
			if !gone && !plan.Fileless(rec.Status) {
				continue
			}
			if k := (match.Content{Size: rec.Size, Date: rec.Date, MessageID: ""}); known[k] > 0 {
				known[k]--
				continue
			}
			s := &mailbox.Spare{Known: true, Rec: rec, Proof: o.proofs[rec.UID], Bytes: -1}
			s.Size, s.Date, s.Fileless = rec.Size, rec.Date, true
			if s.Proof.UID != 0 {
				s.Bytes, s.Digest = s.Proof.Bytes, s.Proof.Digest
			}
			spares = append(spares, s)
		}
	}
	return spares
}

// identifyFiles reads what tells the files among spares from each other, of those whose
// date a message on the server has.
func (r *Run) identifyFiles(ctx context.Context, b *mailbox.Box, spares []*mailbox.Spare, dates map[int64]bool) error {
	for _, s := range spares {
		if s.Fileless || s.Date != state.NoDate && !dates[s.Date] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := b.MD.Ident(s.Name)
		if errors.Is(err, fs.ErrNotExist) {
			s.Used = true
			continue
		}
		if err != nil {
			return err
		}
		s.MessageID = id.MessageID
		if s.Bytes < 0 {
			s.Bytes = id.Size
		}
		if s.Size < 0 {
			s.Size = id.Size
		}
		if s.Date == state.NoDate {
			s.Date = id.Date
		}
		if s.MessageID == "" {
			got, err := b.MD.Inspect(s.Name, nil)
			if err != nil {
				return err
			}
			s.Digest = got.Digest
		}
	}
	return nil
}
