//go:build unix

package main_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// A connection that breaks at one message, each time, is that message's failure: the others come, over
// one connection as over several, wherever it lies among them.
func TestOneMessageThatBreaksTheConnection(t *testing.T) {
	t.Parallel()
	for _, connections := range []int{1, 3} {
		for _, bad := range []int{1, 6, 10} {
			t.Run(fmt.Sprintf("message %d over %d", bad, connections), func(t *testing.T) {
				t.Parallel()
				acct := script.NewAccount()
				for i := range 10 {
					acct.Mailbox("INBOX").Append(fmt.Sprintf("Message-ID: <%d@x>\r\n\r\n%s\r\n", i+1, strings.Repeat("text ", 2000)))
				}
				var well atomic.Bool
				srv := script.Every(t, func(p *script.Peer) {
					p.MayEnd = true
					script.Healthy(acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
						if well.Load() || !strings.Contains(cmd.Args, "BODY.PEEK[]") {
							return false
						}
						return cutAt(p, acct, cmd, uint32(bad))
					}})(p)
				})
				w := worldOf(t, srv, fmt.Sprint("connections = ", connections))
				for range 2 {
					w.run("sync").want(t, 1)
					if _, files := onDisk(t, w.root); files != 9 {
						t.Fatalf("%d of the 9 others are here", files)
					}
				}
				well.Store(true)
				if a := w.syncOK(); a.Fetched != 1 || a.Here != 10 {
					t.Errorf("when the server is well: %+v", a)
				}
			})
		}
	}
}

// cutAt sends the messages that were asked for up to a bad one, of which it sends the half and ends the
// connection. It is false where that was not asked for.
func cutAt(p *script.Peer, acct *script.Account, cmd script.Command, bad uint32) bool {
	acct.Lock()
	defer acct.Unlock()
	set, _, _ := strings.Cut(cmd.Args, " ")
	var lo, hi uint32
	if n, _ := fmt.Sscanf(set, "%d:%d", &lo, &hi); n < 2 {
		hi = lo
	}
	if bad < lo || bad > hi {
		return false
	}
	for _, m := range acct.Mailbox("INBOX").Messages {
		if m.UID < lo || m.UID > bad {
			continue
		}
		body := m.Body
		if m.UID == bad {
			body = body[:len(body)/2]
		}
		p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d FLAGS () BODY[] {%d}\r\n%s", m.UID, m.UID, len(m.Body), body)))
		if m.UID != bad {
			p.Raw([]byte(")\r\n"))
		}
	}
	p.Close()
	return true
}
