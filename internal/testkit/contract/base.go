// Package contract holds the suites that every implementation of an interface in
// sync/ports.go passes.
package contract

import (
	"context"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
)

// Memory is what a base can do: what the engine asks of it, and what POP3 keeps there.
type Memory interface {
	port.Base
	// UIDLs returns a generation's POP3 unique-ids, sorted by UID.
	UIDLs(ctx context.Context, gen state.GenID) ([]state.UIDL, error)
}

// Base runs the suite for sync.Base. open returns an empty base, another each time.
func Base(t *testing.T, open func(t *testing.T) Memory) {
	tests := []struct {
		name string
		run  func(t *testing.T, b Memory)
	}{
		{"account row round-trips", accountRoundTrips},
		{"mailboxes round-trip sorted by path", mailboxesRoundTrip},
		{"a mailbox is updated in place", mailboxIsUpdated},
		{"a path belongs to one mailbox", pathIsUnique},
		{"unknown IDs are refused", unknownIDs},
		{"keywords never change their meaning", keywordsStay},
		{"records round-trip sorted by UID", recordsRoundTrip},
		{"a put replaces the whole record", putReplaces},
		{"forget removes the record and what hangs on it", forgetRemoves},
		{"forget goes before put", forgetBeforePut},
		{"generations do not touch one another", generationsApart},
		{"proofs round-trip", proofsRoundTrip},
		{"UIDLs and intents round-trip", tablesRoundTrip},
		{"intents of no generation round-trip", restoringRoundTrip},
		{"departures round-trip", departuresRoundTrip},
		{"mark, disk and clean change only where given", marksChange},
		{"an impossible commit changes nothing", commitIsWhole},
		{"what is handed over is copied", nothingIsShared},
		{"tallies agree with a full count under random commits", talliesAgree},
		{"methods may be called at once", callsAtOnce},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// inbox saves a mailbox with one generation and returns it.
func inbox(t *testing.T, b port.Base) state.MailboxRow {
	t.Helper()
	row := state.MailboxRow{Raw: "INBOX", Path: "INBOX", Sep: "/", Role: state.RoleMailbox,
		Generations: []state.Generation{{Token: "aaaa", Current: true, Mark: state.Mark{UIDValidity: 7}}}}
	ok(t, b.SaveMailbox(t.Context(), &row))
	return row
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was accepted", what)
	}
}

func records(t *testing.T, b port.Base, gen state.GenID) []state.Record {
	t.Helper()
	got, err := b.Records(t.Context(), gen)
	ok(t, err)
	return got
}

func mailboxes(t *testing.T, b port.Base) []state.MailboxRow {
	t.Helper()
	got, err := b.Mailboxes(t.Context())
	ok(t, err)
	return got
}
