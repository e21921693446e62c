//go:build unix

package main_test

import (
	"strings"
	"sync/atomic"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// A mailbox that no run could open, or whose name cannot be read, has no place in the state. A look at the
// state alone does not say "whole" for that, as long as the last run knew of it.
func TestVerifyOfMailboxesThatNoRunCouldOpen(t *testing.T) {
	acct := script.NewAccount()
	acct.Mailbox("INBOX").Append("Message-ID: <1@x>\r\n\r\none\r\n")
	acct.Add("Shut", "Message-ID: <2@x>\r\n\r\ntwo\r\n")
	acct.Caps = "IMAP4rev1 LITERAL+ UNSELECT UIDPLUS AUTH=PLAIN SASL-IR"
	var shut, unread atomic.Bool
	shut.Store(true)
	unread.Store(true)
	refuse := func(p *script.Peer, cmd script.Command) bool {
		if shut.Load() && strings.HasPrefix(cmd.Args, `"Shut"`) {
			p.Send("$tag NO [SERVERBUG] not now")
			return true
		}
		return false
	}
	srv := script.Every(t, script.Healthy(acct, script.Answers{"SELECT": refuse, "EXAMINE": refuse, "STATUS": refuse,
		"LIST": func(p *script.Peer, cmd script.Command) bool {
			if unread.Load() && strings.HasSuffix(strings.Trim(cmd.Args, `"`), "*") {
				p.Send(`* LIST () "/" Folder\Sub 1`)
			}
			return false
		}}))
	w := worldOf(t, srv)
	verify := func(code int, says ...string) {
		t.Helper()
		o := w.run("verify")
		o.want(t, code)
		for _, text := range says {
			if !strings.Contains(o.Stdout+o.Stderr, text) {
				t.Errorf("verify does not say %q:\n%s%s", text, o.Stdout, o.Stderr)
			}
		}
		if code != 0 && strings.Contains(o.Stdout, "intact") {
			t.Errorf("verify says intact:\n%s", o.Stdout)
		}
	}
	w.run("sync").want(t, 1)
	verify(7, "Shut: incomplete: no run has scanned", `Folder\\Sub 1: incomplete`)
	o := w.run("verify", "--server")
	o.want(t, 1)
	if strings.Contains(o.Stdout, "intact") || !strings.Contains(o.Stdout, "Shut: not here: all of the mailbox; the server does not report how many") {
		t.Errorf("against the server:\n%s", o.Stdout)
	}
	w.run("verify", "--mailbox", "INBOX").want(t, 0)
	w.run("verify", "--mailbox", "Shut").want(t, 7)
	unread.Store(false)
	w.run("backup").want(t, 1)
	verify(7, "Shut: incomplete")
	shut.Store(false)
	w.run("sync").want(t, 0)
	verify(0, "intact, 2 files")
	shut.Store(true) // what is here was seen once: the state knows it
	w.run("sync", "--full").want(t, 1)
	verify(0, "intact, 2 files")
}
