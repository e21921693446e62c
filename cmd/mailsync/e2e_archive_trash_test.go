//go:build unix

package main_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// bareServer is an account with old mail on a server that cannot expunge single messages, with a trash
// in which something lies already, and with a quota that does not fall by what is in there.
func bareServer(t *testing.T, caps, trash string) (*script.Account, *world) {
	t.Helper()
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ENABLE ID NAMESPACE UNSELECT CONDSTORE ESEARCH LIST-STATUS LIST-EXTENDED SPECIAL-USE QUOTA " + caps
	for i := range 3 {
		acct.Mailbox("INBOX").Append(fmt.Sprintf("Message-ID: <%d@mail.example.org>\r\nSubject: number %d\r\n\r\nHello %d\r\n", i, i, i), `\Seen`)
	}
	if trash != "" {
		box := acct.Add(trash)
		box.Attrs = `\Trash`
		box.Append("Message-ID: <old@mail.example.org>\r\nSubject: deleted by the user\r\n\r\nBye\r\n", `\Seen`)
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"GETQUOTAROOT": func(p *script.Peer, _ script.Command) bool {
		p.Send("* QUOTAROOT INBOX \"\"")
		p.Send("* QUOTA \"\" (STORAGE 90 100)")
		p.Send("$tag OK done")
		return true
	}}))
	w := &world{t: t, bin: program.Path(t), dir: t.TempDir()}
	w.root, w.config = filepath.Join(w.dir, "mail"), filepath.Join(w.dir, "config.toml")
	w.configure(plain(srv.Addr()))
	return acct, w
}

func messagesIn(acct *script.Account, name string) int {
	acct.Lock()
	defer acct.Unlock()
	if m := acct.Mailbox(name); m != nil {
		return len(m.Messages)
	}
	return 0
}

type archivedToTrash struct {
	Bytes, Freed int64
	Messages     int
	Gone, Stay   int
	ToTrash      bool `json:"to_trash"`
	MovedToTrash int  `json:"moved_to_trash"`
	Before       any  `json:"quota_before"`
	After        any  `json:"quota_after"`
}

// On a server without UIDPLUS old mail is moved to the trash. That is said, in the plan too, and
// nothing is said to be freed; nothing of it comes back, here or into the next run; and it can be
// undone.
func TestArchiveWithoutUIDPLUS(t *testing.T) {
	t.Parallel()
	for _, into := range []bool{false, true} {
		t.Run(fmt.Sprint("into an archive ", into), func(t *testing.T) {
			acct, w := bareServer(t, "MOVE", "Trash")
			w.syncOK()
			args := []string{"archive", "--older-than", "30d"}
			if into {
				args = append(args, "--into", filepath.Join(w.dir, "archive"))
			}
			o := w.run(args...)
			o.want(t, 0)
			if !strings.Contains(o.Stdout, "3 messages would be moved to the server's trash") || !strings.Contains(o.Stdout, "frees nothing") {
				t.Errorf("the plan says\n%s%s", o.Stdout, o.Stderr)
			}
			p := told[archivedToTrash](t, w.run(append(args, "--json")...), "archive")
			if p.Messages != 3 || p.Bytes != 0 || !p.ToTrash || p.MovedToTrash != 0 {
				t.Errorf("the plan is %+v", p)
			}
			o = w.run(append(args, "--apply", "--json")...)
			o.want(t, 0)
			p = told[archivedToTrash](t, o, "archive")
			if p.Gone != 0 || p.Freed != 0 || p.Stay != 0 || p.MovedToTrash != 3 || p.Before == nil || p.After == nil {
				t.Errorf("it did %+v", p)
			}
			if a := told[program.Account](t, o, "account"); a.DeletedOnServer != 0 {
				t.Errorf("it deleted %+v", a)
			}
			if messagesIn(acct, "INBOX") != 0 || messagesIn(acct, "Trash") != 4 {
				t.Errorf("%d are in INBOX, %d in Trash", messagesIn(acct, "INBOX"), messagesIn(acct, "Trash"))
			}
			for range 2 {
				o := w.run("sync", "--json")
				o.want(t, 0)
				if a := told[program.Account](t, o, "account"); a.Fetched+a.Appended+a.DeletedOnServer+a.DeletedOnDisk+a.Outstanding != 0 {
					t.Errorf("the sync after it: %+v", a)
				}
			}
			if n := len(readMaildir(t, w.root, "Trash")); n != 1 {
				t.Errorf("%d files are in the trash's Maildir", n)
			}
			w.run("verify").want(t, 0)
			w.run("verify", "--server").want(t, 0)
			o = w.run(append(args, "--apply")...)
			o.want(t, 0)
			if !strings.Contains(o.Stdout, "0 messages archived, 0 B freed") {
				t.Errorf("archived again\n%s%s", o.Stdout, o.Stderr)
			}
			o = w.run("archive", "--undo")
			o.want(t, 0)
			if !strings.Contains(o.Stdout, "3 moved back from the server's trash") {
				t.Errorf("undone\n%s%s", o.Stdout, o.Stderr)
			}
			if messagesIn(acct, "INBOX") != 3 || messagesIn(acct, "Trash") != 1 {
				t.Errorf("%d are in INBOX, %d in Trash", messagesIn(acct, "INBOX"), messagesIn(acct, "Trash"))
			}
			for range 2 {
				if a := w.syncOK(); a.Fetched+a.Appended+a.DeletedOnServer+a.DeletedOnDisk != 0 {
					t.Errorf("the sync after the undo: %+v", a)
				}
			}
			if n := len(readMaildir(t, w.root, "INBOX")); n != 3 {
				t.Errorf("%d files are in INBOX", n)
			}
		})
	}
}

// Where mail can leave the server in no way, nothing is let go, here or there.
func TestArchiveIsRefusedWithoutAWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, caps, trash string
		more              []string
	}{
		{"neither", "", "Trash", nil},
		{"no trash", "MOVE", "", nil},
		{"asked to expunge", "MOVE", "Trash", []string{"--via", "expunge"}},
		{"the trash itself", "MOVE", "Trash", []string{"--mailbox", "Trash"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct, w := bareServer(t, c.caps, c.trash)
			w.syncOK()
			inbox, trash := messagesIn(acct, "INBOX"), messagesIn(acct, c.trash)
			for _, apply := range []bool{false, true} {
				args := append([]string{"archive", "--older-than", "30d"}, c.more...)
				if apply {
					args = append(args, "--apply")
				}
				o := w.run(args...)
				o.want(t, 1)
				if !strings.Contains(o.Stderr, "mailsync: hint: ") || !strings.Contains(o.Stdout, "0 B") {
					t.Errorf("it says\n%s%s", o.Stdout, o.Stderr)
				}
			}
			if messagesIn(acct, "INBOX") != inbox || messagesIn(acct, c.trash) != trash {
				t.Error("something went")
			}
			o := w.run("archive", "--undo")
			o.want(t, 0)
			if !strings.Contains(o.Stdout+o.Stderr, "nothing to undo") {
				t.Errorf("undone\n%s%s", o.Stdout, o.Stderr)
			}
			w.syncOK()
		})
	}
}
