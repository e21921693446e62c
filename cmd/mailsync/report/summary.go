package report

import (
	"fmt"
	"strings"
	"time"

	"mailsync/state"
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

// Changes are how many messages a run changed, here and there, and how: the engine's counts, under
// the names of the JSON object.
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
	MovedBack       int   `json:"-"`                         // by an undo, from the server's trash
	Undeletable     int   `json:"cannot_delete,omitempty"`   // to be deleted on a POP3 server, which does not do it
}

// Whereabouts are how much of the server's mail is here.
type Whereabouts struct {
	OnServer    int `json:"on_server"`
	Here        int `json:"here"`
	Outstanding int `json:"outstanding"`
	OnlyHere    int `json:"-"` // files of messages that the server no longer has: in none of these
	Unlooked    int `json:"-"` // mailboxes that the run did not check
	NotLookedAt int `json:"-"` // messages of which the server only reported the number
	Uncounted   int `json:"-"` // mailboxes of which it did not report even that
	// Part: only mailboxes that --mailbox selects were looked at, and counted.
	Part bool `json:"-"`
}

// words are what a command sets in the account's line.
type words struct {
	line    string // all of it, "" without
	did     string // what was done, "" where the changes show it
	refused int    // of the outstanding: what a restore did, or did not, has them
	proof   *Proof // where the server's mail is, nil where the whereabouts show it
	unknown bool   // how much of the server's mail is here
}

// Problem is one failure.
type Problem struct {
	Mailbox string `json:"mailbox"` // "" for the account
	UID     uint32 `json:"uid"`     // 0 for the mailbox
	Error   string `json:"error"`
	Hint    string `json:"hint"`
	Printed bool   `json:"-"` // as a result of its own
	// Unsent is why a message was not appended, without the message's name; "" where it is another failure.
	Unsent string `json:"-"`
}

// String is the summary in one line, for people.
func (s Summary) String() string {
	name := clean(s.Account) + ": "
	if s.line != "" {
		return name + s.line
	}
	parts := []string{s.done()}
	if s.Status != "ok" {
		parts[0] = s.Status + ", " + parts[0]
	}
	if s.proof != nil {
		parts = append(parts, s.proof.String())
	} else if s.Mailboxes > 0 && !s.unknown {
		parts = append(parts, s.where())
	}
	if s.Undeletable > 0 {
		parts = append(parts, s.Stays())
	}
	n := 0
	for _, p := range s.Errors {
		if !p.Printed {
			n++
		}
	}
	if n > 0 {
		parts = append(parts, Plural(n, "problem"))
	}
	took := Seconds(time.Duration(s.Seconds * float64(time.Second)))
	return fmt.Sprintf("%s%s (%s)", name, strings.Join(parts, "; "), took)
}

// Stays counts what was to be deleted on the server and cannot be.
func (s Summary) Stays() string {
	return fmt.Sprintf("%d cannot be deleted on the server", s.Undeletable)
}

func (s Summary) done() string {
	switch did := s.Changes.String(); {
	case s.did != "":
		return s.did
	case s.DryRun && s.Status == "ok":
		return "dry run, nothing to do"
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

// where is how much of the server's mail is here. What is here may no longer be on the server, so
// both numbers need the third. Where the run checked no mailbox, it does not know what is here.
func (s Summary) where() string {
	w := s.Whereabouts
	w.Outstanding = max(0, w.Outstanding-s.refused)
	return w.In(s.Mailboxes)
}

// In is how much of the mail of so many mailboxes is here, for people.
func (w Whereabouts) In(mailboxes int) string {
	noun := "mailbox"
	if w.Part {
		noun = "selected mailbox"
	}
	all := Plural(mailboxes, noun) + uncounted(w.Uncounted)
	if w.Unlooked == mailboxes && mailboxes > 0 && w.Outstanding == 0 {
		return fmt.Sprintf("none of %s on the server checked", all)
	}
	text := Plural(w.Here, "message") + " here"
	if w.OnServer != w.Here {
		text += fmt.Sprintf(", %d on the server", w.OnServer)
	}
	return counts(text, some{w.Outstanding, "outstanding"}, some{w.NotLookedAt, "not checked"},
		some{w.OnlyHere, "more only here"}) + " in " + all
}

// Proof is where every message is that the server counted in this run: the object "proof" of
// --json.
type Proof struct {
	Type      string `json:"type"`
	Account   string `json:"account"`
	Part      bool   `json:"part"`      // the run was about the mailboxes that --mailbox selects
	Mailboxes int    `json:"mailboxes"` // on the server
	Messages  int    `json:"messages"`
	Census
	ExcludedMailboxes int `json:"excluded_mailboxes"`
	Uncounted         int `json:"uncounted"` // mailboxes: the server did not report how many messages they hold
	UncountedIncluded int `json:"-"`         // of those: that the run is about
	// Unreadable mailboxes are on the server too, under names that cannot be read. They are not
	// among the mailboxes, and what is in them is not among the messages.
	Unreadable int     `json:"unreadable_mailboxes"`
	Doubts     []Doubt `json:"doubts"` // never nil
}

// Census is the messages of a proof by where they are. But for the doubtful, which are here, they add up to all.
type Census struct {
	Here        int `json:"here"`
	Doubtful    int `json:"doubtful"` // of these: their length is not what the server announces
	Outstanding int `json:"outstanding"`
	Skipped     int `json:"skipped"`       // larger than max_size
	KeptAway    int `json:"kept_away"`     // the user removed the file
	Accepted    int `json:"accepted"`      // the user knows that they cannot be fetched
	NotLookedAt int `json:"not_looked_at"` // counted by the server, in mailboxes that failed or were not reached
	Excluded    int `json:"excluded"`      // in mailboxes that the run is not about
}

// Doubt is a message that may be incomplete here.
type Doubt struct {
	Mailbox   string    `json:"mailbox"`
	UID       state.UID `json:"uid"`
	Announced int64     `json:"announced"` // octets
	Received  int64     `json:"came"`
}

// Prove reports what a backup proves: in the account's line, and in JSON as an object of its own.
func (a *Account) Prove(p Proof) {
	r := a.begin()
	defer r.mu.Unlock()
	p.Type = "proof"
	p.Doubts = append([]Doubt{}, p.Doubts...)
	for i := range p.Doubts {
		p.Doubts[i].Mailbox = clean(p.Doubts[i].Mailbox)
	}
	a.words.proof = &p
	r.result(p)
}

// String is the proof for people.
func (p Proof) String() string {
	text := fmt.Sprintf("on the server %s in %s%s: %d here", Plural(p.Messages, "message"), Plural(p.Mailboxes, "mailbox"),
		uncounted(p.UncountedIncluded), p.Here)
	if p.Doubtful > 0 {
		text += fmt.Sprintf(" (%d of them doubtful)", p.Doubtful)
	}
	text = counts(text, some{p.Outstanding, "outstanding"}, some{p.Skipped, "skipped"}, some{p.KeptAway, "kept away"},
		some{p.Accepted, "accepted"}, some{p.NotLookedAt, "not checked"})
	if p.ExcludedMailboxes > 0 {
		why := "excluded"
		if p.Part {
			why = "not selected"
		}
		text += fmt.Sprintf(", %d in %s %s%s", p.Excluded, Plural(p.ExcludedMailboxes, "mailbox"), why, uncounted(p.Uncounted-p.UncountedIncluded))
	}
	if p.Unreadable > 0 {
		text += fmt.Sprintf("; %s more could not be read, and their number of messages is not known", Plural(p.Unreadable, "mailbox"))
	}
	return text
}

// uncounted is how many mailboxes have an unknown number of messages; "" for none.
func uncounted(mailboxes int) string {
	if mailboxes == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d of them not counted)", mailboxes)
}
