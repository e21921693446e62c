package shelf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// shelved is a message that lies in an archive, as the name of its file says.
type shelved struct {
	file state.Foreign
	to   state.Departure
}

// Recall gives a mailbox of which the base knows no message the records of those that
// lie in the configured archive: they are not to be fetched or archived again. Without a
// base that is all that tells of them.
func (r *Run) Recall(ctx context.Context, b *mailbox.Box) error {
	if r.Release == nil || r.Release.Into == nil || len(b.Records) > 0 || b.Gen() == nil {
		return nil
	}
	known, err := r.index(ctx)
	if err != nil {
		return err
	}
	var c state.Commit
	mine := slices.Clone(known[b.Gen().Token])
	slices.SortFunc(mine, func(x, y shelved) int { return cmp.Compare(x.file.UID, y.file.UID) })
	for i, s := range mine {
		if i > 0 && s.file.UID == mine[i-1].file.UID {
			continue
		}
		c.Put = append(c.Put, state.Record{UID: s.file.UID, Variant: s.file.Variant, Status: state.Archived, Size: s.file.Size, Date: state.NoDate})
		c.Leave = append(c.Leave, s.to)
	}
	if r.DryRun {
		b.Records = plan.Apply(b.Records, c.Put, nil)
		return nil
	}
	return r.Commit(ctx, b, c)
}

// index reads the names in every archive of the account, once a run, by the tokens in them.
func (r *Run) index(ctx context.Context) (map[string][]shelved, error) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	if r.indexed != nil {
		return r.indexed, nil
	}
	index := map[string][]shelved{}
	root := r.Release.Into.Root
	tree, err := r.ShelfTree(root, false)
	if errors.Is(err, fs.ErrNotExist) {
		r.indexed = index
		return index, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := tree.Find(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for archives in %s: %w", root, err)
	}
	for _, f := range found {
		if f.Err != nil {
			return nil, f.Err
		}
		if f.Marker.Role != state.RoleArchive || f.Marker.AccountID != r.Row.ID {
			continue
		}
		md, err := tree.Open(f.Path)
		if err != nil {
			return nil, err
		}
		disk, err := md.Scan(ctx, "", nil, &state.Keywords{})
		if err != nil {
			return nil, err
		}
		for _, file := range disk.Foreign {
			if file.Token != "" && file.UID != 0 {
				to := state.Departure{UID: file.UID, Root: root, Path: f.Path}
				index[file.Token] = append(index[file.Token], shelved{file, to})
			}
		}
	}
	r.indexed = index
	return index, nil
}
