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

// Ledger is restore's own memory of what it put on a server.
type Ledger interface {
	// Sent returns what was sent to a mailbox with that UIDVALIDITY, in order.
	Sent(raw string, uidValidity uint32) []state.Sent
	// Intend notes what is about to be sent, durably, and gives each its ID.
	Intend([]state.Sent) error
	// Settle notes the UIDs that it got, durably; 0: it was not stored.
	Settle([]state.Sent) error
}
