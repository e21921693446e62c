package report

import (
	"fmt"
	"strings"
	"time"
)

// Summary is how one account's run ended: the object "account" of --json.
type Summary struct {
	Type            string    `json:"type"`
	Account         string    `json:"account"`
	Protocol        string    `json:"protocol"`
	Status          string    `json:"status"` // "ok", "partial" or "failed"
	Mailboxes       int       `json:"mailboxes"`
	Unchanged       int       `json:"unchanged"`
	Fetched         int       `json:"fetched"`
	FetchedBytes    int64     `json:"fetched_bytes"`
	Appended        int       `json:"appended"`
	FlagsToDisk     int       `json:"flags_to_disk"`
	FlagsToServer   int       `json:"flags_to_server"`
	DeletedOnDisk   int       `json:"deleted_on_disk"`
	DeletedOnServer int       `json:"deleted_on_server"`
	MovedOnDisk     int       `json:"moved_on_disk,omitempty"`   // to another Maildir, as on the server
	MovedOnServer   int       `json:"moved_on_server,omitempty"` // to another mailbox, as on disk
	MovedToTrash    int       `json:"moved_to_trash,omitempty"`  // to be deleted on the server, which can only move it to its trash
	Undeletable     int       `json:"cannot_delete,omitempty"`   // to be deleted on a POP3 server, which does not do it
	OnServer        int       `json:"on_server"`
	Here            int       `json:"here"`
	Outstanding     int       `json:"outstanding"`
	Commands        int64     `json:"commands"`
	Seconds         float64   `json:"seconds"`
	Errors          []Problem `json:"errors"` // never nil

	// DryRun: nothing was done.
	DryRun bool `json:"-"`
	// Unlooked are mailboxes that the run did not look at, NotLookedAt messages that the server
	// only told the number of, Uncounted mailboxes of which it told not even that.
	Unlooked    int `json:"-"`
	NotLookedAt int `json:"-"`
	Uncounted   int `json:"-"`
	// MovedBack are messages that an undo moved back from the server's trash.
	MovedBack int `json:"-"`
	// Line stands in place of the line that tells what a run did, "" where that is to be told.
	Line string `json:"-"`

	proof *Proof
	did   string // what was done, in the words of the command
	// unknown: how much of the server's mail is here
	unknown bool
}

// Problem is one failure.
type Problem struct {
	Mailbox string `json:"mailbox"` // "" for the account
	UID     uint32 `json:"uid"`     // 0 for the mailbox
	Error   string `json:"error"`
	Hint    string `json:"hint"`
	Told    bool   `json:"-"` // as a result of its own
}

// String is the summary in one line, for people.
func (s Summary) String() string {
	var b strings.Builder
	b.WriteString(clean(s.Account) + ": ")
	if s.Line != "" {
		return b.String() + s.Line
	}
	if s.Status != "ok" {
		b.WriteString(s.Status + ", ")
	}
	b.WriteString(s.done())
	if s.proof != nil {
		b.WriteString("; " + s.proof.String())
	} else if s.Mailboxes > 0 && !s.unknown {
		b.WriteString("; " + s.where())
	}
	if s.Undeletable > 0 {
		b.WriteString("; " + s.Stays())
	}
	if n := s.untold(); n > 0 {
		b.WriteString("; " + Plural(n, "problem"))
	}
	fmt.Fprintf(&b, " (%s)", Seconds(time.Duration(s.Seconds*float64(time.Second))))
	return b.String()
}

// untold counts the problems that are not told as results.
func (s Summary) untold() int {
	n := 0
	for _, p := range s.Errors {
		if !p.Told {
			n++
		}
	}
	return n
}

// Stays says what was to be deleted on the server and cannot be.
func (s Summary) Stays() string {
	return fmt.Sprintf("%d cannot be deleted on the server", s.Undeletable)
}

func (s Summary) done() string {
	if s.did != "" {
		return s.did
	}
	if s.DryRun {
		return "dry run, nothing done"
	}
	var did []string
	add := func(n int, what string) {
		if n > 0 {
			did = append(did, fmt.Sprintf("%d %s", n, what))
		}
	}
	if s.Fetched > 0 {
		did = append(did, fmt.Sprintf("%d fetched (%s)", s.Fetched, Size(s.FetchedBytes)))
	}
	add(s.Appended, "appended")
	add(s.FlagsToDisk, "flagged here")
	add(s.FlagsToServer, "flagged on the server")
	add(s.MovedOnDisk, "moved here")
	add(s.MovedOnServer, "moved on the server")
	add(s.DeletedOnDisk, "deleted here")
	add(s.DeletedOnServer, "deleted on the server")
	add(s.MovedToTrash, "moved to the server's trash")
	add(s.MovedBack, "moved back from the server's trash")
	switch {
	case len(did) > 0:
		return strings.Join(did, ", ")
	case s.Status == "ok":
		return "nothing to do"
	}
	return "nothing done"
}

// where says how much of the server's mail is here. Some of what is here may be on the
// server no more, so that both numbers say little about each other without the third. Where the
// run looked at nothing it says nothing of what is here.
func (s Summary) where() string {
	mailboxes := Plural(s.Mailboxes, "mailbox") + uncounted(s.Uncounted)
	if s.Unlooked == s.Mailboxes && s.Outstanding == 0 {
		return fmt.Sprintf("none of %s on the server looked at", mailboxes)
	}
	text := Plural(s.Here, "message") + " here"
	if s.OnServer != s.Here {
		text += fmt.Sprintf(", %d on the server", s.OnServer)
	}
	if s.Outstanding > 0 {
		text += fmt.Sprintf(", %d outstanding", s.Outstanding)
	}
	if s.NotLookedAt > 0 {
		text += fmt.Sprintf(", %d not looked at", s.NotLookedAt)
	}
	return text + " in " + mailboxes
}
