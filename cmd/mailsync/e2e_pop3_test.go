//go:build unix

package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// popSettings reach a server's POP3 with TLS from the first byte.
func popSettings(srv *servers.Server) settings {
	host, port, _ := strings.Cut(srv.POP3S, ":")
	return settings{`protocol = "pop3"`, fmt.Sprintf("host = %q", host), "port = " + port, fmt.Sprintf("tls_ca = %q", srv.CAFile())}
}

// popWorld configures one account "work" for user ada of a server's POP3.
func popWorld(t *testing.T, bin string, srv *servers.Server, more ...string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, bin: bin, dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")}
	w.configure(append(popSettings(srv), more...))
	return w
}

// The same story on every server: mail comes byte for byte and once, an idle run does
// nothing, the Maildir alone is enough, and what went on the server stays here.
func TestPOP3WithEveryServer(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
	}{{"Dovecot", servers.Dovecot}, {"Courier", servers.Courier}, {"Cyrus", servers.Cyrus}} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			want := map[[32]byte]int{}
			n := 0
			for _, m := range slices.Concat(slices.Collect(corpus.Messages(30, 40)), plainOdd()) {
				if !bytes.HasSuffix(m.Raw, []byte("\r\n")) || m.Name == "very many parts" {
					continue // POP3 ends each line of an answer; Courier counts the other one wrong
				}
				if err := client.Append("INBOX", nil, m.Date, m.Raw); err != nil {
					t.Logf("the server refuses %q: %v", m.Name, err)
					continue
				}
				want[sha256.Sum256(m.Raw)]++
				n++
			}
			if c.name == "Cyrus" {
				want = serverDigests(t, client, []string{"INBOX"}) // it mends odd line ends as it takes them
			}
			w := popWorld(t, bin, srv)
			if a := w.syncOK(); a.Fetched != n || a.Here != n || a.Protocol != "pop3" {
				t.Errorf("fetched %d of %d: %+v", a.Fetched, n, a)
			}
			same := func() {
				t.Helper()
				if got := digests(t, w.root); !equalCounts(got, want) {
					t.Errorf("%d different messages on disk, %d wanted", len(got), len(want))
				}
			}
			same()
			before := entries(t, w.root)
			if a := w.syncOK(); a.Fetched != 0 || a.Unchanged != 1 {
				t.Errorf("an idle run: %+v", a)
			}
			sameEntries(t, before, entries(t, w.root))

			remove(t, filepath.Join(w.root, ".mailsync"))
			if a := w.syncOK(); a.Fetched != 0 || a.Here != n {
				t.Errorf("without the state: %+v", a)
			}
			same()

			do(t, client, "SELECT INBOX")
			do(t, client, `STORE 1:3 +FLAGS (\Deleted)`)
			do(t, client, "EXPUNGE")
			if a := w.syncOK(); a.Fetched != 0 || a.OnServer != n-3 || a.Here != n-3 {
				t.Errorf("after three went on the server: %+v", a)
			}
			same()

			w.configure(append(popSettings(srv), `delete = "14d"`, `delete_bigger_than = "100K"`))
			large := 0
			for _, f := range readFiles(t, w.root, "INBOX") {
				if len(f.body) > 100<<10 {
					large++
				}
			}
			plan := w.run("sync", "--dry-run", "-v")
			if got := strings.Count(plan.Stdout, "release uid "); got == 0 || got > large {
				t.Errorf("a dry run lets %d go, and %d are large\n%s%s", got, large, plan.Stdout, plan.Stderr)
			}
			left := n - 3
			if a := w.sync().account; a.DeletedOnServer == 0 || a.DeletedOnServer > large || a.Status != "ok" {
				t.Errorf("%d are large: %+v", large, a)
			} else {
				left -= a.DeletedOnServer
			}
			w.configure(append(popSettings(srv), `delete = "fetched"`))
			if a := w.sync().account; a.DeletedOnServer != left || a.Status != "ok" {
				t.Errorf("%d were left: %+v", left, a)
			}
			if a := w.syncOK(); a.OnServer != 0 || a.Fetched+a.DeletedOnServer != 0 {
				t.Errorf("in the end: %+v", a)
			}
			if mails, err := client.Read("INBOX", false); err != nil || len(mails) != 0 {
				t.Errorf("%d are left on the server: %v", len(mails), err)
			}
			same()
		})
	}
}
