package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"mailsync/state"
)

func ledgerOf(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := ReadLedger(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func (l *Ledger) spell(raw string) string {
	text := ""
	for _, s := range l.Sent(raw, 7) {
		text += fmt.Sprintf("%d:%d/%d=%d ", s.ID, s.UIDNext, s.Bytes, s.UID)
	}
	return text
}

func TestLedgerRemembers(t *testing.T) {
	dir := t.TempDir()
	l := ledgerOf(t, dir)
	sent := []state.Sent{{Raw: "a\nb \"c\"", UIDValidity: 7, UIDNext: 3, Bytes: 10, Digest: [32]byte{1}}, {Raw: "INBOX", UIDValidity: 7, Bytes: 11},
		{Raw: "a\nb \"c\"", UIDValidity: 7, UIDNext: 4, Bytes: 12}, {Raw: "a\nb \"c\"", UIDValidity: 8, Bytes: 13}}
	if err := l.Intend(sent); err != nil {
		t.Fatal(err)
	}
	sent[0].UID = 9
	if err := l.Settle([]state.Sent{sent[0], sent[1]}); err != nil { // the second was not stored
		t.Fatal(err)
	}
	const want = "1:3/10=9 3:4/12=0 "
	for range 2 {
		if got := l.spell(sent[0].Raw); got != want {
			t.Errorf("it remembers %q, want %q", got, want)
		}
		if got := l.spell("INBOX"); got != "" {
			t.Errorf("INBOX has %q", got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = ledgerOf(t, dir)
	}
	if err := l.Intend(sent[:1]); err != nil || sent[0].ID != 5 {
		t.Errorf("the next one is %d: %v", sent[0].ID, err)
	}
}

// What was confirmed without a UID is remembered as that, until its UID is known or it is not there.
func TestLedgerRemembersWhatWasConfirmed(t *testing.T) {
	dir := t.TempDir()
	l := ledgerOf(t, dir)
	sent := []state.Sent{{Raw: "INBOX", UIDValidity: 7}, {Raw: "INBOX", UIDValidity: 7}, {Raw: "INBOX", UIDValidity: 7}, {Raw: "INBOX", UIDValidity: 7}}
	if err := l.Intend(sent); err != nil {
		t.Fatal(err)
	}
	for i := range sent[:3] {
		sent[i].Confirmed = true
	}
	if err := l.Settle(sent[:3]); err != nil {
		t.Fatal(err)
	}
	sent[1].UID, sent[1].Confirmed = 9, false
	sent[2].Confirmed = false
	if err := l.Settle(sent[1:3]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := l.Sent("INBOX", 7)
		if len(got) != 3 || !got[0].Confirmed || got[0].UID != 0 || got[1].Confirmed || got[1].UID != 9 || got[2].Confirmed || got[2].UID != 0 {
			t.Errorf("it remembers %+v", got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = ledgerOf(t, dir)
	}
}

// Whatever a crash or a bad disk does to the file: what is read of it was written, and
// the next line is read again.
// What was sent to a mailbox in which there never was a message is known under its next UIDVALIDITY too,
// as something that nobody confirmed; what was sent to any other one is not.
func TestLedgerOfAnEmptyMailbox(t *testing.T) {
	l := ledgerOf(t, t.TempDir())
	sent := []state.Sent{{Raw: "a", UIDValidity: 7, UIDNext: 1, Bytes: 1}, {Raw: "a", UIDValidity: 7, UIDNext: 1, Bytes: 2},
		{Raw: "a", UIDValidity: 7, UIDNext: 2, Bytes: 3}, {Raw: "a", UIDValidity: 7, Bytes: 4}, {Raw: "b", UIDValidity: 7, UIDNext: 1, Bytes: 5},
		{Raw: "a", UIDValidity: 7, UIDNext: 1, Bytes: 6}}
	if err := l.Intend(sent); err != nil {
		t.Fatal(err)
	}
	sent[1].Confirmed, sent[5].UID = true, 4
	if err := l.Settle([]state.Sent{sent[1], sent[5]}); err != nil {
		t.Fatal(err)
	}
	got := l.Sent("a", 8)
	if len(got) != 2 || got[0].Bytes != 1 || got[1].Bytes != 2 || got[1].Confirmed {
		t.Errorf("%+v", got)
	}
}

func TestLedgerDamaged(t *testing.T) {
	dir := t.TempDir()
	l := ledgerOf(t, dir)
	for i := range 3 {
		s := []state.Sent{{Raw: "INBOX", UIDValidity: 7, Bytes: int64(i)}}
		if err := l.Intend(s); err != nil {
			t.Fatal(err)
		}
		s[0].UID = state.UID(10 + i)
		if err := l.Settle(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ledgerName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 5 {
		for _, b := range [][]byte{whole[:n], append(append(append([]byte{}, whole[:n]...), whole[n]^4), whole[n+1:]...)} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			l := ledgerOf(t, dir)
			for _, s := range l.Sent("INBOX", 7) {
				if s.UID != 0 && s.UID != state.UID(10+s.Bytes) {
					t.Fatalf("byte %d: it remembers %+v", n, s)
				}
			}
			s := []state.Sent{{Raw: "new", UIDValidity: 7, UIDNext: 5, Bytes: 4}}
			if err := l.Intend(s); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if got := ledgerOf(t, dir).Sent("new", 7); len(got) != 1 || got[0].Bytes != 4 {
				t.Fatalf("byte %d: a line written after is lost: %v", n, got)
			}
		}
	}
}
