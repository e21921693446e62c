package report

import (
	"fmt"
	"strings"
)

// table lays rows out in columns, two blanks apart. Those that right has true for are ranged
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

// rows tells results of an account that belong together: a heading and a table of them, or, in JSON, an
// object each.
func (a *Account) rows(heading string, objects []any, cells [][]string, right ...bool) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.opts.JSON:
		for _, o := range objects {
			r.json(o)
		}
	case !r.opts.Quiet && len(cells) > 0:
		r.out(clean(a.name) + ": " + clean(heading))
		for _, line := range table(cells, right...) {
			r.out(line)
		}
	}
}

// Mailbox is one of the server's mailboxes: an object "mailbox" of "list --json".
type Mailbox struct {
	Type     string `json:"type"`
	Account  string `json:"account"`
	Mailbox  string `json:"mailbox"`
	Role     string `json:"role"`
	Messages *int   `json:"messages"` // null where the server does not tell
	Size     *int64 `json:"size"`     // null where the server does not tell
	Included bool   `json:"included"`
	Rule     string `json:"rule"` // the key that decides, with its pattern
	Path     string `json:"path"` // of its Maildir, below the account's root; "" where it has none
}

// Mailboxes tells what "list" found.
func (a *Account) Mailboxes(heading string, all []Mailbox) {
	var objects []any
	cells := [][]string{{"mailbox", "role", "messages", "size", "lands in"}}
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

// Held is a mailbox as the last run left it: an object "mailbox" of "status --json".
type Held struct {
	Type        string `json:"type"`
	Account     string `json:"account"`
	Mailbox     string `json:"mailbox"`
	Path        string `json:"path"`
	Role        string `json:"role"` // as the server last told it
	Here        int    `json:"here"` // files, those that are only here among them
	HereBytes   int64  `json:"here_bytes"`
	OnServer    int    `json:"on_server"`
	Outstanding int    `json:"outstanding"`
	Skipped     int    `json:"skipped"`
	KeptAway    int    `json:"kept_away"`
	OnlyHere    int    `json:"only_here"` // the server had them once
}

// Mailboxes held, for "status".
func (a *Account) Held(heading string, all []Held) {
	var objects []any
	cells := [][]string{{"mailbox", "here", "size", "on server", "outstanding", "skipped", "kept away", "only here"}}
	for _, m := range all {
		m.Type, m.Account, m.Mailbox, m.Path, m.Role = "mailbox", a.name, clean(m.Mailbox), clean(m.Path), clean(m.Role)
		objects = append(objects, m)
		row := []string{m.Mailbox, fmt.Sprint(m.Here), Size(m.HereBytes), fmt.Sprint(m.OnServer)}
		for _, n := range []int{m.Outstanding, m.Skipped, m.KeptAway, m.OnlyHere} {
			row = append(row, dash(n))
		}
		cells = append(cells, row)
	}
	a.rows(heading, objects, withoutDashes(cells, 4), false, true, true, true, true, true, true, true)
}

// withoutDashes leaves out the columns, from one on, that have nothing but dashes below
// their head.
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

// dash is a number, and a dash for none: what is out of the ordinary stands out.
func dash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// LastRun is an object "run" of "status --json".
type LastRun struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Command string `json:"command"`
	Started string `json:"started"` // RFC 3339
	Ended   string `json:"ended"`
	Status  string `json:"status"`
}

// Quota is an object "quota" of --json.
type Quota struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Root    string `json:"root"`
	Used    int64  `json:"used"`
	Limit   int64  `json:"limit"`
	Asked   string `json:"asked"` // RFC 3339: when the server said so
}

// Remembered tells what is only told in JSON by itself; for people it is in the account's line.
func (a *Account) Remembered(run *LastRun, quotas []Quota) {
	var objects []any
	if run != nil {
		run.Type, run.Account = "run", a.name
		objects = append(objects, *run)
	}
	for _, q := range quotas {
		q.Type, q.Account, q.Root = "quota", a.name, clean(q.Root)
		objects = append(objects, q)
	}
	a.rows("", objects, nil)
}

// Check is one thing that was looked at: an object "check" of "check --json".
type Check struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	What    string `json:"what"`
	Status  string `json:"status"` // "ok", "warn" or "fail"
	Detail  string `json:"detail"`
	Hint    string `json:"hint"`
}

// Checks tells what "check" found.
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
