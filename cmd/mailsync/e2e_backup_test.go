//go:build unix

package main_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// backup of a real server, without a configuration: everything comes, nothing that could
// change the server is sent, and the server shows the same before and after.
func TestBackupChangesNothing(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	client, n := lay(t, srv, 11, 120)
	before := seen(t, client)
	w := newWorld(t, program.Path(t), srv)
	trace := filepath.Join(w.dir, "trace.log")
	o := w.run("sync", "--mailbox", "INBOX")
	o.want(t, 0)
	toggleFlagged(t, w.root, "INBOX", 1, 4)
	for range 2 {
		o = w.run("backup", "--trace", trace)
		o.want(t, 0)
		if !strings.Contains(o.Stdout, "on the server "+strconv.Itoa(n)+" messages") || !strings.Contains(o.Stdout, ": "+strconv.Itoa(n)+" here (") {
			t.Errorf("no proof of %d messages:\n%s", n, o.Stdout)
		}
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if bad := regexp.MustCompile(`C: \S+ (UID )?(SELECT|STORE|APPEND|EXPUNGE|CLOSE|CREATE|COPY|MOVE|DELETE|RENAME).*`).Find(text); bad != nil {
		t.Errorf("sent: %s", bad)
	}
	if strings.Contains(string(text), servers.Password) || !strings.Contains(string(text), "EXAMINE") {
		t.Errorf("a trace with a password, or of nothing:\n%.2000s", text)
	}
	if after := seen(t, client); after != before {
		t.Errorf("the server was changed:\n%s\nit was\n%s", after, before)
	}
	if got, want := digests(t, w.root), serverDigests(t, client, every()); !equalCounts(got, want) {
		t.Errorf("%d different messages on disk, %d on the server", len(got), len(want))
	}

	// And without a configuration.
	other := filepath.Join(w.dir, "other")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := w.command(ctx)
	cmd.Args = []string{w.bin, "backup", "--url", "imaps://ada@" + srv.IMAPS, "--tls-ca", srv.CAFile(), "--maildir", other,
		"--password-command", "echo '" + servers.Password + "'"}
	w.finish(ctx, cmd).want(t, 0)
	if got := digests(t, other); !equalCounts(got, digests(t, w.root)) {
		t.Errorf("%d different messages without a configuration", len(got))
	}
}

// seen is every message on the server with its flags.
func seen(t *testing.T, client *servers.Session) string {
	t.Helper()
	var b strings.Builder
	for _, mailbox := range every() {
		messages, err := client.Read(corpus.WireName(mailbox), false)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			b.WriteString(mailbox + " " + strconv.Itoa(int(m.UID)) + " " + strings.Join(serverFlags(m), " ") + "\n")
		}
	}
	return b.String()
}

// A message that the server does not give is a failure until it is accepted.
func TestAcceptWhatCannotBeHad(t *testing.T) {
	t.Parallel()
	acct := script.NewAccount()
	for _, word := range []string{"one", "two", "three"} {
		acct.Mailbox("INBOX").Append("Subject: " + word + "\r\n\r\n" + word + "\r\n")
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			if !strings.Contains(cmd.Args, "BODY") || !regexp.MustCompile(`^(1:3|2|1:2|2:3) `).MatchString(cmd.Args) {
				return false
			}
			p.Send("$tag NO [SERVERBUG] cannot read that one")
			return true
		},
	}))
	w := &world{t: t, bin: program.Path(t), dir: t.TempDir()}
	w.root, w.config = filepath.Join(w.dir, "mail"), filepath.Join(w.dir, "config.toml")
	w.configure(plain(srv.Addr()))
	for range 2 {
		o := w.sync()
		o.want(t, 1)
		if a := o.account; a.Here != 2 || a.Outstanding != 1 || len(a.Errors) != 1 || a.Errors[0].UID != 2 || a.Errors[0].Mailbox != "INBOX" {
			t.Errorf("%+v", a)
		}
	}
	o := w.sync("--accept", "INBOX:2")
	o.want(t, 0)
	if a := o.account; a.Here != 2 || a.Outstanding != 0 || a.OnServer != 3 {
		t.Errorf("accepted: %+v", a)
	}
	o = w.sync()
	o.want(t, 0)
	if o.account.Unchanged != 1 {
		t.Errorf("after that: %+v", o.account)
	}
	if o = w.run("backup"); !strings.Contains(o.Stdout, "3 messages in 1 mailbox: 2 here, 1 accepted (") {
		t.Errorf("backup says %s", o.Stdout)
	}
}
