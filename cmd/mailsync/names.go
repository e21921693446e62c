package main

import (
	"context"
	"slices"
	"strings"

	"mailsync/backends/imap"
	"mailsync/backends/maildir"
	"mailsync/state"
)

// mailboxName is a mailbox's name as people read it, from what the state knows of it: its
// raw name decoded, without the prefix of a personal namespace, which its path does not
// have.
func (r *accountRun) mailboxName(row state.MailboxRow) string {
	return strings.Join(r.mailboxLevels(row), "/")
}

// mailboxLevels are the levels of that name.
func (r *accountRun) mailboxLevels(row state.MailboxRow) []string {
	levels := imap.NameOf(row.Raw, row.Sep)
	depth := strings.Count(row.Path, "/") + 1
	if r.layout() == maildir.PlusPlus {
		depth = max(1, strings.Count(row.Path, "."))
	}
	return levels[max(0, len(levels)-depth):]
}

// mailboxNames are the names of the mailboxes that the state knows; none where it cannot
// be read.
func (r *accountRun) mailboxNames() []string {
	rows, _ := r.recorded(context.Background())
	var names []string
	for _, row := range rows {
		if row.Role != state.RoleArchive {
			names = append(names, r.mailboxName(row))
		}
	}
	slices.Sort(names)
	return names
}
