package report

import "fmt"

// Proof says of every message that the server counted in this run where it is: the object
// "proof" of --json.
type Proof struct {
	Type      string `json:"type"`
	Account   string `json:"account"`
	Mailboxes int    `json:"mailboxes"` // on the server
	Messages  int    `json:"messages"`
	Census
	ExcludedMailboxes int `json:"excluded_mailboxes"`
	Uncounted         int `json:"uncounted"` // mailboxes: the server did not tell how many messages they hold
	UncountedIncluded int `json:"-"`         // of those: that the run is about
	// Unreadable mailboxes are on the server, too, under names that cannot be read. They are not
	// among the mailboxes, and what is in them is not among the messages.
	Unreadable int     `json:"unreadable_mailboxes"`
	Doubts     []Doubt `json:"doubts"` // never nil
}

// Census is the messages of a proof by where they are. But for the doubtful, which are here, they add up to all.
type Census struct {
	Here        int `json:"here"`
	Doubtful    int `json:"doubtful"` // of these: what came is not as long as the server announces
	Outstanding int `json:"outstanding"`
	Skipped     int `json:"skipped"`       // larger than max_size
	KeptAway    int `json:"kept_away"`     // the user removed the file
	Accepted    int `json:"accepted"`      // the user knows that they cannot be fetched
	NotLookedAt int `json:"not_looked_at"` // counted by the server, in mailboxes that failed or were not come to
	Excluded    int `json:"excluded"`      // in mailboxes that the run is not about
}

// Doubt is a message of which what is here may not be all.
type Doubt struct {
	Mailbox   string `json:"mailbox"`
	UID       uint32 `json:"uid"`
	Announced int64  `json:"announced"` // octets
	Came      int64  `json:"came"`
}

// String is the proof for people.
func (p Proof) String() string {
	text := fmt.Sprintf("on the server %s in %s%s: %d here", Plural(p.Messages, "message"), Plural(p.Mailboxes, "mailbox"),
		uncounted(p.UncountedIncluded), p.Here)
	if p.Doubtful > 0 {
		text += fmt.Sprintf(" (%d of them doubtful)", p.Doubtful)
	}
	text = counts(text, some{p.Outstanding, "outstanding"}, some{p.Skipped, "skipped"}, some{p.KeptAway, "kept away"},
		some{p.Accepted, "accepted"}, some{p.NotLookedAt, "not looked at"})
	if p.ExcludedMailboxes > 0 {
		text += fmt.Sprintf(", %d in %s left out%s", p.Excluded, Plural(p.ExcludedMailboxes, "mailbox"), uncounted(p.Uncounted-p.UncountedIncluded))
	}
	if p.Unreadable > 0 {
		text += fmt.Sprintf("; %s more could not be read, and how many messages they hold is not known", Plural(p.Unreadable, "mailbox"))
	}
	return text
}

// uncounted says of how many mailboxes nobody knows how many messages they hold; "" of none.
func uncounted(mailboxes int) string {
	if mailboxes == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of them not counted)", mailboxes)
}
