//go:build unix

package main_test

import (
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/servers"
)

// every is each mailbox of ada's: those of the corpus, and two that the server makes.
func every() []string { return append(corpus.Mailboxes(), "Drafts", "Archive") }

// lay fills ada's mailboxes with n ordinary messages, unevenly, and puts further ones
// into INBOX. It returns a session as ada and how many messages there are.
func lay(t *testing.T, srv *servers.Server, seed uint64, n int, further ...corpus.Message) (*servers.Session, int) {
	t.Helper()
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	names := corpus.Mailboxes()
	for _, name := range names {
		if name != "INBOX" {
			if _, err := client.Do("CREATE " + servers.Quote(corpus.WireName(name))); err != nil {
				t.Fatal(err)
			}
		}
	}
	next, stop := iter.Pull(corpus.Messages(seed, n))
	defer stop()
	total := 0
	for i, name := range names {
		// The first mailbox gets half, the second half of the rest, and so on.
		share := (n - total + 1) / 2
		if i == len(names)-1 {
			share = n - total
		}
		total += layInto(t, srv, name, func(yield func(corpus.Message) bool) {
			for range share {
				if m, ok := next(); !ok || !yield(m) {
					return
				}
			}
		})
	}
	total += layInto(t, srv, "INBOX", func(yield func(corpus.Message) bool) {
		for _, m := range further {
			if !yield(m) {
				return
			}
		}
	})
	srv.Own(srv.Maildir("ada"))
	return client, total
}

// layInto puts messages straight into one of ada's mailboxes, as Dovecot's Maildir++
// has it.
func layInto(t *testing.T, srv *servers.Server, name string, messages iter.Seq[corpus.Message]) int {
	t.Helper()
	dir := srv.Maildir("ada")
	if name != "INBOX" {
		dir = filepath.Join(dir, "."+strings.ReplaceAll(corpus.WireName(name), "/", "."))
	}
	n, err := corpus.Lay(dir, messages)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// do is a command that has to succeed.
func do(t *testing.T, client *servers.Session, command string) {
	t.Helper()
	if _, err := client.Do(command); err != nil {
		t.Fatal(err)
	}
}

// compareAll compares every mailbox and returns how many messages there are.
func compareAll(t *testing.T, client *servers.Session, root string) int {
	t.Helper()
	n := 0
	for _, name := range every() {
		n += compare(t, client, name, root, filepath.FromSlash(name))
	}
	return n
}
