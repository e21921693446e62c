package maildir_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// In a Maildir++ the INBOX is the root itself, and what other programs keep there, or an
// earlier layout left there, is no mailbox.
func TestFindInAMaildirPlusPlus(t *testing.T) {
	m := disktest.NewMem(disktest.MemOptions{})
	tree := maildir.Open(m, maildir.Options{Layout: maildir.PlusPlus, Now: m.Now, Wait: m.Wait})
	var want []string
	for _, levels := range [][]string{{"INBOX"}, {"Archive", "2024"}, {"mailsync"}, {"Mailsync", "state"}, {"DOVECOT-TRASHED"}} {
		p := tree.Place(levels, func(string) bool { return false })
		if _, err := tree.Create(p, marker(p)); err != nil {
			t.Fatal(err)
		}
		if p == ".mailsync" || p == "mailsync.state" {
			t.Errorf("%q lies where a state directory does", levels)
		}
		want = append(want, p)
	}
	for _, dir := range []string{".mailsync", ".mailsync/trash", "mailsync.state", "mailsync.state/trash", ".DOVECOT-TRASHED", ".DOVECOT-TRASHED/cur", ".New", ".New/cur"} {
		if err := m.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"subscriptions", "dovecot-uidlist", "dovecot.index.log", "courierimapuiddb", ".New/maildirfolder", "cur/mailsync.marker"} {
		if err := (outside{m}).Write(name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	found, err := maildir.Open(m, maildir.Options{Layout: maildir.PlusPlus}).Find(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		if f.Err != nil || f.Marker.Path != f.Path {
			t.Errorf("%+v", f)
		}
		got = append(got, f.Path)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	// INBOX is scanned without a look at what lies beside its cur and new.
	md, err := tree.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	var kw state.Keywords
	s, err := md.Scan(context.Background(), token, nil, &kw)
	if err != nil || len(s.Messages) != 0 || len(s.Foreign) != 1 {
		t.Errorf("scan: %+v, %v", s, err)
	}
}

// Whatever mailboxes are called, a Maildir++ has them one folder deep, behind a dot, and
// the way back is the marker's or plain.
func TestPlusPlusIsFlat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		levels := rapid.SliceOfN(rapid.OneOf(
			rapid.String(),
			rapid.StringOfN(rapid.RuneFrom([]rune("./ .%~iInNbBoOxXmMailsync")), 0, 9, -1),
			rapid.SampledFrom([]string{"INBOX", "", ".", "..", "...", "a.b", "mailsync", "MAILSYNC", "state", "cur"}),
		), 1, 6).Draw(t, "levels")
		tree := maildir.Open(disktest.NewMem(disktest.MemOptions{}), maildir.Options{Layout: maildir.PlusPlus})
		p := tree.Place(levels, func(string) bool { return false })
		isInbox := len(levels) == 1 && strings.EqualFold(levels[0], "INBOX")
		switch {
		case isInbox != (p == "."):
			t.Errorf("%q lies at %q", levels, p)
		case isInbox:
		case p[0] != '.' || len(p) < 2 || strings.Contains(p, "/") || strings.Contains(p, "..") || strings.HasSuffix(p, "."):
			t.Errorf("%q lies at %q", levels, p)
		case strings.EqualFold(p, ".mailsync") || strings.Count(p, ".") != len(levels) && !strings.Contains(p, "%~"):
			t.Errorf("%q lies at %q", levels, p)
		}
	})
}
