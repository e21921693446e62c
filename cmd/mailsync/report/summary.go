package report

import (
	"fmt"
	"strings"
	"time"
)

// Summary is how one account's run ended: the object "account" of --json.
type Summary struct {
	Type      string `json:"type"`
	Account   string `json:"account"`
	Protocol  string `json:"protocol"`
	Status    string `json:"status"` // "ok", "partial" or "failed"
	Mailboxes int    `json:"mailboxes"`
	Unchanged int    `json:"unchanged"`
	Changes
	Whereabouts
	Commands int64     `json:"commands"`
	Seconds  float64   `json:"seconds"`
	Errors   []Problem `json:"errors"` // never nil

	DryRun bool `json:"-"` // nothing was done
	words
}

// Changes are how many messages a run changed, here and there, and how.
type Changes struct {
	Fetched         int   `json:"fetched"`
	FetchedBytes    int64 `json:"fetched_bytes"`
	Appended        int   `json:"appended"`
	FlagsToDisk     int   `json:"flags_to_disk"`
	FlagsToServer   int   `json:"flags_to_server"`
	DeletedOnDisk   int   `json:"deleted_on_disk"`
	DeletedOnServer int   `json:"deleted_on_server"`
	MovedOnDisk     int   `json:"moved_on_disk,omitempty"`   // to another Maildir, as on the server
	MovedOnServer   int   `json:"moved_on_server,omitempty"` // to another mailbox, as on disk
	MovedToTrash    int   `json:"moved_to_trash,omitempty"`  // to be deleted on the server, which can only move it to its trash
	Undeletable     int   `json:"cannot_delete,omitempty"`   // to be deleted on a POP3 server, which does not do it
	MovedBack       int   `json:"-"`                         // by an undo, from the server's trash
}

// Whereabouts are how much of the server's mail is here.
type Whereabouts struct {
	OnServer    int `json:"on_server"`
	Here        int `json:"here"`
	Outstanding int `json:"outstanding"`
	Unlooked    int `json:"-"` // mailboxes that the run did not look at
	NotLookedAt int `json:"-"` // messages that the server only told the number of
	Uncounted   int `json:"-"` // mailboxes of which it told not even that
}

// words are what a command says itself in the account's line.
type words struct {
	line    string // the whole of it, "" without
	did     string // what was done, "" where the changes tell
	proof   *Proof // where the server's mail is, nil where the whereabouts tell
	unknown bool   // how much of the server's mail is here
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
	if s.line != "" {
		return b.String() + s.line
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
	switch did := s.Changes.String(); {
	case s.did != "":
		return s.did
	case s.DryRun:
		return "dry run, nothing done"
	case did != "":
		return did
	case s.Status == "ok":
		return "nothing to do"
	}
	return "nothing done"
}

// String is the changes for people, "" without any.
func (c Changes) String() string {
	fetched := ""
	if c.Fetched > 0 {
		fetched = fmt.Sprintf("%d fetched (%s)", c.Fetched, Size(c.FetchedBytes))
	}
	return counts(fetched,
		some{c.Appended, "appended"},
		some{c.FlagsToDisk, "flagged here"},
		some{c.FlagsToServer, "flagged on the server"},
		some{c.MovedOnDisk, "moved here"},
		some{c.MovedOnServer, "moved on the server"},
		some{c.DeletedOnDisk, "deleted here"},
		some{c.DeletedOnServer, "deleted on the server"},
		some{c.MovedToTrash, "moved to the server's trash"},
		some{c.MovedBack, "moved back from the server's trash"})
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
	return counts(text, some{s.Outstanding, "outstanding"}, some{s.NotLookedAt, "not looked at"}) + " in " + mailboxes
}
