package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"mailsync/state"
)

// archives are surveys of the archives in which messages of a mailbox lie, each as if it
// were a Maildir of that mailbox with those messages.
func (w *verifying) archives(ctx context.Context, s *survey) (all []*survey) {
	if w.Shelf == nil {
		return nil
	}
	at := map[string]*survey{}
	for i := range s.books {
		b := &s.books[i]
		to := map[state.UID]state.Departure{}
		for _, d := range b.left {
			to[d.UID] = d
		}
		for _, r := range b.records {
			d := to[r.UID]
			if r.Status != state.Archived || d.Root == "" {
				continue
			}
			shelf := path.Join(d.Root, d.Path)
			a := at[shelf]
			if a == nil {
				a = &survey{row: s.row, name: s.name, kw: s.kw, shelf: shelf, books: make([]book, len(s.books))}
				for j := range a.books {
					a.books[j] = book{gen: s.books[j].gen, proofs: s.books[j].proofs}
				}
				at[shelf] = a
				if err := w.openShelf(a, d); err != nil {
					w.problem(s.name, fmt.Errorf("archive %s: %w", shelf, err))
					continue
				}
				all = append(all, a)
			}
			r.Status = state.OnlyHere
			a.books[i].records = append(a.books[i].records, r)
		}
	}
	for _, a := range all {
		if a.md == nil {
			continue // it is gone, and everything in it is missing
		}
		if err := a.readDisk(ctx, true); err != nil {
			w.problem(s.name, fmt.Errorf("archive %s: %w", a.shelf, err))
		}
		a.strays, a.tokens = nil, nil // of other mailboxes
	}
	return all
}

// openShelf opens an archive Maildir. One that is gone, in a folder of archives that is there, leaves the
// survey without one.
func (w *verifying) openShelf(a *survey, d state.Departure) error {
	tree, err := w.Shelf(d.Root)
	if err != nil {
		return err
	}
	a.md, err = tree.Open(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		a.md = nil
		return nil
	}
	return err
}
