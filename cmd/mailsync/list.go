package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

func (p *program) listCommand() *cobra.Command {
	only := &picking{}
	c := &cobra.Command{
		Use:   "list [ACCOUNT...]",
		Short: "show the server's mailboxes and their Maildirs",
		Long: `list asks servers for their mailboxes, and shows for each its role, how many messages it has, its
size where the server reports it without counting, and its Maildir here, or which key of the
configuration excludes it. It changes nothing.`,
		Example: `mailsync list work
mailsync list --mailbox 'Lists/*' --json
mailsync list --url imaps://ada@imap.example.org`,
	}
	only.flag(c)
	run := func(ctx context.Context, r *accountRun) (*port.Result, error) { return listMailboxes(ctx, r, only) }
	return p.onAccounts(c, task{name: "list", run: run, missed: only.missed, bare: &bareNeeds{server: always}}, asksOfMany...)
}

func listMailboxes(ctx context.Context, r *accountRun, only *picking) (*port.Result, error) {
	result := &port.Result{}
	h, err := r.start(ctx, opening{read: true}, reach{readOnly: true, sizes: true})
	if err != nil {
		return nil, err
	}
	listing, err := h.server.List(ctx, func(l state.Listed) bool { return !l.NoSelect })
	if err != nil {
		return nil, err
	}
	rows, err := h.store.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	at := newPlaces(rows, h.tree)
	var mailboxes []report.Mailbox
	for _, l := range listing.Mailboxes {
		if !l.NoSelect && only.match(l.Levels, l.Role) {
			mailboxes = append(mailboxes, at.mailbox(r.a, l, result))
		}
	}
	for _, name := range listing.Broken {
		result.Problems = append(result.Problems, port.Problem{Mailbox: name,
			Err: errors.New("the server sent a mailbox name that cannot be read")})
	}
	if text, hint := r.shownTwice(listing); text != "" {
		r.out.Note("", text, hint)
	}
	slices.SortStableFunc(mailboxes, func(a, b report.Mailbox) int { return strings.Compare(a.Mailbox, b.Mailbox) })
	title := fmt.Sprintf("mailboxes of %s at %s", r.a.User, r.a.Host)
	if r.a.Maildir != "" {
		title += ", below " + r.a.Maildir
	}
	r.out.Mailboxes(title, mailboxes)
	line := fmt.Sprintf("%s in %s", report.Plural(result.OnServer, "message"), report.Plural(result.Mailboxes, "mailbox"))
	if n := result.Excluded.Mailboxes; n > 0 {
		line += fmt.Sprintf(", and %s excluded", report.Plural(n, "mailbox"))
	}
	r.out.Line(line)
	only.known(result)
	return result, nil
}

// mailbox is one of the server's mailboxes for the report. What it holds is added to the result.
func (p *places) mailbox(a *config.Account, l state.Listed, result *port.Result) report.Mailbox {
	m := report.Mailbox{Mailbox: strings.Join(l.Levels, "/"), Role: l.Role}
	m.Included, m.Rule = a.Mailboxes.Rule(l.Levels, l.Role)
	if l.HasMark {
		m.Messages = new(int(l.Mark.Exists))
	}
	if l.Size >= 0 {
		m.Size = &l.Size
	}
	if m.Included {
		m.Path = p.of(l)
		result.Mailboxes++
		here, outstanding := p.counts(l)
		result.OnServer += int(l.Mark.Exists)
		result.Here += here
		result.Outstanding += outstanding
	} else {
		result.Excluded.Mailboxes++
	}
	if l.Err != nil {
		result.Problems = append(result.Problems, port.Problem{Mailbox: m.Mailbox, Err: l.Err})
	}
	return m
}

// shownTwice warns of included mailboxes that show messages of others, where the server does not
// identify copies: then each message is fetched again for each of them. "" where there is none.
func (r *accountRun) shownTwice(listing *state.Listing) (text, hint string) {
	var names, roles []string
	for _, l := range listing.Mailboxes {
		if !l.NoSelect && plan.IsView(l.Role) && r.a.Mailboxes.Match(l.Levels, l.Role) {
			names = append(names, fmt.Sprintf("%q", strings.Join(l.Levels, "/")))
			roles = append(roles, fmt.Sprintf("%q", "role:"+l.Role))
		}
	}
	if listing.EmailIDs || len(names) == 0 {
		return "", ""
	}
	slices.Sort(names)
	slices.Sort(roles)
	return strings.Join(names, " and ") + " may show messages of other mailboxes, which are then fetched and stored twice",
		fmt.Sprintf("if it has no messages of its own, skip it with exclude = [%s]", strings.Join(slices.Compact(roles), ", "))
}

// places knows the Maildirs that mailboxes have, or will have.
type places struct {
	known map[string]*state.MailboxRow // by raw name
	taken map[string]bool
	tree  port.Tree
}

func newPlaces(rows []state.MailboxRow, tree port.Tree) *places {
	p := &places{known: map[string]*state.MailboxRow{}, taken: map[string]bool{}, tree: tree}
	for i, row := range rows {
		p.taken[row.Path] = true
		if row.Role == state.RoleMailbox {
			p.known[state.RawKey(row.Raw)] = &rows[i]
		}
	}
	return p
}

// of returns a mailbox's path: the one it got, or the one it would get now.
func (p *places) of(l state.Listed) string {
	if row := p.known[state.RawKey(l.Raw)]; row != nil {
		return row.Path
	}
	path := p.tree.Place(l.Levels, func(path string) bool { return p.taken[path] })
	p.taken[path] = true
	return path
}

// counts returns how many of a mailbox's messages are here, and how many are outstanding. What is
// here of another numbering, or of an account that had this Maildir before, does not count.
func (p *places) counts(l state.Listed) (here, outstanding int) {
	exists := int(l.Mark.Exists)
	row := p.known[state.RawKey(l.Raw)]
	if row == nil || row.Current() == nil || row.Current().Mark.UIDValidity != l.Mark.UIDValidity {
		return 0, exists
	}
	t := row.Current().Tally
	return min(t.Here-t.OnlyHere, exists), t.Outstanding + max(0, exists-t.OnServer)
}
