package report

import (
	"fmt"
	"strings"
	"time"
)

// Archive is what an archive run would let go, or let go: the object "archive" of --json.
type Archive struct {
	Type      string           `json:"type"`
	Account   string           `json:"account"`
	Applied   bool             `json:"applied"` // it was done; else this is the plan
	Mailboxes []ArchiveMailbox `json:"mailboxes"`
	Messages  int              `json:"messages"` // to go; of all but what stays and the trash, copies of one are one
	Bytes     int64            `json:"bytes"`    // that frees
	// ToTrash: the server cannot expunge single messages. They are moved to its trash, and
	// nothing is freed.
	ToTrash      bool  `json:"to_trash"`
	MovedToTrash int   `json:"moved_to_trash"` // messages that were moved to the server's trash, and lie there
	Gone         int   `json:"gone"`           // messages that went
	Freed        int64 `json:"freed"`          // octets of those
	Stay         int   `json:"stay"`           // messages that were to go and did not
	Before       *Room `json:"quota_before"`
	After        *Room `json:"quota_after"` // of a plan: as it would be
}

// ArchiveMailbox is what goes from one mailbox.
type ArchiveMailbox struct {
	Mailbox  string    `json:"mailbox"`
	Messages int       `json:"messages"`
	Bytes    int64     `json:"bytes"`
	Oldest   time.Time `json:"oldest"`
	Newest   time.Time `json:"newest"`
}

// Room is how much of its quota an account uses.
type Room struct {
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"`
}

// String is a quota for people, and how full it is.
func (q Room) String() string {
	percent := 0.0
	if q.Limit > 0 {
		percent = 100 * float64(q.Used) / float64(q.Limit)
	}
	return fmt.Sprintf("%s of %s (%.1f%%)", Size(max(0, q.Used)), Size(q.Limit), max(0, percent))
}

// Archived tells what an archive run is about: what goes from each mailbox as lines of
// their own, the sum in the account's line.
func (a *Account) Archived(v Archive) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	v.Type, v.Account = "archive", a.name
	if v.Mailboxes == nil {
		v.Mailboxes = []ArchiveMailbox{}
	}
	var lines []string
	for i := range v.Mailboxes {
		m := &v.Mailboxes[i]
		m.Mailbox = clean(m.Mailbox)
		if !v.Applied {
			lines = append(lines, place(a.name, m.Mailbox, 0)+m.String())
		}
	}
	r.result(v, lines...)
	a.words.did = v.String()
}

// String is a mailbox's part for people.
func (m ArchiveMailbox) String() string {
	const day = "2006-01-02"
	return fmt.Sprintf("%s, %s, from %s to %s", Plural(m.Messages, "message"), Size(m.Bytes), m.Oldest.UTC().Format(day), m.Newest.UTC().Format(day))
}

// String is the sum for people.
func (v Archive) String() string {
	parts := []string{v.sum()}
	switch {
	case !v.Applied:
		parts = append(parts, "nothing done without --apply")
	case v.Stay > 0:
		parts = append(parts, fmt.Sprintf("%d stay", v.Stay))
	}
	switch {
	case v.Before == nil:
	case v.After == nil:
		parts = append(parts, "quota "+v.Before.String())
	case v.Applied && v.After.Used >= v.Before.Used && v.Gone+v.MovedToTrash > 0:
		parts = append(parts, fmt.Sprintf("quota %s before, %s after: it did not fall", v.Before, v.After))
	case v.Applied:
		parts = append(parts, fmt.Sprintf("quota %s before, %s after", v.Before, v.After))
	default:
		parts = append(parts, fmt.Sprintf("quota %s now, %s then", v.Before, v.After))
	}
	return strings.Join(parts, "; ")
}

// sum is how much goes or went, and what that frees.
func (v Archive) sum() string {
	const why = "the server cannot expunge single messages (it has no UIDPLUS), so empty its trash there"
	switch {
	case !v.Applied && v.ToTrash && v.Messages > 0:
		var size int64
		for _, m := range v.Mailboxes {
			size += m.Bytes
		}
		return fmt.Sprintf("%s would be moved to the server's trash, %s, which frees nothing: %s", Plural(v.Messages, "message"), Size(size), why)
	case !v.Applied:
		return fmt.Sprintf("%s would go, %s", Plural(v.Messages, "message"), Size(v.Bytes))
	case v.MovedToTrash > 0 && v.ToTrash:
		return fmt.Sprintf("%s archived and moved to the server's trash, %s freed: %s", Plural(v.MovedToTrash, "message"), Size(v.Freed), why)
	}
	text := fmt.Sprintf("%s archived, %s freed", Plural(v.Gone, "message"), Size(v.Freed))
	if v.MovedToTrash > 0 {
		text += fmt.Sprintf("; %d archived and still in the server's trash, so empty that there", v.MovedToTrash)
	}
	return text
}
