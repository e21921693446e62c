package report

import (
	"fmt"
	"strings"
	"time"
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

// Found prints a finding: on stdout, as it is a result; with --quiet on stderr unless it is
// repaired.
func (a *Account) Found(f Finding) {
	r := a.begin()
	defer r.mu.Unlock()
	f.Type, f.Account = "finding", a.name
	f.Mailbox, f.File, f.Detail = clean(f.Mailbox), clean(f.File), clean(f.Detail)
	text := strings.ReplaceAll(f.Fault, "_", " ")
	if f.Repaired {
		text += " (repaired)"
	}
	if f.File != "" {
		text += ": " + f.File
	}
	text = place(a.name, f.Mailbox, f.UID) + text + ": " + f.Detail
	r.result(f, text)
	if r.opts.Quiet && !r.opts.JSON && !f.Repaired {
		r.talk("mailsync: " + text)
	}
}

// Apart are messages that are not here for a reason: the object "apart" of --json.
type Apart struct {
	Type    string   `json:"type"`
	Account string   `json:"account"`
	Mailbox string   `json:"mailbox"`
	Status  string   `json:"status"`
	UIDs    []uint32 `json:"uids"`
}

// Apart prints which messages are not here for a reason.
func (a *Account) Apart(p Apart) {
	r := a.begin()
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

// Looked is what verify checked: the object "verify" of --json.
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
	Forgotten  int    `json:"forgotten"`  // mailboxes that were not looked at
	NamesOnly  bool   `json:"names_only"` // there was no state to check the files against
	// Incomplete: something is known not to be here, or was not checked.
	Incomplete  bool `json:"incomplete"`
	Outstanding int  `json:"outstanding"` // messages, as the state knows them
	Server      bool `json:"server"`      // it was compared with, too
	Doubtful    int  `json:"doubtful"`    // messages that are here and may be incomplete
	Mailboxes   int  `json:"-"`
	Part        bool `json:"-"` // only mailboxes that --mailbox selects
}

// Looked reports what verify checked: in JSON as an object, for people in the account's line.
// What to do about findings is on stderr.
func (a *Account) Looked(l Looked, hint string) {
	r := a.begin()
	defer r.mu.Unlock()
	l.Type, l.Account = "verify", a.name
	r.result(l)
	if l.Findings > 0 && !r.opts.Quiet { // with --quiet each of them is there
		r.wrong(a.name, "", 0, "verify found "+Plural(l.Findings, "difference"), hint)
	}
	a.words.did, a.words.unknown = l.String(), l.NamesOnly
}

// String is the verdict for people. It is "intact" only where nothing is missing of all that the
// state or the server knows, and it names which of them was asked.
func (l Looked) String() string {
	verdict := "intact"
	switch {
	case l.Findings > 0:
		verdict = Plural(l.Findings, "difference")
		if l.Incomplete {
			verdict += ", incomplete"
		}
	case l.Incomplete:
		verdict = "incomplete"
	case l.Mailboxes == 0 && l.Files == 0:
		return l.andForgotten("no mailbox verified")
	case l.Files == 0:
		verdict = "nothing here"
	case l.NamesOnly && !l.Server:
		verdict = "nothing wrong"
	}
	against := "the state"
	if l.NamesOnly {
		against = "their names"
	}
	switch {
	case l.Server:
		against += " and the server"
	case l.NamesOnly:
		against += " alone"
	}
	if l.Part && l.NamesOnly { // else the mailboxes are counted behind it
		against += ", in selected mailboxes"
	}
	text := counts(verdict, some{l.Repaired, "repaired"}) +
		fmt.Sprintf(", %s read (%s on disk), checked against %s", Plural(l.Files, "file"), Size(l.Bytes), against)
	return l.andForgotten(counts(text, some{l.Foreign, "of other programs"}, some{l.Unrecorded, "not recorded"},
		some{l.Unproven, "without a digest"}, some{l.Moved, "moved"},
		some{l.Doubtful, "doubtful"}))
}

// andForgotten adds what a verdict is not about, though it was a mailbox of the account once.
func (l Looked) andForgotten(text string) string {
	if l.Forgotten > 0 {
		text += "; " + Plural(l.Forgotten, "forgotten mailbox") + " not checked"
	}
	return text
}

// Archive is what an archive run takes off the server, or would: the object "archive" of --json.
type Archive struct {
	Type      string           `json:"type"`
	Account   string           `json:"account"`
	Applied   bool             `json:"applied"` // it was done; else this is the plan
	Mailboxes []ArchiveMailbox `json:"mailboxes"`
	Messages  int              `json:"messages"` // to archive; of all but what stays and the trash, copies of one are one
	Bytes     int64            `json:"bytes"`    // that frees
	// ToTrash: the server cannot expunge single messages. They are moved to its trash, and
	// nothing is freed.
	ToTrash      bool  `json:"to_trash"`
	MovedToTrash int   `json:"moved_to_trash"` // messages that were moved to the server's trash, and are still there
	Gone         int   `json:"gone"`           // messages that left the server
	Freed        int64 `json:"freed"`          // octets of those
	Stay         int   `json:"stay"`           // messages that were to leave and did not
	Before       *Room `json:"quota_before"`
	After        *Room `json:"quota_after"` // of a plan: as it would be
}

// ArchiveMailbox is what leaves one mailbox.
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
	if q.Limit <= 0 {
		return Size(max(0, q.Used)) + " used"
	}
	return fmt.Sprintf("%s of %s (%.1f%%)", Size(max(0, q.Used)), Size(q.Limit), max(0, q.Percent()))
}

// Percent is how full a quota is; 0 without a limit.
func (q Room) Percent() float64 {
	if q.Limit <= 0 {
		return 0
	}
	return 100 * float64(q.Used) / float64(q.Limit)
}

// Archived reports an archive run: a plan's mailboxes in lines of their own, the sum in the
// account's line.
func (a *Account) Archived(v Archive) {
	r := a.begin()
	defer r.mu.Unlock()
	v.Type, v.Account = "archive", a.name
	v.Mailboxes = append([]ArchiveMailbox{}, v.Mailboxes...)
	var lines []string
	for i := range v.Mailboxes {
		m := &v.Mailboxes[i]
		m.Mailbox = clean(m.Mailbox)
		if !v.Applied {
			lines = append(lines, place(a.name, m.Mailbox, 0)+fmt.Sprintf("%s, %s on the server, from %s to %s", Plural(m.Messages, "message"), Size(m.Bytes),
				m.Oldest.UTC().Format(time.DateOnly), m.Newest.UTC().Format(time.DateOnly)))
		}
	}
	r.result(v, lines...)
	a.words.did = v.String()
}

// String is the sum for people.
func (v Archive) String() string {
	parts := []string{v.sum()}
	switch {
	case !v.Applied:
		parts = append(parts, "nothing done without --apply")
	case v.Stay > 0:
		parts = append(parts, fmt.Sprintf("%d not archived", v.Stay))
	}
	switch {
	case v.Before == nil:
	case v.After == nil:
		parts = append(parts, "quota "+v.Before.String())
	case !v.Applied:
		parts = append(parts, fmt.Sprintf("quota %s now, %s then", v.Before, v.After))
	default:
		parts = append(parts, fmt.Sprintf("quota %s before, %s after", v.Before, v.After))
		if v.After.Used >= v.Before.Used && v.Gone+v.MovedToTrash > 0 {
			parts[len(parts)-1] += ": it did not fall"
		}
	}
	return strings.Join(parts, "; ")
}

// sum is how much leaves the server, and what that frees.
func (v Archive) sum() string {
	const why = "the server cannot expunge single messages (it has no UIDPLUS), so empty its trash there"
	switch {
	case !v.Applied && v.ToTrash && v.Messages > 0:
		var size int64
		for _, m := range v.Mailboxes {
			size += m.Bytes
		}
		return fmt.Sprintf("%s would be moved to the server's trash, %s there, which frees nothing: %s", Plural(v.Messages, "message"), Size(size), why)
	case !v.Applied:
		return fmt.Sprintf("%s would be archived, %s on the server", Plural(v.Messages, "message"), Size(v.Bytes))
	case v.MovedToTrash > 0 && v.ToTrash:
		return fmt.Sprintf("%s archived and moved to the server's trash, %s freed there: %s", Plural(v.MovedToTrash, "message"), Size(v.Freed), why)
	}
	text := fmt.Sprintf("%s archived, %s freed on the server", Plural(v.Gone, "message"), Size(v.Freed))
	if v.MovedToTrash > 0 {
		text += fmt.Sprintf("; %d archived and still in the server's trash, so empty that there", v.MovedToTrash)
	}
	return text
}

// Restored is what was done for one mailbox in a restore: the object "restored" of --json.
type Restored struct {
	Type     string   `json:"type"`
	Account  string   `json:"account"`
	From     []string `json:"from"` // mailboxes here
	To       string   `json:"to"`   // mailbox on the server
	Created  bool     `json:"created"`
	Appended int      `json:"appended"`
	Bytes    int64    `json:"bytes"`
	There    int      `json:"there"`   // on the server already
	Refused  int      `json:"refused"` // still not there; "errors" has the reasons
	Older    int      `json:"older"`   // skipped because of --since
	Shown    int      `json:"shown"`   // copies that a mailbox of all mail, or of what is flagged, showed of others
	DryRun   bool     `json:"dry_run"` // nothing was done: this is what would be
}

// Restored prints one line a mailbox, unless it is to be brief; their sum is in the account's line.
func (a *Account) Restored(boxes []Restored, brief bool) {
	r := a.begin()
	defer r.mu.Unlock()
	sum := Restored{}
	for _, b := range boxes {
		b.Type, b.Account, b.To = "restored", a.name, clean(b.To)
		for i := range b.From {
			b.From[i] = clean(b.From[i])
		}
		names := b.To
		if from := strings.Join(b.From, ", "); from != b.To {
			names = from + " to " + b.To
		}
		if lines := []string{place(a.name, names, 0) + b.String()}; !brief {
			r.result(b, lines...)
		} else {
			r.result(b)
		}
		sum.Appended += b.Appended
		sum.Bytes += b.Bytes
		sum.There += b.There
		sum.Refused += b.Refused
		sum.Older += b.Older
		sum.Shown += b.Shown
		sum.DryRun = b.DryRun
	}
	a.words.did, a.words.refused = sum.String(), sum.Refused
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
	return counts(text, some{b.There, "already there"}, some{b.Refused, "not restored"},
		some{b.Older, "older"}, some{b.Shown, "copies of others"})
}
