package report

import (
	"fmt"
	"strings"
)

// table lays rows out in columns, two blanks apart. Those for which right is true are aligned
// right, for numbers.
func table(rows [][]string, right ...bool) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Columns(cell))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-Columns(cell))
			if i < len(right) && right[i] {
				cell, pad = pad+cell, ""
			}
			b.WriteString("  " + cell + pad)
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// rows prints results of an account that belong together: a heading and a table of them, or, in
// JSON, an object each.
func (a *Account) rows(heading string, objects []any, cells [][]string, right ...bool) {
	r := a.begin()
	defer r.mu.Unlock()
	switch {
	case r.opts.JSON:
		for _, o := range objects {
			r.result(o)
		}
	case len(cells) > 0:
		r.result(nil, append([]string{clean(a.name) + ": " + clean(heading)}, table(cells, right...)...)...)
	}
}

// Mailbox is one of the server's mailboxes: an object "mailbox" of "list --json".
type Mailbox struct {
	Type     string `json:"type"`
	Account  string `json:"account"`
	Mailbox  string `json:"mailbox"`
	Role     string `json:"role"`
	Messages *int   `json:"messages"` // null where the server does not report it
	Size     *int64 `json:"size"`     // null where the server does not report it
	Included bool   `json:"included"`
	Rule     string `json:"rule"` // the key that decides, with its pattern
	Path     string `json:"path"` // of its Maildir, below the account's root; "" where it has none
}

// Mailboxes prints what "list" found.
func (a *Account) Mailboxes(heading string, all []Mailbox) {
	var objects []any
	cells := [][]string{{"mailbox", "role", "messages", "size", "maildir"}}
	for _, m := range all {
		m.Type, m.Account, m.Mailbox, m.Role, m.Path = "mailbox", a.name, clean(m.Mailbox), clean(m.Role), clean(m.Path)
		objects = append(objects, m)
		messages, size, where := "?", "?", m.Path
		if m.Messages != nil {
			messages = fmt.Sprint(*m.Messages)
		}
		if m.Size != nil {
			size = Size(*m.Size)
		}
		if !m.Included {
			where = "- (" + clean(m.Rule) + ")"
		}
		cells = append(cells, []string{m.Mailbox, m.Role, messages, size, where})
	}
	a.rows(heading, objects, cells, false, false, true, true)
}

// LocalMailbox is a mailbox as the last run left it: an object "mailbox" of "status --json".
type LocalMailbox struct {
	Type        string `json:"type"`
	Account     string `json:"account"`
	Mailbox     string `json:"mailbox"`
	Path        string `json:"path"`
	Role        string `json:"role"` // as the server last reported it
	Here        int    `json:"here"` // files, those that are only here among them
	HereBytes   int64  `json:"here_bytes"`
	OnServer    int    `json:"on_server"`
	Outstanding int    `json:"outstanding"`
	Skipped     int    `json:"skipped"`
	KeptAway    int    `json:"kept_away"`
	OnlyHere    int    `json:"only_here"` // the server had them once
	// LeftOut: no run is about it, and it is in no sum.
	LeftOut LeftOut `json:"left_out"`
}

// LeftOut is why no run is about a mailbox that the state knows.
type LeftOut string

// Why a mailbox is left out.
const (
	Excluded LeftOut = "excluded" // by the configuration
	Gone     LeftOut = "gone"     // the server's last list lacked it
)

func (l LeftOut) String() string {
	switch l {
	case Excluded:
		return " (excluded)"
	case Gone:
		return " (gone on the server)"
	}
	return ""
}

// LocalMailboxes prints the mailboxes of "status".
func (a *Account) LocalMailboxes(heading string, all []LocalMailbox) {
	var objects []any
	cells := [][]string{{"mailbox", "here", "server size", "on server", "outstanding", "skipped", "kept away", "only here"}}
	for _, m := range all {
		m.Type, m.Account, m.Mailbox, m.Path, m.Role = "mailbox", a.name, clean(m.Mailbox), clean(m.Path), clean(m.Role)
		objects = append(objects, m)
		row := []string{m.Mailbox + m.LeftOut.String(), fmt.Sprint(m.Here), Size(m.HereBytes), fmt.Sprint(m.OnServer)}
		for _, n := range []int{m.Outstanding, m.Skipped, m.KeptAway, m.OnlyHere} {
			cell := "-"
			if n != 0 {
				cell = fmt.Sprint(n)
			}
			row = append(row, cell)
		}
		cells = append(cells, row)
	}
	a.rows(heading, objects, withoutDashes(cells, 4), false, true, true, true, true, true, true, true)
}

// withoutDashes leaves out the columns, from one on, that hold only dashes below their head.
func withoutDashes(cells [][]string, from int) [][]string {
	out := make([][]string, len(cells))
	for col := range cells[0] {
		needed := col < from
		for _, row := range cells[1:] {
			needed = needed || row[col] != "-"
		}
		for i, row := range cells {
			if needed {
				out[i] = append(out[i], row[col])
			}
		}
	}
	return out
}

// Check is one thing that was checked: an object "check" of "check --json".
type Check struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	What    string `json:"what"`
	Status  string `json:"status"` // "ok", "warn" or "fail"
	Detail  string `json:"detail"`
	Hint    string `json:"hint"`
}

// Checks prints what "check" found.
func (a *Account) Checks(heading string, all []Check) {
	var objects []any
	var cells [][]string
	for _, c := range all {
		c.Type, c.Account, c.Detail, c.Hint = "check", a.name, clean(c.Detail), clean(c.Hint)
		objects = append(objects, c)
		cells = append(cells, []string{c.What, c.Status, c.Detail})
		if c.Hint != "" {
			cells = append(cells, []string{"", "", "hint: " + c.Hint})
		}
	}
	a.rows(heading, objects, cells)
}
