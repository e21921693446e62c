//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// storing is a server without UIDPLUS that makes of an APPEND what keep says, "" for nothing.
func storing(t *testing.T, acct *script.Account, keep func(selected bool, body string) string) *script.Server {
	acct.Caps = "IMAP4rev1 LITERAL+ UNSELECT AUTH=PLAIN SASL-IR"
	var mu sync.Mutex
	at := map[*script.Peer]string{}
	open := func(p *script.Peer, cmd script.Command) bool {
		mu.Lock()
		defer mu.Unlock()
		at[p] = cmd.Verb + " " + cmd.Args
		return false
	}
	return script.Every(t, script.Healthy(acct, script.Answers{"SELECT": open, "EXAMINE": open, "UNSELECT": open,
		"APPEND": func(p *script.Peer, cmd script.Command) bool {
			mu.Lock()
			name, _, _ := strings.Cut(strings.TrimPrefix(cmd.Args, `"`), `"`)
			selected := strings.HasPrefix(at[p], `SELECT "`+name+`"`)
			mu.Unlock()
			acct.Lock()
			defer acct.Unlock()
			if body := keep(selected, string(cmd.Literals[0])); body != "" {
				acct.Mailbox(name).Append(body).Date = time.Now()
			}
			p.Send("$tag OK APPEND completed")
			return true
		}}))
}

func worldOf(t *testing.T, srv *script.Server, more ...string) *world {
	w := &world{t: t, bin: program.Path(t), dir: t.TempDir()}
	w.root, w.config = filepath.Join(w.dir, "mail"), filepath.Join(w.dir, "config.toml")
	w.configure(append(plain(srv.Addr()), more...))
	return w
}

// drop puts files of another program into a folder.
func drop(t *testing.T, dir string, bodies ...string) {
	t.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range bodies {
		if err := os.WriteFile(filepath.Join(dir, "new", fmt.Sprintf("1500000%03d.P%d.host", i, i)), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that tells no UIDs and adds a line to the header: what is appended is there once, and
// here once, however often sync runs.
func TestAppendToAServerThatAddsAHeader(t *testing.T) {
	t.Parallel()
	acct := script.NewAccount()
	acct.Mailbox("INBOX").Append("Message-ID: <0@x>\r\nSubject: there\r\n\r\nthere\r\n")
	srv := storing(t, acct, func(_ bool, body string) string { return "X-Stored-By: this server\r\n" + body })
	w := worldOf(t, srv, "append = true")
	w.syncOK()
	drop(t, filepath.Join(w.root, "INBOX"), "Message-ID: <1@x>\nSubject: one\n\none\n", "Subject: two\n\ntwo\n", "Subject: two\n\ntwo\n")
	for n := range 6 {
		a := w.syncOK()
		if want := map[int]int{0: 3}[n]; a.Appended != want || a.Fetched != 0 || a.OnServer != 4 || a.Here != 4 {
			t.Errorf("run %d: %+v", n, a)
		}
		if names, _ := onDisk(t, w.root); names != 4 || len(acct.Mailbox("INBOX").Messages) != 4 {
			t.Errorf("run %d: %d on the server, %d here", n, len(acct.Mailbox("INBOX").Messages), names)
		}
	}
	w.run("verify").want(t, 0)
	w.syncOK("--full")
	if names, _ := onDisk(t, w.root); names != 4 {
		t.Errorf("a full comparison leaves %d here", names)
	}
}

// restore counts what the server lists. One that loses what is appended to the mailbox that is
// selected loses nothing; of one that loses it whatever is selected, each is named.
func TestRestoreCountsWhatTheServerLists(t *testing.T) {
	t.Parallel()
	const n = 30
	var bodies []string
	for i := range n {
		bodies = append(bodies, fmt.Sprintf("Message-ID: <%d@x>\nSubject: %d\n\nbody %d\n", i, i, i))
	}
	for _, always := range []bool{false, true} {
		acct := script.NewAccount()
		k, loses := 0, true
		srv := storing(t, acct, func(selected bool, body string) string {
			if k++; loses && (selected || always) && k%10 != 0 {
				return ""
			}
			return body
		})
		w := worldOf(t, srv)
		from := filepath.Join(w.dir, "old")
		drop(t, filepath.Join(from, "INBOX"), bodies...)
		o := w.run("restore", "work", "--from", from)
		there := len(acct.Mailbox("INBOX").Messages)
		switch {
		case !always:
			o.want(t, 0)
			if there != n || !strings.Contains(o.Stdout, "30 appended") {
				t.Errorf("%d are there\n%s", there, o.Stdout)
			}
			continue
		case there != 3 || o.Code != 1 || !strings.Contains(o.Stdout, "3 appended") || !strings.Contains(o.Stdout, "27 not restored"):
			t.Errorf("exit %d, %d are there\n%s%s", o.Code, there, o.Stdout, o.Stderr)
		}
		if !strings.Contains(o.Stderr, "does not list it") || !strings.Contains(o.Stderr, "hint") {
			t.Errorf("stderr:\n%s", o.Stderr)
		}
		acct.Lock()
		loses = false
		acct.Unlock()
		w.run("restore", "work", "--from", from).want(t, 0)
		o = w.run("restore", "work", "--from", from)
		o.want(t, 0)
		if there := len(acct.Mailbox("INBOX").Messages); there != n || !strings.Contains(o.Stdout, "30 already there") {
			t.Errorf("%d are there after\n%s", there, o.Stdout)
		}
	}
}
