package report

import (
	"fmt"
	"strings"
)

// Proof says of every message that the server has where it is: the object "proof" of
// --json. What is here, outstanding, skipped, kept away, accepted and excluded adds up to
// the messages.
type Proof struct {
	Type              string `json:"type"`
	Account           string `json:"account"`
	Mailboxes         int    `json:"mailboxes"` // on the server
	Messages          int    `json:"messages"`
	Here              int    `json:"here"`
	Outstanding       int    `json:"outstanding"`
	Skipped           int    `json:"skipped"`   // larger than max_size
	KeptAway          int    `json:"kept_away"` // the user removed the file
	Accepted          int    `json:"accepted"`  // the user knows that they cannot be had
	Excluded          int    `json:"excluded"`  // in mailboxes that the run is not about
	ExcludedMailboxes int    `json:"excluded_mailboxes"`
	Uncounted         int    `json:"uncounted"` // of these mailboxes: the server did not tell how many messages they hold
}

// String is the proof for people.
func (p Proof) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "on the server %s in %s: %d here", Plural(p.Messages, "message"), Plural(p.Mailboxes, "mailbox"), p.Here)
	for _, part := range []struct {
		n    int
		what string
	}{{p.Outstanding, "outstanding"}, {p.Skipped, "skipped"}, {p.KeptAway, "kept away"}, {p.Accepted, "accepted"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, ", %d %s", part.n, part.what)
		}
	}
	if p.ExcludedMailboxes > 0 {
		fmt.Fprintf(&b, ", %d in %s left out", p.Excluded, Plural(p.ExcludedMailboxes, "mailbox"))
	}
	if p.Uncounted > 0 {
		fmt.Fprintf(&b, " (%d of them not counted)", p.Uncounted)
	}
	return b.String()
}
