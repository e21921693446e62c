package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// place gives every box its row: the base's, or, where the base knows nothing of it, one
// made from the marker that names its mailbox, or a new one with a path of its own. A
// mailbox keeps the path it first got.
func (r *run) place(ctx context.Context) error {
	taken := map[string]bool{}
	r.owners = map[string]string{}
	for _, row := range r.rows {
		taken[row.Path] = true
		for _, g := range row.Generations {
			r.owners[g.Token] = state.RawKey(row.Raw)
		}
	}
	var fresh []*box
	for _, b := range r.boxes {
		for i := range r.rows {
			if state.RawKey(r.rows[i].Raw) == state.RawKey(b.listed.Raw) && r.rows[i].Role != state.RoleArchive {
				b.row = r.rows[i]
				b.row.Generations = slices.Clone(b.row.Generations)
			}
		}
		if b.row.Raw == "" {
			fresh = append(fresh, b)
		} else {
			r.takeUse(b)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	found, err := r.walk(ctx)
	if err != nil {
		return err
	}
	markers := r.marked(found, taken)
	for _, b := range fresh {
		f, marked := markers[state.RawKey(b.listed.Raw)]
		b.row = state.MailboxRow{Raw: b.listed.Raw, Sep: b.listed.Sep, Role: state.RoleMailbox, Use: f.Marker.Use, MailboxID: b.listed.MailboxID}
		r.takeUse(b)
		if marked {
			b.row.Path, b.row.Generations, b.refused = f.Path, generations(f.Marker), f.Err
			b.follows = f.Path != f.Marker.Path && f.Err == nil
			continue
		}
		b.unheard = true
		if b.row.Path = b.home; b.home == "" {
			b.row.Path = r.Tree.Place(b.listed.Levels, func(p string) bool { return taken[p] })
		}
		taken[b.row.Path] = true
	}
	return nil
}

// claim opens a box's Maildir and makes sure that it is the one it should be, or creates
// it, marker first. It leaves the box with a Maildir, a row in the base, the generation
// that the server's numbers belong to, and the answer to whether a missing file proves
// anything.
func (r *run) claim(ctx context.Context, b *box) error {
	known := b.row.ID != 0 || len(b.row.Generations) > 0
	md, err := r.Tree.Open(b.row.Path)
	if errors.Is(err, fs.ErrNotExist) && known {
		md, err = r.astray(ctx, b)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.begin(ctx, b)
	case err != nil:
		return err
	}
	b.md = md
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
		return fmt.Errorf("read marker of %q: %w", b.row.Path, err)
	}
	if err := r.check(b, m); err != nil {
		return err
	}
	return r.number(ctx, b, m)
}

// check compares a marker with what should be in its place.
func (r *run) check(b *box, m state.Marker) error {
	switch {
	case m.AccountID != r.row.ID:
		return state.Faultf(state.Storage, "the Maildir %q belongs to another account (%s at %s)", b.row.Path, m.User, m.Host).
			WithHint("give each account a maildir of its own")
	case b.follows:
	case m.Path != b.row.Path:
		return r.strayed(m, b.row.Path)
	case state.RawKey(m.Raw) != state.RawKey(b.row.Raw) || m.Role != state.RoleMailbox:
		return state.Faultf(state.Storage, "the Maildir %q belongs to the mailbox %q", b.row.Path, m.Raw).
			WithHint("move it back to %q", m.Path)
	}
	return nil
}

// begin makes a new Maildir, or claims one that holds nothing of ours: its marker is
// durable before the base knows of it, and before its first message.
func (r *run) begin(ctx context.Context, b *box) error {
	if b.server == nil {
		return notMounted("the Maildir %q is gone", b.row.Path)
	}
	b.row.Generations = append(b.row.Generations, state.Generation{
		Token: randomToken(), Mark: state.Mark{UIDValidity: b.server.Mark.UIDValidity}})
	setCurrent(&b.row, len(b.row.Generations)-1)
	b.records = nil
	b.fresh, b.proves = true, false
	if r.DryRun {
		return nil
	}
	return r.write(ctx, b)
}

// remark writes a vanished marker again, where the files of the Maildir are ours.
func (r *run) remark(ctx context.Context, b *box) error {
	disk, err := b.md.Scan(ctx, b.gen().Token, nil, state.NewKeywords(b.row.Keywords))
	if err != nil {
		return err
	}
	if len(disk.Messages) == 0 && !r.New {
		return notMounted("the Maildir %q holds neither a marker nor a message of ours", b.row.Path)
	}
	b.proves = false
	if r.DryRun {
		return nil
	}
	r.note(b.name, "the marker was gone and is written again; what is missing here is fetched again", "")
	// Forget the directories first: should this run break off, the next one finds a marker,
	// and must not take what is missing for removed.
	if err := r.commit(ctx, b, state.Commit{Disk: &state.DirMark{}, Clean: new(bool)}); err != nil {
		return err
	}
	return r.write(ctx, b)
}

// write creates what is missing of a Maildir, its marker last, and registers it.
func (r *run) write(ctx context.Context, b *box) error {
	if err := r.step("create %s", b.name); err != nil {
		return err
	}
	md, err := r.Tree.Create(b.row.Path, r.marker(b))
	if err != nil {
		return err
	}
	b.md = md
	return r.register(ctx, b)
}

// marker is what stands in a box's marker file, the current generation last.
func (r *run) marker(b *box) state.Marker {
	m := state.Marker{Format: state.MarkerFormat, AccountID: r.row.ID, Host: r.Host, User: r.User,
		Raw: b.row.Raw, Path: b.row.Path, Role: b.row.Role, Sep: b.row.Sep, Use: b.row.Use}
	for _, current := range []bool{false, true} {
		for _, g := range b.row.Generations {
			if g.Current == current {
				m.Generations = append(m.Generations, state.MarkerGeneration{UIDValidity: g.Mark.UIDValidity, Token: g.Token})
			}
		}
	}
	return m
}

// register makes the base know a box whose marker is durable. Before the account's
// first one, the root is remembered, so that it is missed should it be gone one day.
func (r *run) register(ctx context.Context, b *box) error {
	if r.DryRun || b.row.ID != 0 && b.gen().ID != 0 {
		return nil
	}
	mark, err := b.md.Mark()
	if err != nil {
		return err
	}
	b.gen().Disk = state.DirMark{CurIno: mark.CurIno, CurBtime: mark.CurBtime, NewIno: mark.NewIno}
	return r.save(ctx, b)
}

// save makes the base know a box as it is now.
func (r *run) save(ctx context.Context, b *box) error {
	if err := r.remember(ctx); err != nil {
		return err
	}
	if err := r.step("save mailbox %s", b.name); err != nil {
		return err
	}
	if err := r.Base.SaveMailbox(ctx, &b.row); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	b.useTold = false
	return nil
}

// remember registers the root and saves the account's row, once.
func (r *run) remember(ctx context.Context) error {
	r.turn.take()
	defer r.turn.give()
	if r.saved {
		return nil
	}
	if r.Remember != nil {
		if err := r.step("remember root"); err != nil {
			return err
		}
		if err := r.Remember(r.row.ID); err != nil {
			return fmt.Errorf("remember the root: %w", err)
		}
	}
	if err := r.saveAccount(ctx); err != nil {
		return err
	}
	r.saved = true
	return nil
}
