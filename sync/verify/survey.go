package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// survey is one mailbox as memory, Maildir and server show it.
type survey struct {
	*mailbox.Box // with its current generation
	parts        []*part
	unknown      []*reading // files with a token of none of its generations
	others       int        // files that mail programs made
}

// part is one generation of a mailbox in one Maildir.
type part struct {
	*mailbox.Box // with that generation
	current      bool
	proofs       map[state.UID]state.Proof
	left         []state.Departure
	at           string      // the Maildir as findings name it
	archive      string      // the same where it is an archive, "" in the mailbox's own Maildir
	alone        []state.UID // with flags that stay here alone, for the server's mailbox does not keep them
}

// survey looks at one mailbox: at its state, the server, and its Maildir, in this order.
func (w *verifying) survey(ctx context.Context, row state.MailboxRow) (*survey, error) {
	s, err := w.recorded(ctx, row)
	if err != nil {
		return nil, port.Wrap("read state", err)
	}
	if err := w.askServer(ctx, s); err != nil {
		return nil, err
	}
	if s.MD, err = w.Tree.Open(row.Path); errors.Is(err, fs.ErrNotExist) {
		s.MD = nil
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	for i, p := range s.parts {
		p.MD = s.MD
		if err := w.ReadDisk(ctx, p.Box); err != nil {
			return nil, err
		}
		if i == 0 {
			s.foreign(p.Disk.Foreign)
		}
	}
	return s, nil
}

// recorded loads what is recorded of a mailbox. A run may have changed its row meanwhile.
func (w *verifying) recorded(ctx context.Context, row state.MailboxRow) (s *survey, err error) {
	if w.verdict.NoMemory {
		return w.newSurvey(row), nil
	}
	err = w.remember(func() error {
		rows, err := w.Base.Mailboxes(ctx)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(now state.MailboxRow) bool { return now.ID == row.ID }); i >= 0 {
			row = rows[i]
		}
		s = w.newSurvey(row)
		for _, p := range s.parts {
			gen := p.Gen().ID
			if p.Records, err = w.Base.Records(ctx, gen); err != nil {
				return err
			}
			if p.proofs, err = w.Base.Proofs(ctx, gen, nil); err != nil {
				return err
			}
			if p.left, err = w.Base.Departures(ctx, gen); err != nil {
				return err
			}
		}
		return nil
	})
	return s, err
}

// newSurvey is the survey of a mailbox at which nobody looked yet.
func (w *verifying) newSurvey(row state.MailboxRow) *survey {
	box := mailbox.Box{Name: w.NameOf(row), Row: row, KW: state.NewKeywords(row.Keywords), Bound: mailbox.Bound{Full: true}}
	s := &survey{Box: &box}
	for i, g := range row.Generations {
		p := &part{Box: s.Box, current: g.Current, at: row.Path}
		if !g.Current {
			p.Box = &mailbox.Box{Name: box.Name, Row: row, KW: box.KW}
			p.Row.Generations = slices.Clone(row.Generations)
			plan.SetCurrent(&p.Row, i)
		}
		s.parts = append(s.parts, p)
	}
	return s
}

// askServer lists a mailbox's messages on the server, where it is compared with.
func (w *verifying) askServer(ctx context.Context, s *survey) error {
	l, ok := w.listed[state.RawKey(s.Row.Raw)]
	if !ok || s.Row.Role == state.RoleArchive || w.unrecorded(s.Row) {
		return nil
	}
	s.Listed = l
	if err := w.AskServer(ctx, s.Box); err != nil {
		s.Server = nil
		return w.Problem(s.Name, 0, err) // what is here is verified all the same
	}
	return nil
}

// foreign sorts the files of the Maildir that are not of the scanned generation.
func (s *survey) foreign(files []state.Foreign) {
	own := &part{Box: s.Box, at: s.Row.Path}
	for _, f := range files {
		switch {
		case f.Token == "":
			s.others++
		case s.OfOther(f.Token) || f.UID == 0:
			r := &reading{part: own, id: port.Identity{Token: f.Token, UID: f.UID, Variant: f.Variant}, unknown: f.UID != 0}
			if f.UID == 0 {
				r.id.Name = f.Name
			}
			r.add(f.Name, f.Size)
			s.unknown = append(s.unknown, r)
		}
	}
}

// archives are the archives that have messages of a mailbox, each as if it were a Maildir of that
// mailbox with those messages.
func (w *verifying) archives(ctx context.Context, s *survey) (all []*part, err error) {
	if w.Release == nil {
		return nil, nil
	}
	for _, own := range s.parts {
		at := map[string]*part{}
		for _, d := range own.left {
			i, known := plan.PlaceOf(own.Records, d.UID)
			if !known || own.Records[i].Status != state.Archived || d.Root == "" {
				continue
			}
			where := path.Join(d.Root, d.Path)
			p := at[where]
			if p == nil {
				p = &part{Box: &mailbox.Box{Name: own.Name, Row: own.Row, KW: own.KW}, proofs: own.proofs, at: where, archive: where}
				at[where] = p
				if p.MD, err = w.openArchive(d); err == nil {
					all = append(all, p)
				} else if err := w.Problem(p.Name, 0, err); err != nil {
					return nil, err
				}
			}
			rec := own.Records[i]
			rec.Status = state.OnlyHere
			p.Records = append(p.Records, rec)
		}
	}
	read := all[:0]
	for _, p := range all {
		if err := w.ReadDisk(ctx, p.Box); err == nil {
			read = append(read, p)
		} else if err := w.Problem(p.Name, 0, fmt.Errorf("archive %s: %w", p.archive, err)); err != nil {
			return nil, err
		}
	}
	return read, nil
}

// openArchive opens an archive Maildir. One that is gone, in a folder of archives that is there, is nil.
func (w *verifying) openArchive(d state.Departure) (port.Maildir, error) {
	tree, err := w.folder.Root(d.Root, false)
	if err != nil {
		return nil, err
	}
	md, err := tree.Open(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return md, port.Wrap("archive "+path.Join(d.Root, d.Path), err)
}

// gone is what is missing with a Maildir that is gone.
func gone(parts ...*part) []port.Finding {
	n, lost := 0, 0
	for _, p := range parts {
		for _, rec := range p.Records {
			if rec.Status.HasFile() {
				n++
				lost += p.lost(rec)
			}
		}
	}
	if n == 0 {
		return nil
	}
	p := parts[0]
	return []port.Finding{{Fault: port.Missing, Mailbox: p.Name, File: p.at, Raw: p.Row.Raw, Path: p.Row.Path, Id: port.Identity{Name: p.archive}, Lost: lost,
		Detail: fmt.Sprintf("the Maildir is gone, and %d messages with it", n)}}
}

// lost is how many messages of the server's are not here if this one's file is not.
func (p *part) lost(rec state.Record) int {
	if p.current && rec.Status.OnServer() {
		return 1
	}
	return 0
}
