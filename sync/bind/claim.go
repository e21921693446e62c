package bind

import (
	"context"
	"crypto/rand"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Choose decides which generation a mailbox is in: the one it was in, one that the server
// returned to, or a new one. It changes neither side: Claim does.
func (r *Run) Choose(ctx context.Context, b *mailbox.Box) error {
	if b.MD == nil || b.Marker == nil && b.Gen() == nil {
		return r.enter(ctx, b, -1)
	}
	m := r.MarkerOf(b.Row)
	if b.Marker != nil {
		m = *b.Marker
	}
	if !r.Can.Uses && b.Row.Use == "" && m.Use != "" { // the server reports no uses, and the base is older than the marker, or lost
		b.Row.Use, b.Unsaved = m.Use, true
	}
	n := plan.Numbered{Known: b.Row.ID != 0, Other: b.OtherMailbox()}
	if g := b.Gen(); g != nil {
		n.Base = g.Token
	}
	if k := len(m.Generations); k > 0 {
		n.Marker = m.Generations[k-1].Token
	}
	if agreed := plan.Union(&b.Row, m); !agreed && n.Known || n.Other {
		b.Full = true
		if err := r.relist(ctx, b); err != nil {
			return err
		}
	}
	n.Generations, n.Server = b.Row.Generations, b.Server
	if n.Contradicted = !n.GoesOn(); n.Contradicted {
		if err := r.relist(ctx, b); err != nil {
			return err
		}
		n.Server = b.Server
	}
	n.Records = make([][]state.Record, len(n.Generations))
	for i := range n.Generations {
		if n.Asks(i) {
			var err error
			if n.Records[i], err = r.recordsOf(ctx, b, &n.Generations[i]); err != nil {
				return err
			}
		}
	}
	if index, enters := n.Elect(); enters {
		b.Entered, b.Anew = true, b.Row.ID != 0
		if b.Anew && b.Server != nil {
			r.Infof(b.Name, "numbered anew by the server (UIDVALIDITY %d): everything is compared, and nothing is deleted in this run", b.Server.Mark.UIDValidity)
		}
		return r.enter(ctx, b, index)
	}
	b.Fresh = plan.Unlearned(b.Gen())
	b.Proves = b.Row.ID != 0 && !b.Fresh
	if b.Row.MailboxID == "" && b.Listed.MailboxID != "" && b.Server != nil {
		b.Row.MailboxID, b.Unsaved = b.Listed.MailboxID, true
	}
	return nil
}

// recordsOf are what is known of the messages of a generation, by the base or by the names of its files.
func (r *Run) recordsOf(ctx context.Context, b *mailbox.Box, g *state.Generation) ([]state.Record, error) {
	if !plan.Unlearned(g) {
		return r.RecordsOf(ctx, g)
	}
	disk, err := b.MD.Scan(ctx, "", nil, b.KW)
	if err != nil {
		return nil, err
	}
	return plan.RecordsOfNames(disk.Foreign, g.Token), nil
}

// relist makes sure that the server's snapshot is one of everything.
func (r *Run) relist(ctx context.Context, b *mailbox.Box) error {
	if b.Server != nil && b.Server.All {
		return nil
	}
	b.Full = true
	return r.AskServer(ctx, b)
}

// enter makes the generation at an index the current one, or a new one where that is -1.
// Until a run is through with it, nothing that is missing here was removed by anybody. Its token has 50 bits: it has
// to be unique among one account's generations only.
func (r *Run) enter(ctx context.Context, b *mailbox.Box, index int) (err error) {
	if b.Server == nil { // nothing of it had changed on the server
		return port.NotMounted("the Maildir %q is gone", b.Row.Path)
	}
	plan.Enter(&b.Row, index, rand.Text()[:10], b.Server.Mark.UIDValidity)
	b.Row.MailboxID = b.Listed.MailboxID
	b.Fresh, b.Proves, b.Unsaved = true, false, true
	b.Records, err = r.RecordsOf(ctx, b.Gen())
	return err
}

// Claim makes a box's marker and then the base what was chosen. A marker is durable before the base knows of it, and
// before the first message of its generation.
func (r *Run) Claim(ctx context.Context, b *mailbox.Box) error {
	if r.DryRun {
		return nil
	}
	m := r.MarkerOf(b.Row)
	switch {
	case b.Marker == nil:
		if err := r.create(ctx, b, m); err != nil {
			return err
		}
	case b.Entered || plan.Outdated(*b.Marker, m):
		if err := r.Step("mark %s", b.Name); err != nil {
			return err
		}
		b.Wrote = true // what was scanned before has another marker
		if err := b.MD.SetMarker(m); err != nil {
			return err
		}
	}
	if g := b.Gen(); !b.Entered && (b.Row.ID == 0 || g.ID == 0) {
		mark, err := b.MD.Mark()
		if err != nil {
			return err
		}
		g.Disk = state.DirMark{CurIno: mark.CurIno, CurBtime: mark.CurBtime, NewIno: mark.NewIno}
		b.Unsaved = true
	}
	if !b.Unsaved {
		return nil
	}
	return r.save(ctx, b)
}

// takePath writes the name and the path that a Maildir has now into its marker and the base: no later run needs to find
// out again. A dry run only opens it.
func (r *Run) takePath(ctx context.Context, b *mailbox.Box) (port.Maildir, error) {
	md, err := r.Tree.Open(b.Row.Path)
	if err != nil || r.DryRun {
		return md, err
	}
	m, err := md.Marker()
	if err != nil {
		return nil, err
	}
	if err := r.Step("mark %s", b.Name); err != nil {
		return nil, err
	}
	m.Raw, m.Sep, m.Path = b.Row.Raw, b.Row.Sep, b.Row.Path
	if err := md.SetMarker(m); err != nil || b.Row.ID == 0 {
		return md, err
	}
	return md, r.save(ctx, b)
}

// create makes what is missing of a Maildir, its marker last.
func (r *Run) create(ctx context.Context, b *mailbox.Box, m state.Marker) error {
	if b.Row.ID != 0 && b.Gen().ID != 0 {
		// Forget the directories first: should this run be interrupted, the next one finds a marker,
		// and must not take what is missing for removed.
		if err := r.Commit(ctx, b, state.Commit{Change: state.Change{Disk: &state.DirMark{}, Clean: new(bool)}}); err != nil {
			return err
		}
	}
	if err := r.Step("create %s", b.Name); err != nil {
		return err
	}
	b.Wrote = true
	md, err := r.Tree.Create(b.Row.Path, m)
	if err == nil {
		r.Debugf(b.Name, "Maildir %q created", b.Row.Path)
	}
	if err == nil && b.MD == nil { // one that was scanned knows which names it is to make durable
		b.MD = md
	}
	return err
}

// MarkerOf is what the marker file of a mailbox should hold, the current generation last.
func (r *Run) MarkerOf(row state.MailboxRow) state.Marker {
	m := state.Marker{AccountID: r.Row.ID, Host: r.Host, User: r.User,
		Raw: row.Raw, Path: row.Path, Role: row.Role, Sep: row.Sep, Use: row.Use}
	for _, current := range []bool{false, true} {
		for _, g := range row.Generations {
			if g.Current == current {
				m.Generations = append(m.Generations, state.MarkerGeneration{UIDValidity: g.Mark.UIDValidity, Token: g.Token})
			}
		}
	}
	return m
}

// save makes the base know a box as it is now. Before the account's first one, the root is
// remembered, so that it is missed should it be gone one day.
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
	b.Unsaved = false
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
