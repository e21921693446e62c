package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/list"
	"mailsync/sync/port"
)

// local is where an account's mail and state are here, and what the state knows of its mailboxes
// while it is not open.
type local struct{ a *config.Account }

func (l local) stateDir() string {
	return cmp.Or(l.a.StateDir, filepath.Join(l.a.Maildir, l.a.MaildirLayout().StateDir()))
}

// recorded are the mailboxes that the state knows, read without the account's lock.
func (l local) recorded(ctx context.Context) (rows []state.MailboxRow, err error) {
	store, err := store.OpenReadOnly(l.stateDir())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Mailboxes(ctx)
}

// mailboxName is a mailbox's name for people: its raw name decoded, without the prefix of a
// personal namespace, which its path does not have either.
func (l local) mailboxName(row state.MailboxRow) string {
	return strings.Join(l.mailboxLevels(row), "/")
}

// mailboxLevels are the levels of that name.
func (l local) mailboxLevels(row state.MailboxRow) []string {
	levels := imap.NameOf(row.Raw, row.Sep)
	depth := strings.Count(row.Path, "/") + 1
	if l.a.MaildirLayout() == maildir.PlusPlus {
		depth = max(1, strings.Count(row.Path, "."))
	}
	return levels[max(0, len(levels)-depth):]
}

// mailboxNames are the names of the mailboxes of a role that the state knows; none where it cannot be read.
func (l local) mailboxNames(role string) (names []string) {
	rows, _ := l.recorded(context.Background())
	for _, row := range rows {
		if row.Role == role {
			names = append(names, l.mailboxName(row))
		}
	}
	return names
}

// rootKnown asks the registry for the account's root. A known root that is gone, or holds neither
// state nor markers, is not mounted: nothing may be made in it, unless the user starts it again
// from nothing.
func (r *accountRun) rootKnown(ctx context.Context, fresh bool) (bool, error) {
	known, err := r.known(r.a.Maildir)
	if err != nil || !known || fresh {
		return known, err
	}
	if _, err := os.Stat(r.a.Maildir); err != nil {
		return true, port.NotMounted("the Maildir root %s is gone: %w", r.a.Maildir, err)
	}
	if _, err := os.Stat(filepath.Join(r.stateDir(), "state.db")); err == nil && r.a.StateDir == "" {
		return true, nil
	}
	files, closeFiles, err := openTree(r.a.MaildirLayout(), r.a.Maildir, "", nil, r.ended)
	if err != nil {
		return true, err
	}
	defer func() { _ = closeFiles() }() // it was only read
	return true, stillOurs(ctx, files, port.NotMounted("the Maildir root %s no longer holds anything of mailsync", r.a.Maildir))
}

// known asks the registry whether a folder held mail of ours before.
func (r *accountRun) known(root string) (bool, error) {
	if r.registry == nil {
		return false, nil
	}
	_, known, err := r.registry.Known(root)
	return known, err
}

// stillOurs returns gone where a tree no longer holds anything of ours.
func stillOurs(ctx context.Context, tree port.Tree, gone error) error {
	found, err := tree.Find(ctx)
	if err == nil && len(found) == 0 {
		return gone
	}
	return err
}

// meetForeign stops a first run at Maildirs of other programs in the root, or, where it may go
// on, notes that they are left alone.
func (r *accountRun) meetForeign(ctx context.Context, h *here, goOn bool) error {
	account, err := h.store.Account(ctx)
	if err != nil {
		return err
	}
	note, err := list.CheckForeign(ctx, account, h.tree, goOn, !r.flags.dryRun)
	if note != "" {
		r.out.Note("", note, "")
	}
	return err
}

// archiveFolder opens an archive folder, or makes it. One that held archives of ours and is gone,
// or holds none now, is not mounted. It is closed when the task is over.
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
			return nil, unusable("archive.into", err)
		}
	case err != nil:
		return nil, err
	}
	tree, closeTree, err := openTree(maildir.FS, root, "", nil, r.ended)
	if err != nil {
		return nil, err
	}
	r.later(closeTree)
	if known {
		err = stillOurs(context.Background(), tree, archiveGone(root, "no longer holds anything of mailsync"))
	}
	return tree, err
}

func archiveGone(root, what string) error {
	return state.Faultf(state.Storage, "the archive %s %s", root, what).
		WithHint("is it mounted? else choose another folder")
}

// makeRoot makes a folder and its missing parents, durably and for the user alone, as package disk
// does.
func makeRoot(root string) error {
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "open", Path: root, Err: syscall.ENOTDIR}
	}
	if !errors.Is(err, fs.ErrNotExist) {
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
