package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/port"
)

// chooseMailboxes shows the server's mailboxes and asks which to leave out.
func (s *setup) chooseMailboxes(ctx context.Context, r *accountRun, srv server) error {
	listing, err := srv.List(ctx, func(l state.Listed) bool { return !l.NoSelect })
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(listing.Mailboxes, func(l state.Listed) bool { return l.NoSelect })
	slices.SortStableFunc(all, func(a, b state.Listed) int { return slices.Compare(a.Levels, b.Levels) })
	if err := s.showMailboxes(r, all); err != nil {
		return err
	}
	if text, hint := r.shownTwice(listing); text != "" {
		r.out.Note("", text, hint)
	}
	if s.ask == nil || s.flags.yes || s.changed("exclude") || s.server.Protocol != "imap" || len(all) < 2 {
		return nil
	}
	choices, marked := make([]string, len(all)), make([]bool, len(all))
	for i, l := range all {
		choices[i] = report.Clean(strings.Join(l.Levels, "/"))
		if l.HasMark {
			choices[i] += fmt.Sprintf(" (%d)", l.Mark.Exists)
		}
		marked[i] = !r.a.Mailboxes.Match(l.Levels, l.Role)
	}
	out, err := s.ask.Some(ctx, ask.Question{Title: "Leave out", Help: "All others are fetched. The key exclude has them, and can be changed at any time."}, choices, marked)
	if err != nil {
		return err
	}
	var no []string
	if s.exclude, no, err = patterns(s.exclude, all, out); err != nil {
		return err
	}
	for _, name := range no {
		r.out.Note(name, "cannot be left out by its name without others, so it is fetched", "the key exclude takes patterns and roles")
	}
	return nil
}

// showMailboxes prints them as "list" does.
func (s *setup) showMailboxes(r *accountRun, all []state.Listed) error {
	h, err := r.look(opening{})
	if err != nil {
		return err
	}
	defer func() { _ = r.close() }() // it was only read
	at, result := newPlaces(nil, h.tree), &port.Result{}
	var rows []report.Mailbox
	for _, l := range all {
		rows = append(rows, at.mailbox(r.a, l, result))
	}
	r.out.Mailboxes(fmt.Sprintf("mailboxes of %s at %s, below %s", r.a.User, r.a.Host, r.a.Maildir), rows)
	return nil
}

// patterns are those that leave out just the mailboxes that are chosen: what was there before, as far as
// it leaves out no other, and names for the rest. no are the names that would leave out others too: a server
// may have a mailbox "*".
func patterns(before []string, all []state.Listed, out []bool) (exclude, no []string, err error) {
	covered := make([]bool, len(all))
	take := func(p config.Pattern) bool {
		for i, l := range all {
			if !out[i] && p.Match(l.Levels, l.Role) {
				return false
			}
		}
		exclude = append(exclude, p.String())
		for i, l := range all {
			covered[i] = covered[i] || p.Match(l.Levels, l.Role)
		}
		return true
	}
	for _, text := range before {
		p, err := config.ParsePattern(text)
		if err != nil {
			return nil, nil, err
		}
		take(p)
	}
	for i, l := range all {
		if !out[i] || covered[i] {
			continue
		}
		if p, err := config.ParsePattern(named(l.Levels)); err != nil || !p.Match(l.Levels, l.Role) || !take(p) {
			no = append(no, strings.Join(l.Levels, "/"))
		}
	}
	return exclude, no, nil
}

// named is a mailbox's name as a pattern. What a pattern would read in another way, or refuse, is a % in it.
func named(levels []string) string {
	out := slices.Clone(levels)
	for i, l := range out {
		out[i] = strings.Map(func(r rune) rune {
			if r == '/' || unicode.IsControl(r) || r == utf8.RuneError {
				return '%'
			}
			return r
		}, l)
	}
	if text, is := strings.CutPrefix(strings.Join(out, "/"), "role:"); is {
		return "role%" + text
	}
	return strings.Join(out, "/")
}

// write keeps the password and adds the account to the configuration, or says what it would add.
func (s *setup) write(ctx context.Context) error {
	if _, err := s.account(); err != nil {
		return err
	}
	if s.program.flags.dryRun {
		s.report.Print("%s would get:\n\n%s", s.draft.Path, strings.TrimRight(s.table(), "\n"))
		s.discard(ctx)
		return nil
	}
	now, err := config.OpenDraft(s.draft.Path, os.Getenv)
	if err != nil {
		return err
	}
	if now.With("") != s.draft.With("") {
		return state.Faultf(state.Usage, "%s was changed meanwhile", s.draft.Path).WithHint("nothing was written; run init again")
	}
	undo, err := s.storeSecret(ctx)
	if err == nil {
		err = store.WriteUserFile(s.draft.Path, []byte(s.draft.With(s.table())))
	}
	if err != nil {
		undo()
		return err
	}
	s.farewell()
	return nil
}

// farewell says what was done, and what to do next.
func (s *setup) farewell() {
	s.report.Print("The account %q is in %s now.", s.name, s.draft.Path)
	if s.secret.asked && s.secret.file != "" {
		s.report.Print("Its password is in %s, which only you can read.", s.secret.file)
	} else if s.secret.asked {
		s.report.Print("Its password is in the keyring.")
	}
	with := ""
	if c := s.program.flags.config; c != "" {
		with = " --config " + shellQuote(c)
	}
	s.report.Print("Next:\n  mailsync%s sync %s", with, s.name)
}
