package report

import (
	"fmt"
	"strings"
)

// Restored is what became of one mailbox in a restore: the object "restored" of --json.
type Restored struct {
	Type     string   `json:"type"`
	Account  string   `json:"account"`
	From     []string `json:"from"` // mailboxes here
	To       string   `json:"to"`   // mailbox on the server
	Created  bool     `json:"created"`
	Appended int      `json:"appended"`
	Bytes    int64    `json:"bytes"`
	There    int      `json:"there"`   // on the server already
	Refused  int      `json:"refused"` // still not there; "errors" says why
	Older    int      `json:"older"`   // left out by --since
	Shown    int      `json:"shown"`   // copies that a mailbox of all mail, or of what is flagged, showed of others
	DryRun   bool     `json:"dry_run"` // nothing was done: this is what would be
}

// Restored tells what went where, one line a mailbox, and their sum in the account's line.
func (a *Account) Restored(boxes []Restored) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := Restored{}
	for _, b := range boxes {
		b.Type, b.Account, b.To = "restored", a.name, clean(b.To)
		for i := range b.From {
			b.From[i] = clean(b.From[i])
		}
		r.result(b, place(a.name, b.place(), 0)+b.String())
		sum.Appended += b.Appended
		sum.Bytes += b.Bytes
		sum.There += b.There
		sum.Refused += b.Refused
		sum.Older += b.Older
		sum.Shown += b.Shown
		sum.DryRun = b.DryRun
	}
	a.words.did = sum.String()
}

// place names both mailboxes, where their names differ.
func (b Restored) place() string {
	if from := strings.Join(b.From, ", "); from != b.To {
		return from + " to " + b.To
	}
	return b.To
}

func (b Restored) String() string {
	appended, created := "appended", "mailbox created"
	if b.DryRun {
		appended, created = "to append", "mailbox to create"
	}
	text := fmt.Sprintf("%d %s (%s)", b.Appended, appended, Size(b.Bytes))
	if b.Created {
		text = created + ", " + text
	}
	return counts(text, some{b.There, "there already"}, some{b.Refused, "not restored"},
		some{b.Older, "older"}, some{b.Shown, "copies of others"})
}
