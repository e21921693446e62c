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

// shared makes Dovecot keep access rights for each mailbox (RFC 4314).
func shared() servers.Option {
	return servers.Config("mail_plugins = quota zlib acl\nprotocol imap {\n  mail_plugins = quota zlib imap_quota imap_zlib acl imap_acl\n}\nplugin {\n  acl = vfile\n}")
}

// flagFile gives the file of a message other flags.
func flagFile(t *testing.T, root, rel string, uid uint32, flags string) {
	t.Helper()
	from := files(t, root, rel)[uid]
	base, _, _ := strings.Cut(filepath.Base(from), ":2,")
	if err := os.Rename(from, filepath.Join(root, rel, "cur", base+":2,"+flags)); err != nil {
		t.Fatal(err)
	}
}

// In a mailbox that its user may read and no more, a flag set here is said once, is no failure and no
// difference, and travels once the user may set it. What cannot be deleted there is not archived, with the
// reason, and nothing of it is left to do.
func TestRightsOfAMailbox(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t, shared())
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	do(t, client, "CREATE RO")
	for i := range 4 {
		raw := fmt.Sprintf("Message-ID: <%d@ro>\r\nSubject: %d\r\n\r\nhello\r\n", i, i)
		if err := client.Append("RO", nil, time.Date(2020, 1, 1, 0, 0, i, 0, time.UTC), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	do(t, client, "SETACL RO ada lra")
	w := newWorld(t, program.Path(t), srv)
	w.syncOK()

	flagFile(t, w.root, "RO", 1, "S")
	o := w.run("sync")
	o.want(t, 0)
	if !strings.Contains(o.Stderr, `cannot be set here`) || !strings.Contains(o.Stderr, `\Seen`) || !strings.Contains(o.Stderr, "RO") {
		t.Errorf("it said\n%s%s", o.Stdout, o.Stderr)
	}
	for range 2 {
		o = w.run("sync")
		o.want(t, 0)
		if strings.Contains(o.Stderr, "cannot be set") {
			t.Errorf("it said it again\n%s", o.Stderr)
		}
	}
	idle(t, w)
	o = w.run("verify", "--server")
	o.want(t, 0)
	if !strings.Contains(o.Stdout, "cannot be set there: uid 1") {
		t.Errorf("verify\n%s%s", o.Stdout, o.Stderr)
	}

	o = w.run("archive", "--apply", "--older-than", "1y", "--keep", "", "--mailbox", "RO")
	o.want(t, 1)
	if !strings.Contains(o.Stderr, "read-only") || !strings.Contains(o.Stderr, "access rights") {
		t.Errorf("archive\n%s%s", o.Stdout, o.Stderr)
	}
	w.syncOK() // nothing of it is left to do
	idle(t, w)
	if n := len(files(t, w.root, "RO")); n != 4 {
		t.Errorf("%d messages are here", n)
	}

	// Of the flags, \Seen may be set now.
	do(t, client, "SETACL RO ada lrsa")
	flagFile(t, w.root, "RO", 2, "F")
	o = w.run("sync")
	o.want(t, 0)
	if !strings.Contains(o.Stderr, `cannot be set here`) || strings.Contains(o.Stderr, `\Seen`) || !strings.Contains(o.Stderr, `\Flagged`) {
		t.Errorf("it said\n%s%s", o.Stdout, o.Stderr)
	}
	mails, err := client.Read("RO", false)
	if err != nil || len(mails) != 4 || fmt.Sprint(mails[0].Flags, mails[1].Flags) != `[\Seen] []` {
		t.Errorf("the server has %+v, %v", mails, err)
	}
	w.syncOK()
	idle(t, w)
	o = w.run("archive", "--apply", "--older-than", "1y", "--keep", "", "--mailbox", "RO")
	o.want(t, 1)
	if !strings.Contains(o.Stderr, `\Deleted`) || !strings.Contains(o.Stderr, "access rights") {
		t.Errorf("archive\n%s%s", o.Stdout, o.Stderr)
	}
	w.syncOK()
	idle(t, w)
}

// A server may say OK to what it does not do. Without the right to mark what is deleted, an archive run leaves nothing to
// do; without the right to expunge, no message stays marked as deleted.
func TestRightsThatTheServerOnlyActsOn(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t, shared())
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	for _, name := range []string{"Unmarked", "Kept"} {
		do(t, client, "CREATE "+name)
		raw := fmt.Sprintf("Message-ID: <%s>\r\nSubject: %[1]s\r\n\r\nhello\r\n", name)
		if err := client.Append(name, []string{`\Seen`}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	do(t, client, "SETACL Unmarked ada lrwa") // w lets it set keywords: PERMANENTFLAGS says \*
	do(t, client, "SETACL Kept ada lrsta")
	w := newWorld(t, program.Path(t), srv)
	w.syncOK()
	archive := func(mailbox, says string) {
		t.Helper()
		o := w.run("archive", "--apply", "--older-than", "1y", "--mailbox", mailbox)
		o.want(t, 1)
		if !strings.Contains(o.Stderr, says) || !strings.Contains(o.Stderr, "access rights") {
			t.Errorf("archive of %s\n%s%s", mailbox, o.Stdout, o.Stderr)
		}
		mails, err := client.Read(mailbox, false)
		if err != nil || len(mails) != 1 || fmt.Sprint(mails[0].Flags) != `[\Seen]` {
			t.Errorf("%s has %+v, %v", mailbox, mails, err)
		}
	}
	archive("Unmarked", `keeps no \Deleted`)
	w.syncOK()
	idle(t, w)
	archive("Kept", "archive --undo")
	w.run("archive", "--undo").want(t, 0)
	w.syncOK()
	idle(t, w)
	w.run("verify", "--server").want(t, 0)
}
