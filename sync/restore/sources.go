package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Sources are the Maildirs of an account whose mail can be put on a server: those of its
// mailboxes, and the archives in which some of it lies. levels says what a mailbox is called,
// only which are meant (nil: all), shelf opens a folder of archives. Mailboxes that are not meant are
// among the sources without their Maildirs; so are those whose cannot be opened, which are among the
// problems too.
func Sources(ctx context.Context, memory port.Memory, tree port.Tree, shelf func(root string) (port.Tree, error),
	levels func(state.MailboxRow) []string, only func(state.MailboxRow) bool) (all []port.Source, problems []port.Problem, err error) {
	rows, err := memory.Mailboxes(ctx)
	if err != nil {
		return nil, nil, port.Wrap("read state", err)
	}
	if len(rows) == 0 {
		if rows, problems, err = markedRows(ctx, tree); err != nil {
			return nil, nil, err
		}
	}
	for _, row := range rows {
		s := port.Source{Levels: levels(row), Role: row.Use, Row: row}
		s.Name = plan.DisplayName(s.Levels)
		if only != nil && !only(row) {
			all = append(all, s)
			continue
		}
		wrong := func(err error) { problems = append(problems, port.Problem{Mailbox: s.Name, Err: err}) }
		s.Maildir, err = tree.Open(row.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			wrong(port.NotMounted("the Maildir %q is gone", row.Path))
		case err != nil:
			wrong(err)
		}
		all = append(all, s)
		shelves, err := shelvesOf(ctx, memory, row)
		if err != nil {
			return nil, nil, port.Wrap("read state", err)
		}
		for _, at := range shelves {
			a := s
			a.Shelf = true
			if a.Maildir, err = openShelf(shelf, at); err != nil {
				wrong(fmt.Errorf("archive %s/%s: %w", at.Root, at.Path, err))
				continue
			}
			all = append(all, a)
		}
	}
	return all, problems, nil
}

// Outsider is a Maildir in an account's tree that is none of its mailboxes, and how many messages lie there.
type Outsider struct {
	Path     string
	Messages int
}

// Outsiders are the Maildirs of which nothing is put on a server, for they are no mailboxes of the account: a mail program
// made them. Empty ones, and those that were there before the tree was the account's, are none.
func Outsiders(ctx context.Context, memory port.Memory, tree port.Tree) (all []Outsider, err error) {
	rows, err := memory.Mailboxes(ctx)
	if err != nil {
		return nil, port.Wrap("read state", err)
	}
	found, err := tree.Unmarked(ctx)
	if err != nil {
		return nil, port.Wrap("look for Maildirs", err)
	}
	for _, f := range found {
		if slices.ContainsFunc(rows, func(row state.MailboxRow) bool { return row.Path == f.Path }) {
			continue
		}
		md, err := tree.Open(f.Path)
		if err != nil {
			return nil, err
		}
		disk, err := md.Scan(ctx, "", nil, state.NewKeywords(nil))
		if err != nil {
			return nil, err
		}
		if n := len(disk.Foreign); n > 0 {
			all = append(all, Outsider{f.Path, n})
		}
	}
	return all, nil
}

// markedRows are mailboxes that markers alone tell of, the state being gone. Nothing is recorded of
// their messages; the names of the files vouch for them. A marker that cannot be read keeps only its own Maildir.
func markedRows(ctx context.Context, tree port.Tree) (rows []state.MailboxRow, problems []port.Problem, err error) {
	found, err := tree.Find(ctx)
	if err != nil {
		return nil, nil, port.Wrap("look for Maildirs", err)
	}
	for _, f := range found {
		if f.Err != nil {
			problems = append(problems, port.Problem{Mailbox: f.Path, Err: port.Wrap("read its marker", f.Err)})
			continue
		}
		rows = append(rows, state.MailboxRow{Raw: f.Marker.Raw, Path: f.Path, Sep: f.Marker.Sep, Role: f.Marker.Role, Use: f.Marker.Use})
	}
	if len(rows) == 0 {
		return nil, nil, state.Faultf(state.Storage, "nothing here holds mail of this account").WithHint(`"mailsync sync" it first, or name a folder of Maildirs with --from`)
	}
	return rows, problems, nil
}

func openShelf(shelf func(root string) (port.Tree, error), at state.Departure) (port.Maildir, error) {
	tree, err := shelf(at.Root)
	if err != nil {
		return nil, err
	}
	return tree.Open(at.Path)
}

// shelvesOf are the archives in which mail of a mailbox lies, each once, in the order in which it
// was archived.
func shelvesOf(ctx context.Context, memory port.Memory, row state.MailboxRow) (shelves []state.Departure, err error) {
	known := map[state.Departure]bool{}
	for _, g := range row.Generations {
		list, err := memory.Departures(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			at := state.Departure{Root: d.Root, Path: d.Path}
			if at.Root != "" && !known[at] {
				known[at] = true
				shelves = append(shelves, at)
			}
		}
	}
	return shelves, nil
}
