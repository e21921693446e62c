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

// Sources are the Maildirs of an account from which mail can be put on a server: those of its
// mailboxes, and the archives that have some of it. levels returns the name of a mailbox,
// only whether it is restored (nil: all are), archives opens a folder of archives. A mailbox that is not restored is
// among the sources without its Maildir. So is one with a Maildir that cannot be opened, which is a
// problem, too.
func Sources(ctx context.Context, memory port.Memory, tree port.Tree, archives func(root string) (port.Tree, error),
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
		if row.Role == state.RoleForgotten {
			continue // UnknownMaildirs has it
		}
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
		folders, err := archivesOf(ctx, memory, row)
		if err != nil {
			return nil, nil, port.Wrap("read state", err)
		}
		for _, at := range folders {
			a := s
			a.Archived = true
			root, err := archives(at.Root)
			if err == nil {
				a.Maildir, err = root.Open(at.Path)
			}
			if err != nil {
				wrong(fmt.Errorf("archive %s/%s: %w", at.Root, at.Path, err))
				continue
			}
			all = append(all, a)
		}
	}
	return all, problems, nil
}

// UnknownMaildir is a Maildir in an account's tree that is not of one of its mailboxes, and how many messages it has.
type UnknownMaildir struct {
	Path      string
	Messages  int
	Forgotten bool // it was a mailbox's that is gone on the server, and that the user has let go of
	Recorded  bool // of a forgotten one: the state knows it, so that it can be taken back
}

// UnknownMaildirs are the Maildirs from which nothing is put on a server, for a mail program made them, and the account has no
// such mailboxes. Empty ones, and those that were there before the tree was the account's, are not among them.
func UnknownMaildirs(ctx context.Context, memory port.Memory, tree port.Tree) (all []UnknownMaildir, err error) {
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
		n, err := messagesAt(ctx, tree, f.Path)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			all = append(all, UnknownMaildir{Path: f.Path, Messages: n})
		}
	}
	forgotten, err := forgottenMaildirs(ctx, memory, tree, rows)
	return append(all, forgotten...), err
}

// forgottenMaildirs are those of mailboxes that were forgotten, with all that is here of these, in archive folders too. Those of
// which the state knows nothing, since it was lost, are known by their markers.
func forgottenMaildirs(ctx context.Context, memory port.Memory, tree port.Tree, rows []state.MailboxRow) (all []UnknownMaildir, err error) {
	for _, row := range rows {
		if row.Role != state.RoleForgotten {
			continue
		}
		m := UnknownMaildir{Path: row.Path, Forgotten: true, Recorded: true}
		for _, g := range row.Generations {
			records, err := memory.Records(ctx, g.ID)
			if err != nil {
				return nil, port.Wrap("read state", err)
			}
			for _, rec := range records {
				if rec.Status.HasFile() || rec.Status == state.Archived {
					m.Messages++
				}
			}
		}
		all = append(all, m)
	}
	found, err := tree.Find(ctx)
	if err != nil {
		return nil, port.Wrap("look for Maildirs", err)
	}
	for _, f := range found {
		known := func(row state.MailboxRow) bool { return row.Path == f.Path }
		if f.Err != nil || f.Marker.Role != state.RoleForgotten || slices.ContainsFunc(rows, known) {
			continue
		}
		n, err := messagesAt(ctx, tree, f.Path)
		if err != nil {
			return nil, err
		}
		all = append(all, UnknownMaildir{Path: f.Path, Messages: n, Forgotten: true})
	}
	return slices.DeleteFunc(all, func(m UnknownMaildir) bool { return m.Messages == 0 }), nil
}

// messagesAt counts the messages of a Maildir of which nothing is recorded.
func messagesAt(ctx context.Context, tree port.Tree, path string) (int, error) {
	md, err := tree.Open(path)
	if err != nil {
		return 0, err
	}
	disk, err := md.Scan(ctx, "", nil, state.NewKeywords(nil))
	if err != nil {
		return 0, err
	}
	return len(disk.Foreign), nil
}

// markedRows are mailboxes that are known from markers only, the state being lost. Nothing is recorded of
// their messages; the names of the files have digests. A marker that cannot be read leaves out only its own Maildir.
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

// archivesOf are the archive folders that have mail of a mailbox, each once, in the order in which it
// was archived.
func archivesOf(ctx context.Context, memory port.Memory, row state.MailboxRow) (folders []state.Departure, err error) {
	known := map[state.Departure]bool{}
	for _, g := range row.Generations {
		list, err := memory.Departures(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if at := (state.Departure{Root: d.Root, Path: d.Path}); d.Root != "" && !known[at] {
				known[at] = true
				folders = append(folders, at)
			}
		}
	}
	return folders, nil
}
