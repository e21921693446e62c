package report

import "fmt"

// Forgotten is a mailbox that was forgotten, or taken back: the object "forgotten" of --json.
type Forgotten struct {
	Type     string `json:"type"`
	Account  string `json:"account"`
	Mailbox  string `json:"mailbox"`
	Path     string `json:"path"`     // of its Maildir, below the account's root
	Messages int    `json:"messages"` // in it, as the state knows them
	Undo     bool   `json:"undo"`     // it is one of the account again
	DryRun   bool   `json:"dry_run"`  // nothing was done: this is what would be
}

// Forgot reports it: in JSON as an object, for people in the account's line.
func (a *Account) Forgot(f Forgotten) {
	r := a.begin()
	defer r.mu.Unlock()
	f.Type, f.Account, f.Mailbox, f.Path = "forgotten", a.name, clean(f.Mailbox), clean(f.Path)
	r.result(f)
	a.words.line = f.String()
}

func (f Forgotten) String() string {
	did := "forgotten"
	switch {
	case f.Undo && f.DryRun:
		did = "would be one of the account again"
	case f.Undo:
		did = "one of the account again"
	case f.DryRun:
		did = "would be forgotten"
	}
	return fmt.Sprintf("%s: %s; its Maildir %s stays, with %s", f.Mailbox, did, f.Path, Plural(f.Messages, "message"))
}
