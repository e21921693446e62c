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

// spare is a file that may be a message of a mailbox and is not known to be one, or the
// record of a message that the user, or an archive, took away from here.
type spare struct {
	Spare
	name  string      // of the file
	flags state.Flags // of the file
	bytes int64       // octets it holds as a server sends them; -1: read it
	known bool
	token string       // of an older generation, where known
	rec   state.Record // of that
	proof state.Proof  // of that, UID 0 without
	rank  int
	used  bool
	plain bool      // a file without a token: a mail program made it
	stray state.UID // of a file of the current generation; 0: it is of none
	place uint32    // of that file: its Name in the scan
	nth   int       // among the spares of its box, the likeliest first
}

// findSpares returns the spares of a box, the likeliest first: files of its older
// generations, files whose token nobody knows, files without one; then records. Files of
// the account's other mailboxes are none: they were moved or copied here.
func (r *run) findSpares(ctx context.Context, b *box) ([]*spare, error) {
	older, err := r.olderRecords(ctx, b)
	if err != nil {
		return nil, err
	}
	var spares []*spare
	here := map[string]map[state.UID]bool{} // by token
	for _, f := range b.disk.Foreign {
		if !r.mayBe(b, f.Token) {
			continue
		}
		s := &spare{name: f.Name, flags: f.Flags, bytes: f.Size, rank: 1 << 30, plain: f.Token == ""}
		s.Size, s.Date = f.Size, f.Date
		if f.Token != "" {
			s.rank--
		}
		s.rec.UID = f.UID
		if o := older[f.Token]; o != nil {
			s.rank = o.age
			s.remember(o, f)
			if here[f.Token] == nil {
				here[f.Token] = map[state.UID]bool{}
			}
			here[f.Token][f.UID] = true
		}
		spares = append(spares, s)
	}
	slices.SortStableFunc(spares, func(x, y *spare) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.rec.UID, y.rec.UID), cmp.Compare(x.name, y.name))
	})
	return append(spares, filelessOf(b, older, here)...), nil
}

// mayBe reports whether a file with that token may be a message of the box's mailbox.
func (r *run) mayBe(b *box, token string) bool {
	owner, known := r.owners[token]
	return token == "" || !known || owner == state.RawKey(b.listed.Raw)
}

// generationRecords are the records of a generation that is not current.
type generationRecords struct {
	token   string
	age     int // 0: the youngest
	records []state.Record
	proofs  map[state.UID]state.Proof
}

// olderRecords loads the box's other generations, by token.
func (r *run) olderRecords(ctx context.Context, b *box) (map[string]*generationRecords, error) {
	older := map[string]*generationRecords{}
	for i := len(b.row.Generations) - 1; i >= 0; i-- {
		g := &b.row.Generations[i]
		if g.Current {
			continue
		}
		records, err := r.recordsOf(ctx, g)
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
func (s *spare) remember(o *generationRecords, f state.Foreign) {
	i, ok := placeOf(o.records, f.UID)
	if !ok || max(1, o.records[i].Variant) != f.Variant {
		return
	}
	s.known, s.token, s.rec, s.proof = true, o.token, o.records[i], o.proofs[f.UID]
	if s.rec.Size >= 0 {
		s.Size = s.rec.Size
	}
	if s.rec.Date != state.NoDate {
		s.Date = s.rec.Date
	}
}

// fileless reports whether a message in this state is on the server, and for a reason not
// here, that outlives a new numbering. (What is too large is found to be so again.)
func fileless(s state.Status) bool {
	return s == state.KeptAway || s == state.Accepted || s == state.Archived
}

// filelessOf returns the records without a file of the generation before the current one,
// but for those that the current one has as well.
func filelessOf(b *box, older map[string]*generationRecords, here map[string]map[state.UID]bool) (spares []*spare) {
	known := map[content]int{}
	for _, rec := range b.records {
		if fileless(rec.Status) {
			known[content{rec.Size, rec.Date, ""}]++
		}
	}
	for _, o := range older {
		if o.age != 0 {
			continue
		}
		for _, rec := range o.records {
			gone := rec.Status == state.Released && !here[o.token][rec.UID]
			if !gone && !fileless(rec.Status) {
				continue
			}
			if k := (content{rec.Size, rec.Date, ""}); known[k] > 0 {
				known[k]--
				continue
			}
			s := &spare{known: true, rec: rec, proof: o.proofs[rec.UID], bytes: -1}
			s.Size, s.Date, s.Fileless = rec.Size, rec.Date, true
			if s.proof.UID != 0 {
				s.bytes, s.Digest = s.proof.Bytes, s.proof.Digest
			}
			spares = append(spares, s)
		}
	}
	return spares
}

// identifyFiles reads what tells the files among spares from each other, of those whose
// date a message on the server has.
func (r *run) identifyFiles(ctx context.Context, b *box, spares []*spare, dates map[int64]bool) error {
	for _, s := range spares {
		if s.Fileless || s.Date != state.NoDate && !dates[s.Date] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := b.md.Ident(s.name)
		if errors.Is(err, fs.ErrNotExist) {
			s.used = true
			continue
		}
		if err != nil {
			return err
		}
		s.MessageID = id.MessageID
		if s.bytes < 0 {
			s.bytes = id.Size
		}
		if s.Size < 0 {
			s.Size = id.Size
		}
		if s.Date == state.NoDate {
			s.Date = id.Date
		}
		if s.MessageID == "" {
			got, err := b.md.Inspect(s.name, nil)
			if err != nil {
				return err
			}
			s.Digest = got.Digest
		}
	}
	return nil
}

// use takes a spare out of what could be a message.
func (b *box) use(s *spare) {
	s.used = true
	if s.stray != 0 {
		b.strays.used[s.place] = true
	}
}

// alreadyHere returns what is here with the bytes of a received body, and no message on the server
// stands for; nil if there is nothing.
func (r *run) alreadyHere(ctx context.Context, b *box, got state.Received) (*spare, state.Received, error) {
	if s, file, err := b.spareWith(got); s != nil || err != nil {
		return s, file, err
	}
	return r.strayWith(ctx, b, got)
}

// holdAppends leaves those files to the next run that may prove to be messages of the server's:
// ones that are to be fetched, or that an earlier run appended before it broke off.
func (r *run) holdAppends(b *box, ops []Op) []Op {
	fetches := slices.ContainsFunc(b.spares, func(s *spare) bool { return s.plain }) &&
		slices.ContainsFunc(ops, func(o Op) bool { return o.Kind == OpFetch })
	held := 0
	ops = slices.DeleteFunc(ops, func(o Op) bool {
		wait := o.Kind == OpAppend && (fetches || b.held[bare(o.Name)])
		if wait {
			held++
		}
		return wait
	})
	if held > 0 {
		b.undone = true
		r.note(b.name, fmt.Sprintf("not appended yet: %d of the files here, which the server may have already; the next run knows", held), "")
	}
	return ops
}
