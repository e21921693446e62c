//go:build unix

package main_test

import (
	"path/filepath"
	"slices"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// The same story on every server: mail comes, nothing comes twice, flags go both ways,
// whatever extensions there are and however mailboxes are spelled.
func TestEveryServer(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name   string
		begin  func(t testing.TB, opts ...servers.Option) *servers.Server
		opts   []servers.Option
		nested string // "Work/2024" as the server spells it
	}{
		{"Cyrus", servers.Cyrus, nil, "Work/2024"},
		{"Cyrus with INBOX.", servers.Cyrus, []servers.Option{servers.InboxPrefix()}, "INBOX.Work.2024"},
		{"Cyrus without CONDSTORE", servers.Cyrus, []servers.Option{
			servers.Hide("CONDSTORE", "QRESYNC", "OBJECTID", "LIST-STATUS", "MOVE")}, "Work/2024"},
		{"Courier", servers.Courier, nil, "INBOX.Work.2024"},
		{"Dovecot with INBOX.", servers.Dovecot, []servers.Option{servers.InboxPrefix()}, "INBOX.Work.2024"},
		{"Dovecot like Exchange", servers.Dovecot, []servers.Option{servers.ExchangeLike()}, "Work/2024"},
		{"Dovecot with two sessions a user", servers.Dovecot, []servers.Option{servers.MaxSessions(2)}, "Work/2024"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t, c.opts...)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			do(t, client, "CREATE "+c.nested)
			spelled := map[string]string{"INBOX": "INBOX", "Work/2024": c.nested}
			n := 0
			for i, m := range slices.Concat(slices.Collect(corpus.Messages(20, 30)), plainOdd()) {
				mailbox := []string{"INBOX", c.nested}[i%2]
				if err := client.Append(mailbox, m.Flags, m.Date, m.Raw); err != nil {
					t.Logf("the server refuses %q: %v", m.Name, err)
					continue
				}
				n++
			}
			w := newWorld(t, bin, srv)
			if a := w.syncOK(); a.Fetched != n {
				t.Errorf("fetched %d of %d", a.Fetched, n)
			}
			compareBoth := func() {
				t.Helper()
				for local, wire := range spelled {
					compare(t, client, wire, w.root, filepath.FromSlash(local))
				}
			}
			compareBoth()

			if err := client.Append(c.nested, []string{`\Flagged`}, plainOdd()[0].Date, []byte("Subject: new\r\n\r\nx\r\n")); err != nil {
				t.Fatal(err)
			}
			do(t, client, "SELECT "+c.nested)
			do(t, client, `UID STORE 3:4 +FLAGS (\Answered)`)
			do(t, client, "SELECT INBOX")
			toggled := toggleFlagged(t, w.root, "INBOX", 2, 5)
			if a := w.syncOK(); a.Fetched != 1 || a.FlagsToServer != toggled {
				t.Errorf("fetched %d, flags of %d messages to the server; want 1 and %d", a.Fetched, a.FlagsToServer, toggled)
			}
			compareBoth()

			w.syncOK()
			before := entries(t, w.root)
			if a := w.syncOK(); a.Fetched+a.FlagsToServer+a.FlagsToDisk+a.Appended != 0 {
				t.Errorf("an idle run did something: %+v", a)
			}
			sameEntries(t, before, entries(t, w.root))
		})
	}
}

// plainOdd are the odd messages that any server takes, without the largest.
func plainOdd() []corpus.Message {
	return slices.DeleteFunc(corpus.Odd(), func(m corpus.Message) bool {
		return !m.Plain() || len(m.Raw) > 1<<20
	})
}
