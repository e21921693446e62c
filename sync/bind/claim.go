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

// Place gives every box its row: the base's, or, where the base knows nothing of it, one
// made from the marker that names its mailbox, or a new one with a path of its own. A
// mailbox keeps the path it first got.
func (r *Run) Place(ctx context.Context) error {
	taken := map[string]bool{}
	r.Owners = map[string]string{}
	for _, row := range r.Rows {
		taken[row.Path] = true
		for _, g := range row.Generations {
			r.Owners[g.Token] = state.RawKey(row.Raw)
		}
	}
	var fresh []*mailbox.Box
	for _, b := range r.Boxes {
		for i := range r.Rows {
			if state.RawKey(r.Rows[i].Raw) == state.RawKey(b.Listed.Raw) && r.Rows[i].Role != state.RoleArchive {
				b.Row = r.Rows[i]
				b.Row.Generations = slices.Clone(b.Row.Generations)
			}
		}
		if b.Row.Raw == "" {
			fresh = append(fresh, b)
		} else {
			r.takeUse(b)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	found, err := r.Walk(ctx)
	if err != nil {
		return err
	}
	markers := r.marked(found, taken)
	for _, b := range fresh {
		f, marked := markers[state.RawKey(b.Listed.Raw)]
		b.Row = state.MailboxRow{Raw: b.Listed.Raw, Sep: b.Listed.Sep, Role: state.RoleMailbox, Use: f.Marker.Use, MailboxID: b.Listed.MailboxID}
		r.takeUse(b)
		if marked {
			b.Row.Path, b.Row.Generations, b.Refused = f.Path, plan.Generations(f.Marker), f.Err
			b.Follows = f.Path != f.Marker.Path && f.Err == nil
			continue
		}
		b.Unheard = true
		if b.Row.Path = b.Home; b.Home == "" {
			b.Row.Path = r.Tree.Place(b.Listed.Levels, func(p string) bool { return taken[p] })
		}
		taken[b.Row.Path] = true
	}
	return nil
}

// Claim opens a box's Maildir and makes sure that it is the one it should be, or creates
// it, marker first. It leaves the box with a Maildir, a row in the base, the generation
// that the server's numbers belong to, and the answer to whether a missing file proves
// anything.
func (r *Run) Claim(ctx context.Context, b *mailbox.Box) error {
	known := b.Row.ID != 0 || len(b.Row.Generations) > 0
	md, err := r.Tree.Open(b.Row.Path)
	if errors.Is(err, fs.ErrNotExist) && known {
		md, err = r.astray(ctx, b)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.begin(ctx, b)
	case err != nil:
		return err
	}
	b.MD = md
	m, err := md.Marker()
	switch {
	case errors.Is(err, fs.ErrNotExist) && known:
		if err := r.remark(ctx, b); err != nil {
			return err
		}
		return r.number(ctx, b, r.marker(b))
	case errors.Is(err, fs.ErrNotExist):
		return r.begin(ctx, b)
	case err != nil:
		return fmt.Errorf("read marker of %q: %w", b.Row.Path, err)
	}
	if err := r.Check(b, m); err != nil {
		return err
	}
	return r.number(ctx, b, m)
}

// Check compares a marker with what should be in its place.
func (r *Run) Check(b *mailbox.Box, m state.Marker) error {
	switch {
	case m.AccountID != r.Row.ID:
		return state.Faultf(state.Storage, "the Maildir %q belongs to another account (%s at %s)", b.Row.Path, m.User, m.Host).
			WithHint("give each account a maildir of its own")
	case b.Follows:
	case m.Path != b.Row.Path:
		return r.strayed(m, b.Row.Path)
	case state.RawKey(m.Raw) != state.RawKey(b.Row.Raw) || m.Role != state.RoleMailbox:
		return state.Faultf(state.Storage, "the Maildir %q belongs to the mailbox %q", b.Row.Path, m.Raw).
			WithHint("move it back to %q", m.Path)
	}
	return nil
}

// begin makes a new Maildir, or claims one that holds nothing of ours: its marker is
// durable before the base knows of it, and before its first message.
func (r *Run) begin(ctx context.Context, b *mailbox.Box) error {
	if b.Server == nil {
		return port.NotMounted("the Maildir %q is gone", b.Row.Path)
	}
	b.Row.Generations = append(b.Row.Generations, state.Generation{
		Token: mailbox.RandomToken(), Mark: state.Mark{UIDValidity: b.Server.Mark.UIDValidity}})
	plan.SetCurrent(&b.Row, len(b.Row.Generations)-1)
	b.Records = nil
	b.Fresh, b.Proves = true, false
	if r.DryRun {
		return nil
	}
	return r.write(ctx, b)
}

// remark writes a vanished marker again, where the files of the Maildir are ours.
func (r *Run) remark(ctx context.Context, b *mailbox.Box) error {
	disk, err := b.MD.Scan(ctx, b.Gen().Token, nil, state.NewKeywords(b.Row.Keywords))
	if err != nil {
		return err
	}
	if len(disk.Messages) == 0 && !r.New {
		return port.NotMounted("the Maildir %q holds neither a marker nor a message of ours", b.Row.Path)
	}
	b.Proves = false
	if r.DryRun {
		return nil
	}
	r.Note(b.Name, "the marker was gone and is written again; what is missing here is fetched again", "")
	// Forget the directories first: should this run break off, the next one finds a marker,
	// and must not take what is missing for removed.
	if err := r.Commit(ctx, b, state.Commit{Disk: &state.DirMark{}, Clean: new(bool)}); err != nil {
		return err
	}
	return r.write(ctx, b)
}

// write creates what is missing of a Maildir, its marker last, and registers it.
func (r *Run) write(ctx context.Context, b *mailbox.Box) error {
	if err := r.Step("create %s", b.Name); err != nil {
		return err
	}
	md, err := r.Tree.Create(b.Row.Path, r.marker(b))
	if err != nil {
		return err
	}
	b.MD = md
	return r.register(ctx, b)
}

// marker is what stands in a box's marker file, the current generation last.
func (r *Run) marker(b *mailbox.Box) state.Marker {
	m := state.Marker{Format: state.MarkerFormat, AccountID: r.Row.ID, Host: r.Host, User: r.User,
		Raw: b.Row.Raw, Path: b.Row.Path, Role: b.Row.Role, Sep: b.Row.Sep, Use: b.Row.Use}
	for _, current := range []bool{false, true} {
		for _, g := range b.Row.Generations {
			if g.Current == current {
				m.Generations = append(m.Generations, state.MarkerGeneration{UIDValidity: g.Mark.UIDValidity, Token: g.Token})
			}
		}
	}
	return m
}

// register makes the base know a box whose marker is durable. Before the account's
// first one, the root is remembered, so that it is missed should it be gone one day.
func (r *Run) register(ctx context.Context, b *mailbox.Box) error {
	if r.DryRun || b.Row.ID != 0 && b.Gen().ID != 0 {
		return nil
	}
	mark, err := b.MD.Mark()
	if err != nil {
		return err
	}
	b.Gen().Disk = state.DirMark{CurIno: mark.CurIno, CurBtime: mark.CurBtime, NewIno: mark.NewIno}
	return r.save(ctx, b)
}

// save makes the base know a box as it is now.
func (r *Run) save(ctx context.Context, b *mailbox.Box) error {
	if err := r.remember(ctx); err != nil {
		return err
	}
	if err := r.Step("save mailbox %s", b.Name); err != nil {
		return err
	}
	if err := r.Base.SaveMailbox(ctx, &b.Row); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	b.UseTold = false
	return nil
}

// remember registers the root and saves the account's row, once.
func (r *Run) remember(ctx context.Context) error {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	if r.Saved {
		return nil
	}
	if r.Remember != nil {
		if err := r.Step("remember root"); err != nil {
			return err
		}
		if err := r.Remember(r.Row.ID); err != nil {
			return fmt.Errorf("remember the root: %w", err)
		}
	}
	if err := r.SaveAccount(ctx); err != nil {
		return err
	}
	r.Saved = true
	return nil
}
