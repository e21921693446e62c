package list

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// foundHere makes mailboxes on the server of Maildirs that mail programs made, if files
// that they put here are appended. A Maildir whose files carry tokens that are not of
// this account belongs to somebody else, or is a copy: it is left alone.
func (r *Run) foundHere(ctx context.Context, listing *state.Listing) error {
	if !r.Policy.Append || r.Partial || len(listing.Broken) > 0 {
		return nil
	}
	tokens := map[string]bool{"": true}
	for _, row := range r.Rows {
		for _, g := range row.Generations {
			tokens[g.Token] = true
		}
	}
	for _, f := range r.Found {
		for _, g := range f.Marker.Generations {
			tokens[g.Token] = true
		}
	}
	found, err := r.Tree.Unmarked(ctx)
	if err != nil {
		return fmt.Errorf("look for new Maildirs: %w", err)
	}
	sep := plan.SeparatorOf(listing)
	for _, f := range found {
		var by string
		f.Levels, by = plan.SpelledFor(f.Levels, sep, r.used(listing, found))
		name := plan.DisplayName(f.Levels)
		switch {
		case slices.ContainsFunc(r.Rows, func(row state.MailboxRow) bool { return row.Path == f.Path }):
		case f.Levels == nil:
			r.Note(f.Path, "a link, or a Maildir in a place where no mailbox has its own: it is left alone, and not appended",
				"move it out of the account's maildir, or to where a mailbox would have its Maildir")
		case r.Include != nil && !r.Include(state.Listed{Levels: f.Levels, Size: -1}):
		case r.hasMailbox(f, listing, name):
		default:
			if by != "" {
				r.Note(f.Path, fmt.Sprintf("the server parts the levels of a name with %q: there it is %q", sep, name), "")
			}
			if err := r.makeMailbox(ctx, f, name, tokens); err != nil {
				if err := r.Problem(name, 0, fmt.Errorf("make the mailbox on the server: %w", err)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hasMailbox reports whether there is a mailbox of a found Maildir's name. One that has no Maildir
// yet gets this one: the user wants them together, or a run that was interrupted when it had made the mailbox.
func (r *Run) hasMailbox(f state.Unmarked, listing *state.Listing, name string) bool {
	is := func(l state.Listed) bool { return !l.NoSelect && plan.DisplayName(l.Levels) == name }
	i := slices.IndexFunc(r.Boxes, func(b *mailbox.Box) bool { return is(b.Listed) })
	switch {
	case i >= 0 && r.Boxes[i].Home == "" && !r.hasMaildir(r.Boxes[i].Listed.Raw):
		r.Boxes[i].Home = f.Path
	case i >= 0 || slices.ContainsFunc(listing.Mailboxes, is):
		r.Note(f.Path, "the mailbox of this name has another Maildir: this one is left alone, and not appended",
			"move its messages there, and remove it; or move it out of the account's maildir")
	default:
		return false
	}
	return true
}

// used reports whether something else has a name: another Maildir that is found, or a mailbox
// that has mail or a Maildir. A mailbox that has neither was made by a run that was interrupted.
func (r *Run) used(listing *state.Listing, found []state.Unmarked) func([]string) bool {
	return func(levels []string) bool {
		return slices.ContainsFunc(found, func(f state.Unmarked) bool { return plan.SameLevels(f.Levels, levels) }) ||
			slices.ContainsFunc(r.Boxes, func(b *mailbox.Box) bool { return b.Home != "" && plan.SameLevels(b.Listed.Levels, levels) }) ||
			slices.ContainsFunc(listing.Mailboxes, func(l state.Listed) bool {
				return plan.SameLevels(l.Levels, levels) && (l.NoSelect || l.Mark.Exists > 0 || r.hasMaildir(l.Raw))
			})
	}
}

// hasMaildir reports whether a mailbox has a Maildir, as far as was looked.
func (r *Run) hasMaildir(raw string) bool {
	return slices.ContainsFunc(r.Rows, func(row state.MailboxRow) bool {
		return row.Role == state.RoleMailbox && state.SameName(row.Raw, raw)
	}) || slices.ContainsFunc(r.Found, func(f state.Found) bool {
		return f.Marker.Role == state.RoleMailbox && state.SameName(f.Marker.Raw, raw)
	})
}

// makeMailbox makes one mailbox of a Maildir that was found.
func (r *Run) makeMailbox(ctx context.Context, f state.Unmarked, name string, tokens map[string]bool) error {
	md, err := r.Tree.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone again
	}
	if err != nil {
		return err
	}
	disk, err := md.Scan(ctx, "", nil, state.NewKeywords(nil))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(disk.Foreign, func(f state.Foreign) bool { return !tokens[f.Token] }) {
		r.Note(name, "the Maildir holds messages of another account, or is a copy; it was left alone",
			"move it out of the account's maildir, or remove it")
		return nil
	}
	if r.DryRun {
		r.Note(name, "the mailbox would be created on the server", "")
		r.Foresee(name, plan.OpsOf(r.wouldBring(disk.Foreign)...), false)
		return nil
	}
	if err := r.Step("create mailbox %s", name); err != nil {
		return err
	}
	made, err := r.Server.CreateMailbox(ctx, f.Levels, "")
	if err != nil {
		return err
	}
	r.Infof(name, "mailbox created on the server")
	r.Boxes = append(r.Boxes, &mailbox.Box{Listed: made, Name: name, Bound: mailbox.Bound{Home: f.Path}})
	return nil
}

// wouldBring are the operations by which files get to a mailbox that is to be made: those of messages of
// other mailboxes move them.
func (r *Run) wouldBring(files []state.Foreign) (ops []plan.Op) {
	for _, f := range files {
		o := plan.Op{Kind: plan.OpAppend, Name: f.Name}
		for i := range r.Rows {
			if f.Token != "" && plan.HasToken(&r.Rows[i], f.Token) {
				o = plan.Op{Kind: plan.OpMove, UID: f.UID, Name: f.Name, From: r.Rows[i].Path}
			}
		}
		ops = append(ops, o)
	}
	return ops
}

// CheckForeign looks for other programs' mail in a root before a run. In one that is used for the first time (the
// base knows no account, and there is no marker) that mail would be fetched a
// second time beside it, and with append sent to the server that it came from: that is an error. With
// goOn these Maildirs are left alone instead, by this run and, where it is forGood, by all later ones;
// note reports that.
func CheckForeign(ctx context.Context, account state.AccountRow, tree port.Tree, goOn, forGood bool) (note string, err error) {
	if account.ID != "" {
		return "", nil
	}
	ours, err := tree.Find(ctx)
	if err != nil || len(ours) > 0 {
		return "", port.Wrap("look for Maildirs", err)
	}
	found, err := tree.Foreign(ctx)
	if err != nil {
		return "", port.Wrap("look for Maildirs", err)
	}
	switch {
	case messagesIn(found) == 0: // there is no message that could be doubled
		return "", nil
	case !goOn:
		return "", state.Faultf(state.Storage, "%s; nothing was fetched or appended", foreignText(found)).
			WithHint("give the account a maildir of its own; or \"mailsync sync --foreign\" (or backup), once, fetches all of it beside them, and never appends or changes them")
	}
	if err := tree.LeaveAlone(found, forGood); err != nil {
		return "", err
	}
	return foreignText(found) + "; they are left alone, now and in later runs", nil
}

func messagesIn(found []state.ForeignMaildir) (n int) {
	for _, f := range found {
		n += f.Messages
	}
	return n
}

// foreignText describes Maildirs, and names some of them.
func foreignText(found []state.ForeignMaildir) string {
	var at []string
	for _, f := range found { // first those with mail
		if f.Messages > 0 && len(at) < 2 {
			at = append(at, fmt.Sprintf("%q", f.Path))
		}
	}
	if len(found) > len(at) {
		at = append(at, "…")
	}
	maildirs, messages := "Maildirs", "messages"
	if len(found) == 1 {
		maildirs = "Maildir"
	}
	if messagesIn(found) == 1 {
		messages = "message"
	}
	return fmt.Sprintf("the maildir holds %d %s that mailsync did not make, with %d %s (%s)",
		len(found), maildirs, messagesIn(found), messages, strings.Join(at, ", "))
}
