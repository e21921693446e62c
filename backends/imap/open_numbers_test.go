package imap

import (
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// Numbers of a mailbox that are larger than they can be are not known (RFC 3501 section 9, RFC 7162 section 4): they stand for
// nothing that the base could take for a listing's, and an impossible count of messages is not a mailbox without any.
func TestScanTakesNoImpossibleNumber(t *testing.T) {
	for _, c := range []struct {
		exists, modseq string
		modSeq         uint64
		messages       int
		complete       bool
	}{
		{"3", "9223372036854775807", 1<<63 - 1, 3, true},
		{"3", "9223372036854775808", 0, 3, true},
		{"3", "18446744073709551615", 0, 3, true},
		{"4294967296", "4", 4, 3, false},
		{"4294967299", "4", 4, 3, false},
	} {
		srv := script.Every(t, script.Healthy(boxes(), script.Answers{
			"EXAMINE": answer("* FLAGS ()", "* "+c.exists+" EXISTS", "* OK [UIDVALIDITY 5] x", "* OK [UIDNEXT 4] x",
				"* OK [HIGHESTMODSEQ "+c.modseq+"] x", "$tag OK [READ-ONLY] ok"),
			"UID FETCH": answer("* 1 FETCH (UID 1 RFC822.SIZE 1)", "* 2 FETCH (UID 2 RFC822.SIZE 1)", "* 3 FETCH (UID 3 RFC822.SIZE 1)", "$tag OK done"),
		}))
		a := account(t, options(srv))
		snap, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX", Keywords: state.NewKeywords(nil)})
		if err != nil {
			if c.complete {
				t.Error(err)
			}
			continue
		}
		if snap.Mark.ModSeq != c.modSeq || snap.Mark.IsListing() || len(snap.Messages) != c.messages || snap.Complete != c.complete {
			t.Errorf("%s messages, %s: %d listed, complete %v, %+v", c.exists, c.modseq, len(snap.Messages), snap.Complete, snap.Mark)
		}
	}
}

// A STATUS with such a number says nothing of the mailbox, and least of all that it is empty.
func TestStatusTakesNoImpossibleNumber(t *testing.T) {
	for _, c := range []struct {
		status string
		want   state.Mark
		marked bool
	}{
		{"MESSAGES 3 UIDNEXT 4 UIDVALIDITY 5 HIGHESTMODSEQ 6", state.Mark{UIDValidity: 5, UIDNext: 4, ModSeq: 6, Exists: 3}, true},
		{"MESSAGES 3 UIDNEXT 4 UIDVALIDITY 5 HIGHESTMODSEQ 18446744073709551615", state.Mark{UIDValidity: 5, UIDNext: 4, Exists: 3}, true},
		{"MESSAGES 4294967296 UIDNEXT 4 UIDVALIDITY 5 HIGHESTMODSEQ 6", state.Mark{}, false},
	} {
		acct := boxes()
		acct.Caps = "IMAP4rev1 CONDSTORE"
		srv := script.Every(t, script.Healthy(acct, script.Answers{
			"STATUS": answer("* STATUS INBOX ("+c.status+")", "$tag OK done"),
		}))
		a := account(t, options(srv))
		l, err := a.List(t.Context(), func(m state.Listed) bool { return m.Raw == "INBOX" })
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range l.Mailboxes {
			if m.Raw == "INBOX" && (m.HasMark != c.marked || c.marked && m.Mark != c.want) {
				t.Errorf("%s: %v %+v", c.status, m.HasMark, m.Mark)
			}
		}
	}
}
