package main

import (
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
