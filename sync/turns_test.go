package sync_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailsync/backends/imap"
	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/sync"
	"mailsync/sync/port"
)

const rtt = 40 * time.Millisecond

// distant is a lab whose server is a scripted one, 40 ms away. It is used in a bubble: only the round trips take time.
type distant struct {
	*lab
	t        *testing.T
	account  *script.Account
	answers  script.Answers
	script   *script.Server // of the last run
	backed   bool           // nothing may change on the server
	connects int            // that may be made
}

func newDistant(t *testing.T, mailboxes, messages int) *distant {
	d := &distant{lab: newLab(), t: t, account: script.NewAccount(), connects: 3}
	d.account.Caps = script.DefaultCaps + " QUOTA"
	d.answers = script.Answers{"GETQUOTAROOT": func(p *script.Peer, _ script.Command) bool {
		p.Send("* QUOTAROOT INBOX all")
		p.Send("* QUOTA all (STORAGE 1 2)")
		p.Send("$tag OK done")
		return true
	}}
	for i := range mailboxes {
		box := d.account.Mailbox("INBOX")
		if i > 0 {
			box = d.account.Add(fmt.Sprintf("Box %02d", i))
		}
		for n := range messages {
			box.Append(letter(i, n))
		}
	}
	return d
}

func letter(box, n int) string {
	return fmt.Sprintf("Message-ID: <%d.%d@example.org>\r\nSubject: %d\r\n\r\ntext\r\n", box, n, n)
}

// takes pulls, and compares how long that took with what it may take.
func (d *distant) takes(what string, fetched int, trips float64, turns ...int) {
	d.t.Helper()
	r, got, waited := d.pull()
	if r.Status() != "ok" || r.Fetched != fetched {
		d.t.Fatalf("%s: %s, %d fetched: %v %v", what, r.Status(), r.Fetched, r.Fatal, r.Problems)
	}
	if waited > trips || len(got) > len(turns) {
		d.t.Errorf("%s: %.2f round trips, expected %.2f; turns %v, expected %v:\n%q", what, waited, trips, got, turns, d.script.Commands())
	}
	for i, n := range got {
		if i < len(turns) && n > turns[i] {
			d.t.Errorf("%s: connection %d takes %d turns, expected %d", what, i+1, n, turns[i])
		}
	}
}

// pull runs the account over new connections, and returns how often each of them waited, and how long they waited in all,
// in round trips: from the first connection to the end of LOGOUT.
func (d *distant) pull() (r *port.Result, turns []int, trips float64) {
	d.t.Helper()
	d.script = script.Far(d.t, rtt, script.Healthy(d.account, d.answers))
	d.change = func(a *port.Account) {
		o := imap.Options{Connections: d.connects, Quota: true}
		o.Host, o.User, o.TLS, o.Insecure, o.ReadOnly = "imap.example.org", "ada", reach.None, true, d.backed
		o.Secret = func(context.Context) (reach.Secret, error) { return reach.Secret{Password: "secret"}, nil }
		o.Connect = func(context.Context) (net.Conn, error) { return d.script.Dial(), nil }
		server, err := imap.New(o)
		if err != nil {
			d.t.Fatal(err)
		}
		a.Server, a.Connections = server, d.connects
	}
	began := time.Now()
	a := d.lab.account(d.disk)
	r = sync.Run(d.t.Context(), a)
	if r.Fetched > 0 {
		if _, err := a.Server.Quota(d.t.Context(), "INBOX"); err != nil { // as the program does
			d.t.Error(err)
		}
	}
	a.Server.Close()
	return r, d.script.Turns(), float64(time.Since(began)) / float64(rtt)
}

// How often a run waits for the server. A turn is all that is sent at once on one connection. The connection and the greeting
// take another one and a half, and LOGOUT, which is the last turn, waits for nothing.
func TestTurnsOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDistant(t, 10, 5)
		d.takes("first pull", 50, 5.5, // log-in; listing; what is in them; the bodies
			5)
		d.takes("nothing new", 0, 3.5, // log-in; listing
			3)
		for i, name := range []string{"INBOX", "Box 03", "Box 07"} {
			box := d.account.Mailbox(name)
			box.Append(letter(i, 100))
			box.SetFlags(box.Messages[0], `\Seen`)
		}
		d.account.Mailbox("Box 09").Append(letter(9, 100), `\Seen`) // it shows nothing about what is unseen
		d.takes("incremental", 4, 5.5, 5)
	})
}

// Other connections are made while the first one lists, and do not keep it waiting.
func TestTurnsOfALargeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDistant(t, 10, 100)
		d.takes("first pull", 1000, 6.5, // the others begin with the bodies when the first one has more to ask for
			6, 4, 4)
		for i := range 60 {
			d.account.Mailbox("Box 03").Append(letter(i, 1000+i))
		}
		d.takes("incremental", 60, 5.5, 5) // another connection would take longer than it saves
		for i := range 20 {
			d.account.Mailboxes[i%10].Append(letter(i, 2000+i) + strings.Repeat("as much text as is in a line of mail\r\n", 2000))
		}
		d.takes("1.5 MB", 20, 5.5, 5)
	})
}

// Flags that changed here are sent once the mailbox is known to be the one: SELECT is waited for. The next one is opened meanwhile.
func TestTurnsOfFlags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDistant(t, 10, 5)
		d.takes("first pull", 50, 5.5, 5)
		d.flag(t, "INBOX")
		d.takes("flags", 0, 5.5, 5) // log-in; listing; SELECT; STORE
		d.flag(t, "Box 01", "Box 02", "Box 03", "Box 04")
		d.takes("flags in four mailboxes", 0, 9.5, 9) // log-in; listing; what our own STORE changed; SELECT; STORE and SELECT, three times; STORE
		d.flag(t, "INBOX", "Box 01", "Box 02", "Box 03", "Box 04", "Box 05", "Box 06", "Box 07", "Box 08", "Box 09")
		d.takes("flags in ten mailboxes", 0, 15.5, 15)
	})
}

// flag gives every message of the mailboxes a flag more here, and at first every other one two.
func (d *distant) flag(t *testing.T, boxes ...string) {
	t.Helper()
	for _, box := range boxes {
		folder, to := box+"/new/", []string{":2,F", ":2,FR"}
		names, err := d.disk.Names(box + "/new")
		if len(names) == 0 && err == nil {
			folder, to = box+"/cur/", []string{":2,FS", ":2,FRS"}
			names, err = d.disk.Names(box + "/cur")
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			base, _, _ := strings.Cut(name, ":2,")
			if err := d.disk.Rename(folder+name, box+"/cur/"+base+to[i%2]); err != nil {
				t.Fatal(err)
			}
		}
	}
}
