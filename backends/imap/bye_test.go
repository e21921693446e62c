package imap

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// A BYE is no refusal of the command that it ends: the command is sent again over another connection, nothing is learned
// from it, and no mailbox or message is blamed.

// byeOnce ends the connection at the first of some commands, and does nothing at the later ones.
func byeOnce() script.Answer {
	var n atomic.Int32
	return func(p *script.Peer, _ script.Command) bool {
		if n.Add(1) > 1 {
			return false
		}
		p.MayEnd = true
		p.Send("* BYE shutting down")
		p.Close()
		return true
	}
}

func TestByeAtAppendLimit(t *testing.T) {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 LITERAL+ UIDPLUS APPENDLIMIT"
	srv := script.Every(t, script.Healthy(acct, script.Answers{"STATUS": byeOnce()}))
	out, err := account(t, options(srv)).Append(t.Context(), "INBOX", plain("one", "two"), nil)
	if err != nil || out[0].Err != nil || out[1].Err != nil || len(stored(acct, "INBOX")) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestByeAtUnselect(t *testing.T) {
	acct := boxes()
	acct.Caps = "IMAP4rev1 LITERAL+ UIDPLUS UNSELECT"
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UNSELECT": byeOnce()}))
	a := account(t, options(srv), func(o *Options) { o.Connections = 1 })
	if _, err := a.List(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	scanOf(t, a, state.ScanRequest{Raw: "Old"})
	out, err := a.Append(t.Context(), "Old", plain("one", "two"), nil)
	if err != nil || out[0].Err != nil || out[1].Err != nil || a.breaks.once("INBOX") || a.appendBreaks.any() {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestByeAtNamespace(t *testing.T) {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 NAMESPACE"
	bye := byeOnce()
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"NAMESPACE": func(p *script.Peer, c script.Command) bool {
			return bye(p, c) || answer(`* NAMESPACE (("INBOX." ".")) NIL NIL`, "$tag OK done")(p, c)
		},
		"LIST": func(p *script.Peer, cmd script.Command) bool {
			if cmd.Args == `"" ""` {
				p.Send(`* LIST (\Noselect) "." ""`)
			} else {
				p.Send(`* LIST () "." ` + strings.TrimPrefix(cmd.Args, `"" `))
			}
			p.Send("$tag OK done")
			return true
		},
		"CREATE": answer("$tag OK done"), "SUBSCRIBE": answer("$tag OK done"), "STATUS": answer("$tag OK done"),
	}))
	m, err := account(t, options(srv)).CreateMailbox(t.Context(), []string{"Work"}, "")
	if err != nil || m.Raw != "INBOX.Work" {
		t.Errorf("%+v, %v\n%q", m, err, srv.Commands())
	}
}

// A connection that waits for nothing may stay silent, also after a message that was refused before it was sent.
func TestIdleAfterARefusedLiteral(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 UIDPLUS"
	srv := script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		script.Healthy(acct, script.Answers{"APPEND": answer("$tag NO [OVERQUOTA] full")})(p)
	})
	a := account(t, options(srv), func(o *Options) { o.Timeout, o.Connections = 400*time.Millisecond, 1 })
	if out, err := a.Append(t.Context(), "INBOX", plain("one"), nil); err != nil || out[0].Err == nil {
		t.Errorf("%+v, %v", out, err)
	}
	time.Sleep(900 * time.Millisecond) // a deadline that was left would have ended it
	_, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"})
	if n := sent(srv, "LOGIN*"); err != nil || n != 1 {
		t.Errorf("%d log-ins, %v: %q", n, err, srv.Commands())
	}
}
