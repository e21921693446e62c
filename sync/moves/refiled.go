package moves

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// giveBack gives files their identities again. It changes nothing but names, so no mailbox's plan
// is needed for it; the base knows before that the mailbox is not clean, for the names that an interrupted run leaves.
func (r *Run) giveBack(ctx context.Context, boxes []*mailbox.Box, files []match.Regained) error {
	of := map[*mailbox.Box][]mailbox.NewName{}
	for _, f := range files {
		b, as := boxes[f.Of.Side], f.File.Got
		moves(b, f.Of.Rec.UID) // until its name is read again
		if r.DryRun {
			b.Hold(f.File.File.Name)
			continue
		}
		as.UID, as.Variant, as.Token, as.Confirmed = f.Of.Rec.UID, max(1, f.Of.Rec.Variant), b.Gen().Token, f.Of.Proof.ByServer
		if f.Of.Rec.Date != state.NoDate {
			as.Date = f.Of.Rec.Date
		}
		of[b] = append(of[b], mailbox.NewName{From: b, Name: f.File.File.Name, As: as})
	}
	for _, b := range boxes {
		if len(of[b]) == 0 {
			continue
		}
		err := r.Commit(ctx, b, state.Commit{Change: state.Unclean()})
		if err == nil {
			if _, err = r.Reidentify(b, of[b]); err == nil {
				err = r.ReadDisk(ctx, b)
			}
		}
		if err != nil {
			b.Fail()
			if err := r.Problem(b.Name, 0, fmt.Errorf("give a file its name again: %w", err)); err != nil {
				return err
			}
			continue
		}
		for _, f := range of[b] {
			delete(b.Moves.UIDs, f.As.UID)
		}
	}
	return nil
}

// refiled finds the files that were moved under other names. It looks only where that matters: if
// files of other programs are appended, or the server's copy of a missing file would be deleted.
func (r *Run) refiled(ctx context.Context, boxes []*mailbox.Box, sides []match.Side) ([]match.Move, error) {
	if !r.Policy.Append && r.Policy.OnDiskDelete != plan.Delete {
		return nil, nil
	}
	var files []match.Unnamed
	for i, b := range boxes {
		if b.Failed || !sides[i].DiskScanned() {
			continue
		}
		for _, f := range b.Disk.Foreign {
			if f.Token == "" && !b.Sent.HeldBack[plan.Bare(f.Name)] {
				files = append(files, match.Unnamed{Side: i, File: f})
			}
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	gone, err := r.lost(ctx, boxes, sides)
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	read := files[:0]
	for _, u := range files {
		u.Got, err = boxes[u.Side].MD.Inspect(u.File.Name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a file that may have been moved: %w", err)
		}
		read = append(read, u)
	}
	renamed, moves := match.Refile(gone, read)
	return moves, r.giveBack(ctx, boxes, renamed)
}

// lost finds the messages that the server has and that have no file under its own name in any Maildir.
func (r *Run) lost(ctx context.Context, boxes []*mailbox.Box, sides []match.Side) (gone []match.Lost, err error) {
	a := match.NewAccount(sides)
	for i, b := range boxes {
		if b.Failed || !sides[i].DiskScanned() || !b.Disk.Complete {
			continue
		}
		var uids []state.UID
		var records []state.Record
		for _, rec := range sides[i].Base {
			expected := rec.Status.HasFile() && rec.Status != state.Released ||
				rec.Status == state.KeptAway && r.Policy.Append // by a run that did not append
			if !rec.Status.OnServer() || !expected || b.Moves.UIDs[rec.UID] {
				continue
			}
			if _, there := plan.NameIn(b.Disk, rec.UID, max(1, rec.Variant)); !there && len(a.Elsewhere[match.TokenOf(i, rec)]) == 0 {
				uids, records = append(uids, rec.UID), append(records, rec)
			}
		}
		if len(uids) == 0 {
			continue
		}
		proofs, err := r.Base.Proofs(ctx, b.Gen().ID, uids)
		if err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
		for _, rec := range records {
			if p, known := proofs[rec.UID]; known {
				gone = append(gone, match.Lost{Side: i, Rec: rec, Proof: p})
			}
		}
	}
	return gone, nil
}
