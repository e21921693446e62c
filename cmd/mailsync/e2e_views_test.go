//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// withViews makes Dovecot show all mail of ada's in virtual/All and what is flagged in virtual/Flagged.
func withViews(t *testing.T) *servers.Server {
	t.Helper()
	srv := servers.Dovecot(t, servers.Config(`mail_plugins = quota zlib virtual
protocol imap {
  mail_plugins = quota zlib imap_quota imap_zlib virtual
}
namespace virtual {
  prefix = virtual/
  separator = /
  location = virtual:~/virtual
  mailbox All {
    special_use = \All
  }
  mailbox Flagged {
    special_use = \Flagged
  }
}`))
	srv.AddUser("ada")
	home := filepath.Dir(srv.Maildir("ada"))
	for name, search := range map[string]string{"All": "all", "Flagged": "flagged"} {
		dir := filepath.Join(home, "virtual", name)
		for _, err := range []error{os.MkdirAll(dir, 0o777), os.WriteFile(filepath.Join(dir, "dovecot-virtual"), []byte("*\n  "+search+"\n"), 0o644),
			os.Chmod(filepath.Dir(dir), 0o777), os.Chmod(dir, 0o777)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return srv
}

// What virtual mailboxes show of others is a copy of it: counted, freed and put back once. Nothing is left
// out by itself, and check and list say how it can be.
func TestViewsOnARealServer(t *testing.T) {
	t.Parallel()
	srv := withViews(t)
	client := srv.LogIn("ada")
	do(t, client, "CREATE Work")
	octets := 0
	put := func(mailbox string, n int, year int, flags ...string) {
		raw := fmt.Sprintf("Message-ID: <%s-%d@example.org>\r\nSubject: %d\r\n\r\n%s", mailbox, n, n, strings.Repeat("0123456789\r\n", 100))
		octets += len(raw)
		if err := client.Append(mailbox, append(flags, `\Seen`), time.Date(year, 1, 1, 0, 0, n, 0, time.UTC), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 6 {
		put("INBOX", n, 2020)
		put("Work", n, 2020)
	}
	freed := int64(octets)
	put("INBOX", 7, 2020, `\Flagged`) // stays
	put("Work", 7, 2026)              // stays
	w := newWorld(t, program.Path(t), srv, mirrorKeys()...)
	if a := w.syncOK(); a.Here != 14+14+1 {
		t.Fatalf("%d are here", a.Here)
	}

	for _, command := range []string{"list", "check"} {
		o := w.run(command)
		o.want(t, 0)
		if !strings.Contains(o.Stdout+o.Stderr, `exclude = ["role:all", "role:flagged"]`) || !strings.Contains(o.Stdout+o.Stderr, `"virtual/All" and "virtual/Flagged"`) {
			t.Errorf("%s\n%s%s", command, o.Stdout, o.Stderr)
		}
	}

	archive := func(more ...string) archivedToTrash {
		t.Helper()
		o := w.run(append([]string{"archive", "--json", "--older-than", "1y"}, more...)...)
		o.want(t, 0)
		return told[archivedToTrash](t, o, "archive")
	}
	if plan := archive(); plan.Messages != 12 || plan.Bytes != freed {
		t.Errorf("the plan %+v, and %d octets are to go", plan, freed)
	}
	if done := archive("--apply"); done.Gone != 12 || done.Freed != freed {
		t.Errorf("done %+v, and %d octets were to go", done, freed)
	}
	there := func(inbox, work, all, flagged int) {
		t.Helper()
		for name, want := range map[string]int{"INBOX": inbox, "Work": work, "virtual/All": all, "virtual/Flagged": flagged} {
			if mails, err := client.Read(name, false); err != nil || len(mails) != want {
				t.Errorf("%s has %d messages, want %d, %v", name, len(mails), want, err)
			}
		}
	}
	there(1, 1, 2, 1)
	w.syncOK()
	idle(t, w)

	w.run("archive", "--undo").want(t, 0)
	there(7, 7, 14, 1)
	w.syncOK()
	w.run("archive", "--undo").want(t, 0)
	there(7, 7, 14, 1)
	if a := w.syncOK(); a.Here != 29 || a.Fetched != 0 {
		t.Errorf("%+v", a)
	}
	w.run("verify", "--server").want(t, 0)

	// The server loses what it had; its mail goes back once.
	for _, name := range []string{"INBOX", "Work"} {
		do(t, client, "SELECT "+name)
		do(t, client, `UID STORE 1:* +FLAGS (\Deleted)`)
		do(t, client, "EXPUNGE")
	}
	do(t, client, "UNSELECT")
	there(0, 0, 0, 0)
	w.configure(append(serverSettings(srv), `on_server_delete = "keep"`))
	w.run("backup").want(t, 0)
	o := w.run("restore", "work")
	o.want(t, 0)
	there(7, 7, 14, 1)
	w.run("restore", "work").want(t, 0)
	there(7, 7, 14, 1)

	// And so it does on another server, which gets no mailbox for the copies.
	other := servers.Dovecot(t)
	other.AddUser("ada")
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	second := append(serverSettings(other), `user = "ada"`, fmt.Sprintf("password = %q", servers.Password), fmt.Sprintf("maildir = %q", w.root+"2"))
	if err := os.WriteFile(w.config, []byte(string(text)+"[accounts.second]\n"+strings.Join(second, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		o := w.run("restore", "work", "--to", "second")
		o.want(t, 0)
		if !strings.Contains(o.Stdout, "14 copies of others") {
			t.Errorf("restore\n%s%s", o.Stdout, o.Stderr)
		}
	}
	client = other.LogIn("ada")
	for name, want := range map[string]int{"INBOX": 7, "Work": 7} {
		if mails, err := client.Read(name, false); err != nil || len(mails) != want {
			t.Errorf("%s has %d messages there, want %d, %v", name, len(mails), want, err)
		}
	}
	if _, err := client.Read("All", false); err == nil {
		t.Error("a mailbox was made for copies")
	}
}
