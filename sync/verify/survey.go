package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/port"
)

// survey is one mailbox as memory, Maildir and server show it.
type survey struct {
	row    state.MailboxRow
	name   string
	md     port.Maildir // nil: the Maildir is gone
	kw     *state.Keywords
	can    state.Flags // that a file name can carry
	books  []book
	server *state.ServerSnapshot // nil: not asked
	strays []held                // files with a token of none of the books
	tokens []string              // of the strays, in their order
	others int                   // files that mail programs made
	alone  []state.UID           // with flags that stay here alone, for the server's mailbox does not keep them
	shelf  string                // of an archive: its path, "" for a mailbox's own Maildir
}

// book is one generation: what is recorded of it, and the files that carry its token.
type book struct {
	gen     state.Generation
	records []state.Record
	proofs  map[state.UID]state.Proof
	files   []held // sorted by UID, variant and name
	sure    bool   // a file that is not among them is not there
	left    []state.Departure
}

// held is one file of ours.
type held struct {
	uid     state.UID
	variant uint8
	flags   state.Flags
	silent  bool  // as in state.OnDisk
	size    int64 // W=, -1 unknown
	name    string
}

// survey looks at one mailbox. With sure, a file that is not seen is proven to be gone, as
// far as the Maildir comes to rest.
func (w *verifying) survey(ctx context.Context, row state.MailboxRow, sure bool) (*survey, error) {
	s := &survey{row: row, name: w.name(row)}
	if err := w.read(ctx, s); err != nil {
		return nil, port.Wrap("read state", err)
	}
	s.kw = state.NewKeywords(s.row.Keywords)
	if err := w.askServer(ctx, s); err != nil {
		return nil, err
	}
	md, err := w.Tree.Open(row.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.md = md
	return s, s.readDisk(ctx, sure)
}

// read loads what is recorded of a mailbox. A run may have changed its row meanwhile.
func (w *verifying) read(ctx context.Context, s *survey) error {
	if w.verdict.NoMemory {
		for _, g := range s.row.Generations {
			s.books = append(s.books, book{gen: g})
		}
		return nil
	}
	return w.remember(func(m port.Memory) error {
		rows, err := m.Mailboxes(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ID == s.row.ID {
				s.row = row
			}
		}
		for _, g := range s.row.Generations {
			b := book{gen: g}
			if b.records, err = m.Records(ctx, g.ID); err != nil {
				return err
			}
			if b.proofs, err = m.Proofs(ctx, g.ID, nil); err != nil {
				return err
			}
			if b.left, err = m.Departures(ctx, g.ID); err != nil {
				return err
			}
			s.books = append(s.books, b)
		}
		return nil
	})
}

// readDisk sorts the files of the Maildir into the books. One look at the names does for
// all generations where nothing has to be proven.
func (s *survey) readDisk(ctx context.Context, sure bool) error {
	for i := range s.books {
		b := &s.books[i]
		if i > 0 && !sure {
			break
		}
		var expect []state.UID
		for _, r := range b.records {
			if sure && r.Status.HasFile() {
				expect = append(expect, r.UID)
			}
		}
		disk, err := s.md.Scan(ctx, b.gen.Token, expect, s.kw)
		if err != nil {
			return err
		}
		b.sure, s.can = disk.Complete, disk.Can
		b.files = b.files[:0]
		for _, f := range disk.Messages {
			b.files = append(b.files, held{uid: f.UID, variant: f.Variant, flags: f.Flags, silent: f.Silent, size: f.Size, name: disk.NameAt(f.Name)})
		}
		if i == 0 {
			s.sort(disk.Foreign, !sure)
		}
	}
	return nil
}

// sort puts files that are not of the scanned generation where they belong.
func (s *survey) sort(files []state.Foreign, all bool) {
	for _, f := range files {
		h := held{uid: f.UID, variant: f.Variant, flags: f.Flags, silent: f.Silent, size: f.Size, name: f.Name}
		i := slices.IndexFunc(s.books, func(b book) bool { return b.gen.Token == f.Token })
		switch {
		case f.Token == "":
			s.others++
		case i > 0 && all && f.UID != 0:
			s.books[i].files = append(s.books[i].files, h)
			s.books[i].sure = true
		case i < 0 || f.UID == 0:
			s.strays, s.tokens = append(s.strays, h), append(s.tokens, f.Token)
		}
	}
	for i := range s.books {
		slices.SortFunc(s.books[i].files, func(a, b held) int {
			return cmp.Or(cmp.Compare(a.uid, b.uid), cmp.Compare(a.variant, b.variant), cmp.Compare(a.name, b.name))
		})
	}
}

// reading is one identity whose files are read and held against what is recorded.
type reading struct {
	survey *survey
	id     port.Identity
	rec    state.Record
	known  bool         // rec is what is recorded
	want   *state.Proof // nil: no digest is recorded
	stray  bool
	files  []held
	got    []inspected
}

// inspected is what reading a file gave.
type inspected struct {
	name string
	state.Received
	err error
}

// readings joins records and files. Recorded files that are not there are found already.
func (s *survey) readings() (read []*reading, found []port.Finding) {
	if s.md == nil {
		return nil, s.maildirGone()
	}
	for i := range s.books {
		b := &s.books[i]
		r, f := b.join(s)
		read, found = append(read, r...), append(found, f...)
	}
	for i, h := range s.strays {
		id := port.Identity{Token: s.tokens[i], UID: h.uid, Variant: h.variant}
		if h.uid == 0 {
			id.Name = h.name
		}
		read = append(read, &reading{survey: s, id: id, stray: h.uid != 0, files: []held{h}})
	}
	return read, found
}

func (s *survey) maildirGone() []port.Finding {
	n, lost := 0, 0
	for _, b := range s.books {
		for _, r := range b.records {
			if r.Status.HasFile() {
				n++
				lost += b.lost(r)
			}
		}
	}
	if n == 0 {
		return nil
	}
	file := s.row.Path
	if s.shelf != "" {
		file = s.shelf
	}
	return []port.Finding{{Fault: port.Missing, Mailbox: s.name, File: file, Path: s.row.Path, Id: port.Identity{Name: s.shelf}, Lost: lost,
		Detail: fmt.Sprintf("the Maildir is gone, and %d messages with it", n)}}
}

// join pairs the records of one generation with its files.
func (b *book) join(s *survey) (read []*reading, found []port.Finding) {
	for f, r := 0, 0; f < len(b.files) || r < len(b.records); {
		for r < len(b.records) && (f == len(b.files) || b.records[r].UID < b.files[f].uid) {
			found = append(found, b.missing(s, b.records[r])...)
			r++
		}
		if f == len(b.files) {
			continue
		}
		uid := b.files[f].uid
		var rec state.Record
		known := r < len(b.records) && b.records[r].UID == uid
		if known {
			rec = b.records[r]
			r++
		}
		seen := false
		for f < len(b.files) && b.files[f].uid == uid {
			g := &reading{survey: s, id: port.Identity{Token: b.gen.Token, UID: uid, Variant: b.files[f].variant, Name: s.shelf}}
			if known && rec.Status.HasFile() && max(1, rec.Variant) == g.id.Variant {
				seen, g.known, g.rec = true, true, rec
				if p, ok := b.proofs[uid]; ok {
					g.want = &p
				}
			}
			for f < len(b.files) && b.files[f].uid == uid && b.files[f].variant == g.id.Variant {
				g.files = append(g.files, b.files[f])
				f++
			}
			read = append(read, g)
		}
		if known && !seen {
			found = append(found, b.missing(s, rec)...)
		}
	}
	return read, found
}

// lost is how many messages of the server's are not here if this one's file is not.
func (b *book) lost(rec state.Record) int {
	if b.gen.Current && rec.Status.OnServer() {
		return 1
	}
	return 0
}

func (b *book) missing(s *survey, rec state.Record) []port.Finding {
	if !rec.Status.HasFile() {
		return nil
	}
	f := port.Finding{Fault: port.Missing, Known: true, Lost: b.lost(rec), Mailbox: s.name, UID: rec.UID, Path: s.row.Path, Detail: "no file has this message",
		Id: port.Identity{Token: b.gen.Token, UID: rec.UID, Variant: max(1, rec.Variant), Name: s.shelf}, File: s.shelf}
	if p, ok := b.proofs[rec.UID]; ok {
		f.Want = &p
	}
	return []port.Finding{f}
}
