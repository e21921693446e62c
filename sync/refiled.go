package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
)

// A program that moves a file to another Maildir, or only marks it as read, may give it a name of its own, as mu4e
// does if it is told to. Then nothing in the name says whose message it is; its bytes do. Taken for new
// mail it would be sent a second time, with its keyword letters read as those of the new place.

// lost is a message whose file is nowhere, and what its bytes were.
type lost struct {
	side  int
	rec   state.Record
	proof state.Proof
}

// unnamed is a file that carries nobody's token, and what its bytes are.
type unnamed struct {
	side int
	file state.Foreign
	got  state.Received
}

// refile pairs messages whose files are gone with files of the same bytes, each used once: those of the
// same Maildir first, which only have another name now, then those that were moved. It is a pure function.
func refile(gone []lost, files []unnamed) (renamed []regained, moves []Move) {
	type bytes struct {
		digest [state.DigestSize]byte
		octets int64
	}
	with := map[bytes][]int{} // places in gone
	for i, l := range gone {
		k := bytes{l.proof.Digest, l.proof.Bytes}
		with[k] = append(with[k], i)
	}
	taken := make([]bool, len(files))
	for _, same := range []bool{true, false} {
		for n, u := range files {
			k := bytes{u.got.Digest, u.got.Bytes}
			at := slices.IndexFunc(with[k], func(i int) bool { return (gone[i].side == u.side) == same })
			if taken[n] || at < 0 {
				continue
			}
			l := gone[with[k][at]]
			with[k], taken[n] = slices.Delete(with[k], at, at+1), true
			if same {
				renamed = append(renamed, regained{l, u})
				continue
			}
			f := lying{in: u.side, name: u.file.Name, of: tokenOf(l.side, l.rec), flags: u.file.Flags, letters: u.file.Letters, silent: u.file.Silent, newName: true}
			moves = append(moves, Move{From: l.side, To: u.side, UID: l.rec.UID, Sure: true, In: u.side, Name: u.file.Name, file: f})
		}
	}
	return renamed, moves
}

// regained is a file that gets the identity back which another program took from its name.
type regained struct {
	of   lost
	file unnamed
}

// giveBack gives files their identities again. It changes nothing but names, so no mailbox's plan
// is needed for it; that it is under way is in the base before, for the names that a broken run leaves.
func (r *run) giveBack(ctx context.Context, boxes []*box, files []regained) error {
	of := map[*box][]newName{}
	for _, f := range files {
		b, as := boxes[f.of.side], f.file.got
		b.moves(f.of.rec.UID) // until its name is read again
		if r.DryRun {
			b.hold(f.file.file.Name)
			continue
		}
		as.UID, as.Variant, as.Token, as.Vouched = f.of.rec.UID, max(1, f.of.rec.Variant), b.gen().Token, f.of.proof.ByServer
		if f.of.rec.Date != state.NoDate {
			as.Date = f.of.rec.Date
		}
		of[b] = append(of[b], newName{from: b, name: f.file.file.Name, as: as})
	}
	for _, b := range boxes {
		if len(of[b]) == 0 {
			continue
		}
		err := r.commit(ctx, b, state.Commit{Clean: new(bool)})
		if err == nil {
			if _, err = r.reidentify(ctx, b, of[b]); err == nil {
				err = r.readDisk(ctx, b)
			}
		}
		if err != nil {
			b.failed, b.undone = true, true
			if err := r.problem(b.name, 0, fmt.Errorf("give a file its name again: %w", err)); err != nil {
				return err
			}
			continue
		}
		for _, f := range of[b] {
			delete(b.moving, f.as.UID)
		}
	}
	return nil
}

// refiled finds the files that were moved under other names. It looks only where something hangs on it: where
// files of other programs are appended, and where the server's copy of a missing file would go.
func (r *run) refiled(ctx context.Context, boxes []*box, sides []Side) ([]Move, error) {
	if !r.Policy.Append && r.Policy.OnDiskDelete != Delete {
		return nil, nil
	}
	var files []unnamed
	for i, b := range boxes {
		if b.failed || !sides[i].diskSaid() {
			continue
		}
		for _, f := range b.disk.Foreign {
			if f.Token == "" && !b.held[bare(f.Name)] {
				files = append(files, unnamed{side: i, file: f})
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
		u.got, err = boxes[u.side].md.Inspect(u.file.Name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a file that may have been moved: %w", err)
		}
		read = append(read, u)
	}
	renamed, moves := refile(gone, read)
	return moves, r.giveBack(ctx, boxes, renamed)
}

// lost finds the messages that the server has and whose files are in no Maildir under their own names.
func (r *run) lost(ctx context.Context, boxes []*box, sides []Side) (gone []lost, err error) {
	a := newAccount(sides)
	for i, b := range boxes {
		if b.failed || !sides[i].diskSaid() || !b.disk.Complete {
			continue
		}
		var uids []state.UID
		var records []state.Record
		for _, rec := range sides[i].Base {
			expected := rec.Status.HasFile() && rec.Status != state.Released ||
				rec.Status == state.KeptAway && r.Policy.Append // by a run that did not append
			if !rec.Status.OnServer() || !expected || b.moving[rec.UID] {
				continue
			}
			if _, there := nameIn(b.disk, rec.UID, max(1, rec.Variant)); !there && len(a.elsewhere[tokenOf(i, rec)]) == 0 {
				uids, records = append(uids, rec.UID), append(records, rec)
			}
		}
		if len(uids) == 0 {
			continue
		}
		proofs, err := r.Base.Proofs(ctx, b.gen().ID, uids)
		if err != nil {
			return nil, fmt.Errorf("read state: %w", err)
		}
		for _, rec := range records {
			if p, known := proofs[rec.UID]; known {
				gone = append(gone, lost{i, rec, p})
			}
		}
	}
	return gone, nil
}
