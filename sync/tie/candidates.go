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

// findCandidates returns the candidates of a box, the likeliest first: files of its older
// generations, files with an unknown token, files without one; then records. Files of
// the account's other mailboxes are not among them: they were moved or copied here.
func (r *Run) findCandidates(ctx context.Context, b *mailbox.Box) ([]*mailbox.Candidate, error) {
	older, err := r.olderRecords(ctx, b)
	if err != nil {
		return nil, err
	}
	var candidates []*mailbox.Candidate
	type identity struct {
		token string
		uid   state.UID
	}
	here := map[identity]bool{}
	for _, f := range b.Disk.Foreign {
		if owner, known := r.Owners[f.Token]; f.Token != "" && known && owner != state.RawKey(b.Listed.Raw) {
			continue
		}
		here[identity{f.Token, f.UID}] = true
		s := &mailbox.Candidate{Name: f.Name, Flags: f.Flags, Bytes: f.Size, Rank: len(older), Plain: f.Token == ""}
		s.Size, s.Date = f.Size, f.Date
		s.Rec.UID = f.UID
		if s.Plain {
			s.Rank++
		}
		if age := slices.IndexFunc(older, func(o generationRecords) bool { return o.token == f.Token }); age >= 0 {
			s.Rank = age
			older[age].describe(s, f)
		}
		candidates = append(candidates, s)
	}
	slices.SortStableFunc(candidates, func(x, y *mailbox.Candidate) int {
		return cmp.Or(cmp.Compare(x.Rank, y.Rank), cmp.Compare(x.Rec.UID, y.Rec.UID), cmp.Compare(x.Name, y.Name))
	})
	if len(older) == 0 {
		return candidates, nil
	}
	hasFile := func(uid state.UID) bool { return here[identity{older[0].token, uid}] }
	return append(candidates, filelessOf(b, older[0], hasFile)...), nil
}

// generationRecords are the records of a generation that is not current.
type generationRecords struct {
	token   string
	records []state.Record
	proofs  map[state.UID]state.Proof
}

// olderRecords loads the box's other generations, the youngest first.
func (r *Run) olderRecords(ctx context.Context, b *mailbox.Box) (older []generationRecords, err error) {
	for i := len(b.Row.Generations) - 1; i >= 0; i-- {
		g := &b.Row.Generations[i]
		if g.Current {
			continue
		}
		o := generationRecords{token: g.Token}
		if o.records, err = r.RecordsOf(ctx, g); err != nil {
			return nil, err
		}
		if len(o.records) > 0 {
			if o.proofs, err = r.Base.Proofs(ctx, g.ID, nil); err != nil {
				return nil, fmt.Errorf("read state: %w", err)
			}
		}
		older = append(older, o)
	}
	return older, nil
}

// describe adds to a candidate what its generation knows of its file.
func (o *generationRecords) describe(s *mailbox.Candidate, f state.Foreign) {
	rec, known := plan.RecordOf(o.records, f.UID, f.Variant)
	if !known {
		return
	}
	s.Known, s.Token, s.Rec, s.Proof = true, o.token, rec, o.proofs[f.UID]
	if rec.Size >= 0 {
		s.Size = rec.Size
	}
	if rec.Date != state.NoDate {
		s.Date = rec.Date
	}
}

// filelessOf returns the records without a file of the generation before the current one,
// but for those that the current one has as well.
func filelessOf(b *mailbox.Box, o generationRecords, hasFile func(state.UID) bool) (candidates []*mailbox.Candidate) {
	known := map[match.Content]int{}
	for _, rec := range b.Records {
		if plan.Fileless(rec.Status) {
			known[match.ContentOf(rec)]++
		}
	}
	for _, rec := range o.records {
		if !plan.Fileless(rec.Status) && (rec.Status != state.Released || hasFile(rec.UID)) {
			continue
		}
		if k := match.ContentOf(rec); known[k] > 0 {
			known[k]--
			continue
		}
		s := &mailbox.Candidate{Known: true, Rec: rec, Proof: o.proofs[rec.UID], Bytes: -1}
		s.Size, s.Date, s.Fileless = rec.Size, rec.Date, true
		if s.Proof.UID != 0 {
			s.Bytes, s.Digest = s.Proof.Bytes, s.Proof.Digest
		}
		candidates = append(candidates, s)
	}
	return candidates
}

// identifyFiles reads what distinguishes the files among candidates, of those whose
// date a message on the server has.
func (r *Run) identifyFiles(ctx context.Context, b *mailbox.Box, candidates []*mailbox.Candidate, dates map[int64]bool) error {
	for _, s := range candidates {
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
