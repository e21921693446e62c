// Package tie finds out which file is which message: by its name, by what it holds, and by what the base remembers.
package tie

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// Run ties the files of a run to messages.
type Run struct{ *mailbox.Run }

// New returns the tying of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }

// Match finds, by what they hold, the files of a fresh box's messages; Carry gives them the identities
// that the messages have now. What is left is fetched; what is left of the
// candidates may still prove to be what is fetched. In a box that is not fresh only the bytes decide,
// once they were fetched, unless no listing was complete so far; files of mail programs are among the
// candidates only where an earlier run did not finish its fetching.
func (r *Run) Match(ctx context.Context, b *mailbox.Box) error {
	behind := lacksFiles(b) || slices.ContainsFunc(b.Records, func(rec state.Record) bool { return rec.Status == state.Outstanding })
	part := b.Gen().Compared == plan.InPart
	if b.MD == nil || !b.Fresh && !part && !behind && !newcomers(b) {
		return nil
	}
	var err error
	b.Tie.Seeks = true
	b.Tie.Candidates, err = r.findCandidates(ctx, b)
	if !b.Fresh && !part && !behind {
		b.Tie.Candidates = slices.DeleteFunc(b.Tie.Candidates, func(s *mailbox.Candidate) bool { return s.Plain })
	}
	// A unique-id of POP3 identifies a message, and where it does not, only the bytes do.
	if err != nil || b.Server == nil || !b.Fresh && !part || byUniqueID(b) {
		return err
	}
	if len(b.Tie.Candidates) == 0 && len(b.Disk.Messages) == 0 {
		return nil
	}
	sought, own := sought(b)
	if len(sought) == 0 && len(own) == 0 {
		return nil
	}
	dates := map[int64]bool{}
	for _, s := range slices.Concat(sought, own) {
		dates[s.Date] = true
	}
	if err := r.identifyFiles(ctx, b, b.Tie.Candidates, dates); err != nil {
		return err
	}
	if sought, err = r.identify(ctx, b, sought, own); err != nil {
		return err
	}
	if err := r.tieOwn(b, own); err != nil {
		return err
	}
	b.Tie.Candidates = slices.DeleteFunc(b.Tie.Candidates, func(s *mailbox.Candidate) bool { return s.Used })
	plain := make([]match.Candidate, len(b.Tie.Candidates))
	for i, s := range b.Tie.Candidates {
		plain[i] = s.Candidate
	}
	for i, n := range match.Tie(sought, plain, true) {
		if n < 0 {
			continue
		}
		if err := r.choose(ctx, b, sought[i], b.Tie.Candidates[n]); err != nil {
			return err
		}
	}
	return nil
}

// choose notes which file, or which record of one, a message is.
func (r *Run) choose(ctx context.Context, b *mailbox.Box, s match.Sought, from *mailbox.Candidate) error {
	if from.Fileless {
		from.Used = true
		b.Tie.Tied = append(b.Tie.Tied, b.TiedRecord(s, from))
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	as, err := b.MD.Inspect(from.Name, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	from.Used = true
	as.UID, as.Variant, as.Token, as.Flags = s.UID, 1, b.Gen().Token, from.Flags
	if s.Date != state.NoDate {
		as.Date = s.Date
	}
	as.Confirmed = as.Confirmed && from.Size == s.Size
	tieTo(b, s, as, from)
	b.Tie.Renames = append(b.Tie.Renames, mailbox.NewName{From: b, Name: from.Name, As: as})
	return nil
}

// Carry gives files the identities of the messages that Match tied them to. What is to be committed is in Tied.
func (r *Run) Carry(ctx context.Context, b *mailbox.Box) error {
	if err := r.dropReplaced(ctx, b); err != nil {
		return err
	}
	if b.Tie.Seeks {
		b.Tie.Unclaimed = unclaimed(b)
	}
	var placed []state.Placed
	if !r.DryRun && len(b.Tie.Renames) > 0 {
		var err error
		if placed, err = r.Reidentify(b, b.Tie.Renames); err != nil {
			return err
		}
	}
	b.Disk = retagged(b.Disk, b.Tie.Renames, placed)
	if n := len(b.Tie.Tied); n > 0 {
		r.Note(b.Name, fmt.Sprintf("the server numbers its messages anew: %d of them are tied to what is here", n), "")
	}
	return nil
}

// lacksFiles reports whether files are missing that nobody removed: they may be here under
// another identity, where an earlier run that was to give them theirs was interrupted.
func lacksFiles(b *mailbox.Box) bool {
	return !b.Proves && slices.ContainsFunc(b.Records, func(rec state.Record) bool {
		return rec.Status.HasFile() && rec.Status.OnServer() && len(plan.FilesOf(b.Disk, rec.UID)) == 0
	})
}

// sought returns the messages on the server that no file here has the identity of, and
// those whose file has another size than the server reports.
func sought(b *mailbox.Box) (sought, own []match.Sought) {
	for _, m := range b.Server.Messages {
		i, known := b.Find(m.UID)
		s := match.Sought{UID: m.UID, Size: m.Size, Date: m.Date}
		files := plan.FilesOf(b.Disk, m.UID)
		switch {
		case len(files) > 0:
			if !known && plan.Other(files[0].Size, m.Size, -1) {
				own = append(own, s)
			}
		case known && (plan.Fileless(b.Records[i].Status) || b.Records[i].Status == state.Skipped),
			known && !b.Fresh && b.Records[i].Status != state.Outstanding:
		default:
			sought = append(sought, s)
		}
	}
	return sought, own
}

// identify asks the server for the Message-IDs of those of the sought messages that a file could
// be by its date, and of all of own. It returns what is sought, those without a Message-ID last.
func (r *Run) identify(ctx context.Context, b *mailbox.Box, sought, own []match.Sought) ([]match.Sought, error) {
	dates := map[int64]bool{}
	for _, s := range b.Tie.Candidates {
		if !s.Fileless && !s.Used {
			dates[s.Date] = true
		}
	}
	var near, rest []match.Sought
	for _, s := range sought {
		if dates[s.Date] {
			near = append(near, s)
		} else {
			rest = append(rest, s)
		}
	}
	for _, list := range [][]match.Sought{near, own} {
		if err := match.Identify(ctx, r.Server, b.Listed.Raw, b.Gen().Mark.UIDValidity, list); err != nil {
			return nil, fmt.Errorf("ask for Message-IDs: %w", err)
		}
	}
	return append(near, rest...), nil
}

// tieOwn settles the messages whose file has their identity and another size: an earlier
// run tied them by Message-ID and date, and was interrupted; or they were appended, and the server
// changed what it got, date and all.
func (r *Run) tieOwn(b *mailbox.Box, own []match.Sought) error {
	for _, s := range own {
		name, ok := b.FileOf(s.UID, 1)
		if !ok || s.MessageID == "" {
			continue
		}
		id, err := b.MD.Ident(name)
		if err != nil {
			return err
		}
		if id.MessageID != s.MessageID {
			continue
		}
		got, err := b.MD.Inspect(name, nil)
		if err != nil {
			return err
		}
		if id.Date != s.Date && got.Hints.Hash != "" {
			continue
		}
		tieTo(b, s, got, &mailbox.Candidate{})
	}
	return nil
}

// tieTo notes that a message is a file, which has or gets its identity.
func tieTo(b *mailbox.Box, s match.Sought, as state.Received, from *mailbox.Candidate) {
	m := b.ListedAs(s.UID)
	rec := state.Record{UID: s.UID, Variant: 1, Status: state.Live, Form: as.Form, Seen: m.Flags, Size: m.Size, Date: m.Date}
	rec.Status, rec.Tries = plan.Renumbered(from.Rec, m.Size, as)
	// As with any file that is adopted, what both have is agreed on: no flag is lost.
	rec.Agreed = m.Flags & state.Pick(b.Disk.Can, as.Flags, m.Flags)
	p := state.Proof{UID: s.UID, Digest: as.Digest, Bytes: as.Bytes}
	if from.Proof.UID != 0 && from.Proof.Digest == p.Digest {
		p.Fetched, p.EmailID = from.Proof.Fetched, from.Proof.EmailID
	}
	b.Tie.Tied = append(b.Tie.Tied, mailbox.Tied{Rec: rec, Proof: p})
}

// retagged is a snapshot in which files have the identities they were given since it was
// taken; placed is nil where that was only planned.
func retagged(d *state.DiskSnapshot, files []mailbox.NewName, placed []state.Placed) *state.DiskSnapshot {
	if len(files) == 0 {
		return d
	}
	now := *d
	now.Messages, now.Names = slices.Clone(d.Messages), slices.Clone(d.Names)
	old := map[string]bool{}
	for i, f := range files {
		old[f.Name] = true
		name, flags := f.Name, f.As.Flags
		if placed != nil {
			name, flags = placed[i].Name, placed[i].Flags
		}
		now.Messages = append(now.Messages, state.OnDisk{UID: f.As.UID, Variant: f.As.Variant, New: name[:4] == "new/",
			Flags: flags, Name: uint32(len(now.Names)), Size: f.As.Bytes})
		now.Names = append(append(now.Names, name...), 0)
	}
	slices.SortStableFunc(now.Messages, func(x, y state.OnDisk) int {
		return cmp.Or(cmp.Compare(x.UID, y.UID), cmp.Compare(x.Variant, y.Variant))
	})
	now.Foreign = slices.DeleteFunc(slices.Clone(d.Foreign), func(f state.Foreign) bool { return old[f.Name] })
	return &now
}
