package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/state"
	"mailsync/sync/list"
	"mailsync/sync/port"
)

// rootKnown asks the registry for the account's root. A known root that is gone, or
// holds neither state nor markers, is not mounted: nothing may be made in it, unless the
// user wants to start afresh.
func (r *accountRun) rootKnown(ctx context.Context, fresh bool) (bool, error) {
	known, err := r.known(r.a.Maildir)
	if err != nil || !known || fresh {
		return known, err
	}
	if _, err := os.Stat(r.a.Maildir); err != nil {
		return true, notMounted("the Maildir root %s is gone: %w", r.a.Maildir, err)
	}
	if _, err := os.Stat(filepath.Join(r.stateDir(), "state.db")); err == nil && r.a.StateDir == "" {
		return true, nil
	}
	files, closeFiles, err := openTree(r.layout(), r.a.Maildir, "", nil)
	if err != nil {
		return true, err
	}
	defer func() { _ = closeFiles() }() // it was only read
	return true, stillOurs(ctx, files, notMounted("the Maildir root %s holds nothing of ours any more", r.a.Maildir))
}

// known asks the registry whether a folder held mail of ours before.
func (r *accountRun) known(root string) (bool, error) {
	if r.registry == nil {
		return false, nil
	}
	_, known, err := r.registry.Known(root)
	return known, err
}

// stillOurs returns gone where a tree holds nothing of ours any more.
func stillOurs(ctx context.Context, tree port.Tree, gone error) error {
	found, err := tree.Find(ctx)
	if err == nil && len(found) == 0 {
		return gone
	}
	return err
}

func notMounted(format string, args ...any) error {
	return state.Faultf(state.Storage, format, args...).WithHint("not mounted? --new starts afresh")
}

// meetForeign keeps a first run off what other programs have put into the root, or, where it may
// go on, off their Maildirs.
func (r *accountRun) meetForeign(ctx context.Context, h *here, goOn bool) error {
	account, err := h.store.Account(ctx)
	if err != nil {
		return err
	}
	note, err := list.MeetForeign(ctx, account, h.tree, goOn, !r.flags.dryRun)
	if note != "" {
		r.told.Note("", note, "")
	}
	return err
}

// archiveFolder opens a folder of archives, or makes it. One that held archives of ours and is
// gone, or holds none any more, is not mounted. It is closed when the task is over.
func (r *accountRun) archiveFolder(root string, create bool) (port.Tree, error) {
	known, err := r.known(root)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(root)
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
	if known {
		err = stillOurs(context.Background(), tree, archiveGone(root, "holds nothing of ours any more"))
	}
	return tree, err
}

func archiveGone(root, what string) error {
	return state.Faultf(state.Storage, "the archive %s %s", root, what).
		WithHint("not mounted? else file into another folder")
}

// makeRoot makes a folder, with what is missing above it, as the disk seam makes folders:
// for the user alone, and durably.
func makeRoot(root string) error {
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(root)
	if parent == root {
		return &fs.PathError{Op: "mkdir", Path: root, Err: fs.ErrNotExist}
	}
	if err := makeRoot(parent); err != nil {
		return err
	}
	files, err := disk.OpenReal(parent)
	if err != nil {
		return err
	}
	err = files.Mkdir(filepath.Base(root))
	if errors.Is(err, fs.ErrExist) {
		err = nil // another run made it
	}
	if err == nil {
		err = files.SyncDir(".")
	}
	return errors.Join(err, files.Close())
}
