package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"mailsync/cmd/mailsync/report"
	"mailsync/state/store"
)

// A mailbox that no run could ever open, or whose name cannot be read, has no row in the state, and
// a look at the state alone would pass over it and say "whole". What the last run that pulled
// was told of it is on record, though.

// neverMet names the mailboxes that the last run knew to be there, and of which the state has nothing; none
// where the server says itself what is there.
func (o *verifying) neverMet(ctx context.Context, r *accountRun, h *here) ([]string, error) {
	if o.server {
		return nil, nil
	}
	rows, err := h.store.Mailboxes(ctx)
	if err != nil || len(rows) == 0 { // the second: verify says itself that it has no state to go by
		return nil, err
	}
	var known []string
	for _, row := range rows {
		known = append(known, r.mailboxName(row))
	}
	last, _, err := store.ReadLastRun(r.stateDir())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(unknownOf(last, known), func(name string) bool {
		return !o.mailboxes.match(strings.Split(name, "/"), "")
	}), nil
}

// unknownOf are the mailboxes that failed as a whole in a run that pulled, without those that are
// known. It is a pure function.
func unknownOf(last store.LastRun, known []string) (names []string) {
	var s report.Summary
	if last.Command != "sync" && last.Command != "backup" || json.Unmarshal(last.Summary, &s) != nil {
		return nil
	}
	for _, e := range s.Errors {
		if e.Mailbox != "" && e.UID == 0 && !slices.Contains(known, e.Mailbox) && !slices.Contains(names, e.Mailbox) {
			names = append(names, e.Mailbox)
		}
	}
	return names
}
