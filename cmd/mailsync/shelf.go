package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"mailsync/backends/maildir"
	"mailsync/state"
	engine "mailsync/sync"
)

// shelf opens a folder of archives, or makes it. One that held archives of ours and is
// gone, or holds none any more, is not mounted. It is closed when the task is over.
func (r *accountRun) shelf(root string, create bool) (engine.Tree, error) {
	known := false
	if r.registry != nil {
		var err error
		if _, known, err = r.registry.Known(root); err != nil {
			return nil, err
		}
	}
	_, err := os.Stat(root)
	switch gone := errors.Is(err, fs.ErrNotExist); {
	case gone && known:
		return nil, archiveGone(root, "is gone")
	case gone && create:
		if err := makeRoot(root); err != nil {
			return nil, state.Faultf(state.Storage, "make archive: %w", err)
		}
	case err != nil:
		return nil, err
	}
	tree, closeTree, err := openTree(maildir.FS, root, "", nil)
	if err != nil {
		return nil, err
	}
	r.later(closeTree)
	if !known {
		return tree, nil
	}
	found, err := tree.Find(context.Background())
	if err == nil && len(found) == 0 {
		err = archiveGone(root, "holds nothing of ours any more")
	}
	return tree, err
}

func archiveGone(root, what string) error {
	return state.Faultf(state.Storage, "the archive %s %s", root, what).
		WithHint("not mounted? else file into another folder")
}
