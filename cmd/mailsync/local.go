package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/state/store"
)

// local is where an account's mail and state lie here, and what the state knows of its mailboxes
// while nothing of it is open.
type local struct{ a *config.Account }

func (l local) layout() maildir.Layout {
	layout, _ := maildir.ParseLayout(l.a.Layout) // the configuration takes no other
	return layout
}

func (l local) stateDir() string {
	if l.a.StateDir != "" {
		return l.a.StateDir
	}
	return filepath.Join(l.a.Maildir, l.layout().StateDir())
}

// recorded are the mailboxes that the state knows now, read without the account's lock.
func (l local) recorded(ctx context.Context) (rows []state.MailboxRow, err error) {
	store, err := store.OpenReadOnly(l.stateDir())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Mailboxes(ctx)
}

// mailboxName is a mailbox's name as people read it, from what the state knows of it: its
// raw name decoded, without the prefix of a personal namespace, which its path does not
// have.
func (l local) mailboxName(row state.MailboxRow) string {
	return strings.Join(l.mailboxLevels(row), "/")
}

// mailboxLevels are the levels of that name.
func (l local) mailboxLevels(row state.MailboxRow) []string {
	levels := imap.NameOf(row.Raw, row.Sep)
	depth := strings.Count(row.Path, "/") + 1
	if l.layout() == maildir.PlusPlus {
		depth = max(1, strings.Count(row.Path, "."))
	}
	return levels[max(0, len(levels)-depth):]
}

// mailboxNames are the names of the mailboxes that the state knows; none where it cannot
// be read.
func (l local) mailboxNames() []string {
	rows, _ := l.recorded(context.Background())
	var names []string
	for _, row := range rows {
		if row.Role != state.RoleArchive {
			names = append(names, l.mailboxName(row))
		}
	}
	slices.Sort(names)
	return names
}
