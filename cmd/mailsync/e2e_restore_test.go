//go:build unix

package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// snapshot is what a server has of each mailbox, UIDs left out: one line a message.
func snapshot(t *testing.T, client *servers.Session, names []string, spell func(string) string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, name := range names {
		mails, err := client.Read(spell(name), true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, m := range mails {
			sum := sha256.Sum256(m.Body)
			all[name] = append(all[name], fmt.Sprintf("%d octets %x %s %s", len(m.Body), sum[:6], m.Date.UTC().Format("2006-01-02 15:04:05"),
				strings.Join(serverFlags(m), " ")))
		}
		slices.Sort(all[name])
	}
	return all
}

// differ tells what one snapshot has and the other does not.
func differ(a, b []string) (only []string) {
	left := map[string]int{}
	for _, line := range b {
		left[line]++
	}
	for _, line := range a {
		if left[line]--; left[line] < 0 {
			only = append(only, line)
		}
	}
	return only
}

// keeps are the odd messages that a server takes and gives back as they were. What it does with
// the others is its own: Cyrus refuses what has no header and puts an X in the place of each 8-bit
// octet in one, Courier ends the last line and cuts headers that are very long.
func keeps(t *testing.T, client *servers.Session, scratch string) (kept []corpus.Message) {
	t.Helper()
	do(t, client, "CREATE "+servers.Quote(scratch))
	defer do(t, client, "DELETE "+servers.Quote(scratch))
	var sent []corpus.Message
	for _, m := range plainOdd() {
		if err := client.Append(scratch, nil, m.Date, m.Raw); err != nil {
			t.Logf("it refuses %q: %v", m.Name, err)
			continue
		}
		sent = append(sent, m)
	}
	mails, err := client.Read(scratch, true)
	if err != nil || len(mails) != len(sent) {
		t.Fatalf("%d of %d are there: %v", len(mails), len(sent), err)
	}
	for i, m := range mails {
		if !bytes.Equal(m.Body, sent[i].Raw) {
			t.Logf("it changes %q: %d octets become %d", sent[i].Name, len(sent[i].Raw), len(m.Body))
			continue
		}
		kept = append(kept, sent[i])
	}
	return kept
}

// twoAccounts configures "work" on one server, which archives everything, and "other" on another one.
func twoAccounts(t *testing.T, bin string, from, to *servers.Server) *world {
	t.Helper()
	w := newWorld(t, bin, from)
	more := settings{"[accounts.work.archive]", fmt.Sprintf("into = %q", filepath.Join(w.dir, "archive")+"/{year}"), `older_than = "0s"`,
		`never_younger_than = "0s"`, "keep = []",
		"[accounts.other]", `user = "ada"`, fmt.Sprintf("password = %q", servers.Password), fmt.Sprintf("maildir = %q", filepath.Join(w.dir, "other"))}
	own := settings{`user = "ada"`, fmt.Sprintf("password = %q", servers.Password), fmt.Sprintf("maildir = %q", w.root)}
	w.configure(slices.Concat(own, serverSettings(from), more, serverSettings(to)))
	return w
}

// Pull from Dovecot, archive everything, restore to an empty server of another make, pull
// again: the same bytes, flags, keywords, dates and mailboxes.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
		spell func(string) string
	}{
		{"Cyrus", servers.Cyrus, corpus.WireName},
		{"Courier", servers.Courier, func(name string) string {
			if name == "INBOX" {
				return name
			}
			return "INBOX." + strings.ReplaceAll(corpus.WireName(name), "/", ".")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, fresh := servers.Dovecot(t), c.begin(t)
			fresh.AddUser("ada")
			other := fresh.LogIn("ada")
			client, n := lay(t, old, 7, 40, keeps(t, other, c.spell("scratch"))...)
			want := snapshot(t, client, every(), corpus.WireName)
			w := twoAccounts(t, bin, old, fresh)
			if a := w.syncOK("work"); a.Fetched != n {
				t.Fatalf("fetched %d of %d", a.Fetched, n)
			}
			w.run("archive", "--apply", "work").want(t, 0)
			if left := serverDigests(t, client, every()); len(left) > 0 {
				t.Errorf("%d messages are left on the old server", len(left))
			}
			w.run("verify", "work").want(t, 0)
			o := w.run("restore", "work", "--to", "other", "--json")
			o.want(t, 0)
			got := snapshot(t, other, every(), c.spell)
			for _, name := range every() {
				for _, line := range differ(want[name], got[name]) {
					t.Errorf("%s lacks %s", name, line)
				}
				for _, line := range differ(got[name], want[name]) {
					t.Errorf("%s has %s", name, line)
				}
			}
			if again := told[restoredTold](t, w.run("restore", "work", "--to", "other", "--json"), "account"); again.Appended != 0 {
				t.Errorf("a second restore appends %d", again.Appended)
			}
			remove(t, filepath.Join(w.dir, "other", ".mailsync", "restored"))
			if again := told[restoredTold](t, w.run("restore", "work", "--to", "other", "--json"), "account"); again.Appended != 0 {
				t.Errorf("a restore without its record appends %d", again.Appended)
			}
			if a := w.syncOK("other"); a.Fetched != n {
				t.Errorf("fetched %d of %d from the new server", a.Fetched, n)
			}
			w.run("verify", "--server", "other").want(t, 0)

			// A damaged file in the archive is found, and put on no server.
			filed, err := filepath.Glob(filepath.Join(w.dir, "archive", "2025", "cur", "*"))
			if err != nil || len(filed) == 0 {
				t.Fatalf("the archive is empty: %v", err)
			}
			b, err := os.ReadFile(filed[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filed[0], append(b, "more\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
			v := w.run("verify", "work")
			if v.want(t, 7); !strings.Contains(v.Stdout, filed[0]) {
				t.Errorf("verify names no file in the archive:\n%s", v.Stdout)
			}
			w.run("restore", "work", "--to", "other", "--into", "Again").want(t, 1)
		})
	}
}

type restoredTold struct{ Appended int }

// A restore that is killed at any moment, again and again, loses and doubles nothing.
func TestRestoreKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	old, fresh := servers.Dovecot(t), servers.Dovecot(t)
	client, n := lay(t, old, 11, 250)
	fresh.AddUser("ada")
	w := twoAccounts(t, bin, old, fresh)
	if a := w.syncOK("work"); a.Fetched != n {
		t.Fatalf("fetched %d of %d", a.Fetched, n)
	}
	killed := 0
	for i := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := w.command(ctx, "restore", "work", "--to", "other")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(15+35*i)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err != nil {
			killed++
		}
		kill.Stop()
		cancel()
	}
	w.run("restore", "work", "--to", "other").want(t, 0)
	want, got := serverDigests(t, client, every()), serverDigests(t, fresh.LogIn("ada"), every())
	if !equalCounts(want, got) {
		have := 0
		for _, n := range got {
			have += n
		}
		t.Errorf("killed %d times, and there are %d messages, want %d", killed, have, n)
	}
	if killed == 0 {
		t.Error("it was never killed: the test shows nothing")
	}
}

// A sync that is at work makes verify find nothing wrong.
func TestVerifyBesideSync(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	client, n := lay(t, srv, 13, 200)
	w := newWorld(t, bin, srv, mirrorKeys()...)
	if a := w.syncOK(); a.Fetched != n {
		t.Fatalf("fetched %d of %d", a.Fetched, n)
	}
	for i := range 5 {
		do(t, client, "SELECT INBOX")
		do(t, client, fmt.Sprintf(`UID STORE %d:%d +FLAGS (\Deleted)`, 1+i*8, 6+i*8))
		do(t, client, "EXPUNGE")
		do(t, client, fmt.Sprintf(`UID STORE 50:90 %cFLAGS (\Flagged \Answered)`, "+-"[i%2]))
		for _, m := range slices.Collect(corpus.Messages(uint64(100+i), 15)) {
			if err := client.Append("INBOX", m.Flags, m.Date, m.Raw); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := w.command(ctx, "sync")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			w.run("verify", "--wait", "1m").want(t, 0)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("sync: %v", err)
		}
		cancel()
	}
}
