package report

import (
	"fmt"
	"strings"
)

// Finding is one thing that verify found: the object "finding" of --json.
type Finding struct {
	Type     string `json:"type"`
	Account  string `json:"account"`
	Fault    string `json:"fault"`
	Mailbox  string `json:"mailbox"`
	UID      uint32 `json:"uid"`  // 0 where it is about a mailbox
	File     string `json:"file"` // relative to the maildir, "" without
	Detail   string `json:"detail"`
	Repaired bool   `json:"repaired"`
}

// Found tells what verify found: on stdout, for it is the result; with --quiet on stderr
// unless it is repaired.
func (a *Account) Found(f Finding) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Type, f.Account = "finding", a.name
	f.Mailbox, f.File, f.Detail = clean(f.Mailbox), clean(f.File), clean(f.Detail)
	text := place(a.name, f.Mailbox, f.UID) + f.String()
	r.result(f, text)
	if r.opts.Quiet && !r.opts.JSON && !f.Repaired {
		r.talk("mailsync: " + text)
	}
}

func (f Finding) String() string {
	text := strings.ReplaceAll(f.Fault, "_", " ")
	if f.Repaired {
		text += " (repaired)"
	}
	if f.File != "" {
		text += ": " + f.File
	}
	return text + ": " + f.Detail
}

// Apart are messages that are not here for a reason: the object "apart" of --json.
type Apart struct {
	Type    string   `json:"type"`
	Account string   `json:"account"`
	Mailbox string   `json:"mailbox"`
	Status  string   `json:"status"`
	UIDs    []uint32 `json:"uids"`
}

// Apart tells of messages that are not here for a reason.
func (a *Account) Apart(p Apart) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Type, p.Account, p.Mailbox = "apart", a.name, clean(p.Mailbox)
	r.result(p, place(a.name, p.Mailbox, 0)+fmt.Sprintf("%d %s: uid %s", len(p.UIDs), p.Status, ranges(p.UIDs)))
}

// ranges spells sorted UIDs, runs of them as "3-7".
func ranges(uids []uint32) string {
	var parts []string
	for i := 0; i < len(uids); {
		j := i
		for j+1 < len(uids) && uids[j+1] == uids[j]+1 {
			j++
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d-%d", uids[i], uids[j]))
		} else {
			parts = append(parts, fmt.Sprint(uids[i]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

// Looked is what verify looked at: the object "verify" of --json.
type Looked struct {
	Type       string `json:"type"`
	Account    string `json:"account"`
	Findings   int    `json:"findings"` // that are not repaired
	Repaired   int    `json:"repaired"`
	Files      int    `json:"files"` // of ours, read
	Bytes      int64  `json:"bytes"` // read
	Foreign    int    `json:"foreign"`
	Unrecorded int    `json:"unrecorded"`
	Unproven   int    `json:"unproven"`
	Moved      int    `json:"moved"`
	NamesOnly  bool   `json:"names_only"` // there was no state to hold the files against
	// Incomplete: something is known not to be here, or was not looked at.
	Incomplete  bool `json:"incomplete"`
	Outstanding int  `json:"outstanding"` // messages, as the state knows them
	Server      bool `json:"server"`      // it was compared with, too
	Mailboxes   int  `json:"-"`
}

// Looked tells what verify looked at, in JSON. For people String is in the account's line.
// What to do about findings is on stderr.
func (a *Account) Looked(l Looked, hint string) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Type, l.Account = "verify", a.name
	r.result(l)
	if l.Findings > 0 && !r.opts.Quiet { // with --quiet each of them is there
		r.wrong(a.name, "", 0, "verify found "+Plural(l.Findings, "difference"), hint)
	}
	a.words.did, a.words.unknown = l.String(), l.NamesOnly
}

// String is the verdict for people. "whole" is said only where nothing is missing of all that
// the state or the server knows, and with it which of them was asked.
func (l Looked) String() string {
	said := "whole"
	switch {
	case l.Findings > 0 && l.Incomplete:
		said = Plural(l.Findings, "difference") + ", incomplete"
	case l.Findings > 0:
		said = Plural(l.Findings, "difference")
	case l.Incomplete:
		said = "incomplete"
	case l.Mailboxes == 0:
		return "no mailbox verified"
	case l.NamesOnly && !l.Server:
		said = "nothing wrong"
	}
	what := counts(said, some{l.Repaired, "repaired"}) +
		fmt.Sprintf(" in %s read (%s), held against ", Plural(l.Files, "file"), Size(l.Bytes))
	switch {
	case l.NamesOnly && l.Server:
		what += "their names and the server"
	case l.NamesOnly:
		what += "their names alone"
	case l.Server:
		what += "the state and the server"
	default:
		what += "the state"
	}
	return counts(what, some{l.Foreign, "of other programs"}, some{l.Unrecorded, "not recorded"},
		some{l.Unproven, "without a digest"}, some{l.Moved, "moved"})
}
