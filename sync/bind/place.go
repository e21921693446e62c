package bind

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// place gives every box its row: the base's, or, where the base knows nothing of it, one
// made from the marker that names its mailbox, or a new one with a path of its own. A
// mailbox keeps the path it first got. It reports whether it had to look for markers.
func (r *Run) place(ctx context.Context) (walked bool, err error) {
	taken := map[string]bool{}
	r.Owners = map[string]string{}
	for _, row := range r.Rows {
		taken[row.Path] = true
		r.owns(row)
	}
	var fresh []*mailbox.Box
	for _, b := range r.Boxes {
		for _, row := range r.Rows {
			if state.SameName(row.Raw, b.Listed.Raw) && row.Role == state.RoleMailbox {
				b.Row = row
				b.Row.Generations = slices.Clone(row.Generations)
			}
		}
		if b.Row.Raw == "" {
			fresh = append(fresh, b)
		} else {
			r.takeUse(b)
		}
	}
	if len(fresh) == 0 {
		return false, nil
	}
	maildirs, err := r.maildirs(ctx)
	if err != nil {
		return false, err
	}
	for _, f := range maildirs.Found {
		taken[f.Path] = true
		owner := "" // an archive, or forgotten
		if f.Marker.Role == state.RoleMailbox {
			owner = state.RawKey(f.Marker.Raw)
		}
		for _, g := range f.Marker.Generations {
			if _, known := r.Owners[g.Token]; !known { // else the base knows better: the mailbox may just have been renamed
				r.Owners[g.Token] = owner
			}
		}
	}
	for _, b := range fresh {
		c := maildirs.Fresh(b.Listed.Raw)
		b.Row = state.MailboxRow{Raw: b.Listed.Raw, Sep: b.Listed.Sep, Role: state.RoleMailbox, Use: c.At.Marker.Use, MailboxID: b.Listed.MailboxID}
		r.takeUse(b)
		if c.Do != plan.Begin {
			b.Row.Path, b.Row.Generations = c.At.Path, plan.Generations(c.At.Marker)
			b.Refused, b.Follows = refusal(c, c.At.Marker.Path), c.Do == plan.Follow
			continue
		}
		b.New = true
		if b.Row.Path = b.Home; b.Home == "" {
			b.Row.Path = r.Tree.Place(b.Listed.Levels, func(p string) bool { return taken[p] })
		}
		taken[b.Row.Path] = true
	}
	return true, nil
}

// owns notes whose the tokens of a recorded mailbox are.
func (r *Run) owns(row state.MailboxRow) {
	owner := "" // an archive, or a forgotten mailbox
	if row.Role == state.RoleMailbox {
		owner = state.RawKey(row.Raw)
	}
	for _, g := range row.Generations {
		r.Owners[g.Token] = owner
	}
}

// takeUse takes the special use that the server reported over into a box's row. Until the base has it too,
// the box has something to do.
func (r *Run) takeUse(b *mailbox.Box) {
	if use := b.Listed.Role; r.Can.Uses && use != b.Row.Use {
		b.Row.Use, b.Unsaved = use, true
	}
}

// Walk finds every marked Maildir below the root, once a run.
func (r *Run) Walk(ctx context.Context) ([]state.Found, error) {
	r.walking.Lock()
	defer r.walking.Unlock()
	if r.Found == nil {
		found, err := r.Tree.Find(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for Maildirs: %w", err)
		}
		r.Found = append([]state.Found{}, found...)
	}
	return r.Found, nil
}

// maildirs are the account's Maildirs below the root.
func (r *Run) maildirs(ctx context.Context) (plan.Maildirs, error) {
	found, err := r.Walk(ctx)
	m := plan.Maildirs{There: map[string]bool{}, Moved: r.Moved, New: r.New}
	for _, f := range found {
		if f.Err != nil || f.Marker.AccountID != r.Row.ID {
			continue // another account's: it is refused where a mailbox has that path
		}
		if r.isForgotten(f.Marker) {
			continue
		}
		m.Found = append(m.Found, f)
		if f.Path != f.Marker.Path {
			m.There[f.Marker.Path] = r.isThere(f.Marker.Path)
		}
	}
	return m, err
}

// isForgotten reports whether a marker is of a mailbox that the base has forgotten, whatever the marker has become.
func (r *Run) isForgotten(m state.Marker) bool {
	return slices.ContainsFunc(r.Rows, func(row state.MailboxRow) bool {
		return row.Role == state.RoleForgotten &&
			slices.ContainsFunc(m.Generations, func(g state.MarkerGeneration) bool { return plan.HasToken(&row, g.Token) })
	})
}

func (r *Run) isThere(path string) bool {
	_, err := r.Tree.Open(path)
	return err == nil
}

// reportCopies reports every copy of a Maildir in the tree.
func (r *Run) reportCopies(ctx context.Context) error {
	m, err := r.maildirs(ctx)
	for _, f := range m.Found {
		if m.IsCopy(f) {
			r.Note(f.Path, copyText(f.Path, f.Marker.Path), copyHint)
		}
	}
	return err
}

func copyText(path, of string) string {
	return fmt.Sprintf("the Maildir %q is a copy of %q; it is neither synced nor appended", path, of)
}

const copyHint = "move it out of the tree, or remove it"

// Open opens a box's Maildir and makes sure that it is the one it should be. One that is to be made has neither MD nor
// Marker after that, one that has lost its marker no Marker.
func (r *Run) Open(ctx context.Context, b *mailbox.Box) error {
	if b.Refused != nil {
		return b.Refused
	}
	known := b.Row.ID != 0 || len(b.Row.Generations) > 0
	md, err := r.Tree.Open(b.Row.Path)
	if errors.Is(err, fs.ErrNotExist) && known {
		md, err = r.missing(ctx, b)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b.MD = md
	m, err := md.Marker()
	switch {
	case errors.Is(err, fs.ErrNotExist) && known:
		return r.unmarked(ctx, b)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read marker of %q: %w", b.Row.Path, err)
	}
	b.Marker = &m
	return r.Check(b, m)
}

// missing returns the Maildir of a box that has none at its path any more; fs.ErrNotExist where one
// is to be begun afresh.
func (r *Run) missing(ctx context.Context, b *mailbox.Box) (port.Maildir, error) {
	maildirs, err := r.maildirs(ctx)
	if err != nil {
		return nil, err
	}
	c := maildirs.Missing(b.Row.Raw, b.Row.Path)
	switch c.Do {
	case plan.Begin:
		return nil, fs.ErrNotExist
	case plan.Complete:
		return r.complete(b, c.At.Marker)
	case plan.Follow:
		r.Note(b.Name, fmt.Sprintf("the Maildir %q is %q now", b.Row.Path, c.At.Path), "")
		b.Row.Path, b.Follows = c.At.Path, true
		return r.takePath(ctx, b)
	}
	return nil, refusal(c, b.Row.Path)
}

// refusal is why a Maildir is not used, nil where it is. was is where the Maildir should be.
func refusal(c plan.Claim, was string) error {
	switch c.Do {
	case plan.WasMoved:
		return wasMoved(c.At.Marker.Path, c.At.Path)
	case plan.Doubled:
		return state.Faultf(state.Storage, "the Maildirs %q and %q both have the marker of %q", c.At.Path, c.Other.Path, was).
			WithHint("keep one of them in the tree")
	case plan.Gone:
		return port.NotMounted("the Maildir %q is gone", was)
	}
	return nil
}

func wasMoved(from, to string) error {
	return state.Faultf(state.Storage, "the Maildir %q was moved to %q", from, to).
		WithHint("move it back, or run once with --moved to follow it")
}

// complete makes the folders that a Maildir lost, as some backups leave out empty ones.
// They are others than the base knows, so that nothing counts as removed in this run.
func (r *Run) complete(b *mailbox.Box, m state.Marker) (port.Maildir, error) {
	if r.DryRun {
		return nil, state.Faultf(state.Storage, "the Maildir %q lacks a folder", b.Row.Path)
	}
	if err := r.Step("complete %s", b.Name); err != nil {
		return nil, err
	}
	r.Note(b.Name, "a folder of its Maildir was gone and is made again; what is missing here is fetched again", "")
	return r.Tree.Create(b.Row.Path, m)
}

// unmarked accepts a Maildir whose marker is gone if it has files of ours. It counts as one that the base does not know,
// so that nothing that is missing there counts as removed.
func (r *Run) unmarked(ctx context.Context, b *mailbox.Box) error {
	disk, err := b.MD.Scan(ctx, b.Gen().Token, nil, state.NewKeywords(b.Row.Keywords))
	if err != nil {
		return err
	}
	if len(disk.Messages) == 0 && !r.New {
		return port.NotMounted("the Maildir %q holds neither a marker nor a message of ours", b.Row.Path)
	}
	b.Gen().Disk = state.DirMark{}
	if !r.DryRun {
		r.Note(b.Name, "the marker was gone and is written again; what is missing here is fetched again", "")
	}
	return nil
}

// Check compares a marker with what should be in its place.
func (r *Run) Check(b *mailbox.Box, m state.Marker) error {
	switch {
	case m.AccountID != r.Row.ID:
		return state.Faultf(state.Storage, "the Maildir %q belongs to another account (%s at %s)", b.Row.Path, m.User, m.Host).
			WithHint("give each account a maildir of its own")
	case b.Follows:
	case m.Path != b.Row.Path && r.isThere(m.Path):
		return state.Faultf(state.Storage, "%s", copyText(b.Row.Path, m.Path)).WithHint(copyHint)
	case m.Path != b.Row.Path:
		return wasMoved(m.Path, b.Row.Path)
	case m.Role == state.RoleForgotten:
		return state.Faultf(state.Storage, "the Maildir %q is of a mailbox that was forgotten", b.Row.Path).
			WithHint("\"mailsync forget %s %s\" finishes that, and what is on the server is fetched beside it; with --undo it is used again", r.Name, plan.ShellWord(b.Name))
	case !state.SameName(m.Raw, b.Row.Raw) || m.Role != state.RoleMailbox:
		return state.Faultf(state.Storage, "the Maildir %q belongs to the mailbox %q", b.Row.Path, m.Raw).
			WithHint("move it back to %q", m.Path)
	}
	return nil
}
