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
	Messages  int              `json:"messages"` // to go
	Bytes     int64            `json:"bytes"`    // that frees, copies of one message counted once
	Gone      int              `json:"gone"`     // messages that went
	Freed     int64            `json:"freed"`    // octets of those
	Stay      int              `json:"stay"`     // messages that were to go and did not
	Before    *Room            `json:"quota_before"`
	After     *Room            `json:"quota_after"` // of a plan: as it would be
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
	for i := range v.Mailboxes {
		v.Mailboxes[i].Mailbox = clean(v.Mailboxes[i].Mailbox)
	}
	switch {
	case r.opts.JSON:
		r.json(v)
	case !r.opts.Quiet && !v.Applied:
		for _, m := range v.Mailboxes {
			r.out(place(a.name, m.Mailbox, 0) + m.String())
		}
	}
	a.did = v.String()
}

// String is a mailbox's part for people.
func (m ArchiveMailbox) String() string {
	const day = "2006-01-02"
	return fmt.Sprintf("%s, %s, from %s to %s", Plural(m.Messages, "message"), Size(m.Bytes), m.Oldest.UTC().Format(day), m.Newest.UTC().Format(day))
}

// String is the sum for people.
func (v Archive) String() string {
	var parts []string
	if v.Applied {
		parts = append(parts, fmt.Sprintf("%s archived, %s freed", Plural(v.Gone, "message"), Size(v.Freed)))
		if v.Stay > 0 {
			parts = append(parts, fmt.Sprintf("%d stay", v.Stay))
		}
	} else {
		parts = append(parts, fmt.Sprintf("%s would go, %s; nothing done without --apply", Plural(v.Messages, "message"), Size(v.Bytes)))
	}
	switch {
	case v.Before == nil:
	case v.After == nil:
		parts = append(parts, "quota "+v.Before.String())
	case v.Applied && v.After.Used >= v.Before.Used && v.Gone > 0:
		parts = append(parts, fmt.Sprintf("quota %s before, %s after: it did not fall", v.Before, v.After))
	case v.Applied:
		parts = append(parts, fmt.Sprintf("quota %s before, %s after", v.Before, v.After))
	default:
		parts = append(parts, fmt.Sprintf("quota %s now, %s then", v.Before, v.After))
	}
	return strings.Join(parts, "; ")
}
