//go:build unix

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// What a mail reader does to a Maildir reaches the server: neomutt through its keys, and
// notmuch, which renames files where a tag is a flag.
func TestMailReaders(t *testing.T) {
	t.Parallel()
	servers.Need(t, "mail readers", "neomutt", "script", "notmuch")
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	do(t, client, "CREATE Work")
	for i, m := range slices.Collect(corpus.Messages(80, 24)) {
		if err := client.Append([]string{"INBOX", "Work"}[i%2], m.Flags, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	// Two without any flag, which lie in new.
	for m := range corpus.Messages(81, 2) {
		if err := client.Append("INBOX", nil, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, bin, srv, `layout = "maildir++"`)
	w.syncOK()

	for _, reader := range []struct {
		name string
		act  func()
		all  map[string][]string // what every message of a mailbox has after
		none map[string][]string // and what none has
	}{
		{"neomutt", func() {
			w.neomutt(".", `<tag-pattern>~A<enter><tag-prefix><clear-flag>!<tag-prefix><set-flag>r<quit>`)
			w.neomutt(".Work", `<tag-pattern>~A<enter><tag-prefix><set-flag>!<tag-prefix><set-flag>N<quit>`)
		}, map[string][]string{"INBOX": {`\Answered`, `\Seen`}, "Work": {`\Flagged`}},
			map[string][]string{"INBOX": {`\Flagged`}, "Work": {`\Seen`}}},
		{"notmuch", func() {
			w.notmuch("new")
			w.notmuch("tag", "-unread", "+draft", "-flagged", "--", "folder:.Work")
			w.notmuch("tag", "+flagged", "-replied", "+passed", "--", `folder:""`)
		}, map[string][]string{"INBOX": {`\Seen`, `\Flagged`, "$Forwarded"}, "Work": {`\Seen`, `\Draft`}},
			map[string][]string{"INBOX": {`\Answered`}, "Work": {`\Flagged`}}},
	} {
		reader.act()
		if a := w.syncOK(); a.Fetched != 0 || a.FlagsToServer == 0 || a.OnServer != 26 {
			t.Errorf("after %s: %+v", reader.name, a)
		}
		compare(t, client, "INBOX", w.root, ".")
		compare(t, client, "Work", w.root, ".Work")
		for mailbox, all := range reader.all {
			mails, err := client.Read(mailbox, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range mails {
				has := func(flag string) bool { return slices.Contains(m.Flags, flag) }
				if slices.ContainsFunc(all, func(f string) bool { return !has(f) }) || slices.ContainsFunc(reader.none[mailbox], has) {
					t.Errorf("after %s: %s UID %d has %v", reader.name, mailbox, m.UID, m.Flags)
				}
			}
		}
	}
	w.syncOK()
	before := entries(t, w.root)
	if a := w.syncOK(); a.Unchanged != a.Mailboxes {
		t.Errorf("an idle run did something: %+v", a)
	}
	sameEntries(t, before, entries(t, w.root))
}

// neomutt opens a Maildir, presses keys and ends. It wants a terminal, which script(1)
// is.
func (w *world) neomutt(rel, keys string) {
	w.t.Helper()
	rc := filepath.Join(w.dir, "neomuttrc")
	text := fmt.Sprintf("set folder=%q quit=yes delete=yes\npush %q\n", w.root, keys)
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	// timeout(1) left to itself, under a shell that does not give way to it, makes neomutt a
	// job in the background, which is stopped where it wants the terminal.
	command := fmt.Sprintf("timeout --foreground -k 5 60 neomutt -n -F '%s' -f '%s'", rc, filepath.Join(w.root, rel))
	cmd := exec.Command("script", "-qec", command, "/dev/null")
	// An end of its input would reach neomutt as a key.
	if _, err := cmd.StdinPipe(); err != nil {
		w.t.Fatal(err)
	}
	w.reader(cmd)
}

// notmuch runs one of its commands over the tree, with tags that follow flags.
func (w *world) notmuch(args ...string) {
	w.t.Helper()
	config := filepath.Join(w.dir, "notmuch-config")
	text := "[database]\npath=" + w.root + "\n[user]\nname=Ada\nprimary_email=ada@example.org\n" +
		"[new]\nignore=mailsync.state\n[maildir]\nsynchronize_flags=true\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.reader(exec.Command("notmuch", append([]string{"--config=" + config}, args...)...))
}

func (w *world) reader(cmd *exec.Cmd) {
	w.t.Helper()
	cmd.Env = append(os.Environ(), "HOME="+w.dir, "SHELL=/bin/sh", "TERM=xterm", "LC_ALL=C.UTF-8")
	if out, err := servers.Output(cmd); err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}
