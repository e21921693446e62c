package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
	engine "mailsync/sync"
)

// rootKnown asks the registry for the account's root. A known root that is gone, or
// holds neither state nor markers, is not mounted: nothing may be made in it, unless the
// user wants to start afresh.
func (r *accountRun) rootKnown(ctx context.Context, fresh bool) (bool, error) {
	if r.registry == nil {
		return false, nil
	}
	_, known, err := r.registry.Known(r.a.Maildir)
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
	found, err := files.Find(ctx)
	if err == nil && len(found) == 0 {
		err = notMounted("the Maildir root %s holds nothing of ours any more", r.a.Maildir)
	}
	return true, err
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
	note, err := engine.MeetForeign(ctx, account, h.tree, goOn, !r.flags.dryRun)
	if note != "" {
		r.told.Note("", note, "")
	}
	return err
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
