package port

import (
	"mailsync/state"
)

// Source is one Maildir whose mail is put on the server.
type Source struct {
	Name   string   // of the mailbox, as people call it
	Levels []string // the same, level by level
	Role   string   // of SPECIAL-USE; "" where it is not known
	// Maildir is nil where the mailbox is not restored: it counts only for which one has which role.
	Maildir Maildir
	Row     state.MailboxRow // what is recorded of it; zero for a bare Maildir
	// Shelf says that it is an archive, in which mail of several mailboxes may lie: only that of Row is
	// meant.
	Shelf bool
}
