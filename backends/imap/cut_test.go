package imap

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// cutServer serves an account whose first connection breaks: when the server has sent so
// many octets, or when the client has. What comes after the cut is never seen.
func cutServer(t *testing.T, acct *script.Account, sent, got int64) *script.Server {
	var first sync.Once
	return script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		first.Do(func() {
			if sent >= 0 {
				p.CutAfter(sent)
			}
			if got >= 0 {
				p.Wrap(func(c net.Conn) (io.Reader, io.Writer) { return io.LimitReader(c, got), c })
			}
		})
		script.Healthy(acct, nil)(p)
	})
}

// atEveryCut runs f with a server that is cut everywhere in its first connection.
func atEveryCut(t *testing.T, acct func() *script.Account, f func(t *testing.T, at string, acct *script.Account, a *Account)) {
	t.Helper()
	for n := int64(0); n < 2400; n += 31 {
		for _, c := range [][2]int64{{n, -1}, {-1, n}} {
			world := acct()
			srv := cutServer(t, world, c[0], c[1])
			a, err := New(options(srv))
			if err != nil {
				t.Fatal(err)
			}
			f(t, fmt.Sprintf("cut after %d sent, %d received", c[0], c[1]), world, a)
			_ = a.Close() // the test looks at the server
			srv.Close()
			if t.Failed() {
				return
			}
		}
	}
}

// count returns how many messages of a mailbox hold a text.
func count(acct *script.Account, mailbox, text string) int {
	n := 0
	for _, b := range stored(acct, mailbox) {
		if strings.Contains(b, text) {
			n++
		}
	}
	return n
}

// Whatever breaks where: what is said to be stored is stored once, what is said not to be
// is not, and nothing is there twice.
func TestAppendCutAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for _, caps := range []string{"IMAP4rev1 LITERAL+ UIDPLUS", "IMAP4rev1 UIDPLUS"} {
		unsure := 0
		atEveryCut(t, func() *script.Account {
			acct := script.NewAccount()
			acct.Caps = caps
			return acct
		}, func(t *testing.T, at string, acct *script.Account, a *Account) {
			var msgs []state.Outgoing
			for i := range 12 {
				msgs = append(msgs, outgoing(fmt.Sprintf("message %02d%s", i, strings.Repeat(".", 9*i)), state.Seen, state.NoDate))
			}
			out, err := a.Append(t.Context(), "INBOX", msgs, nil)
			if err != nil || len(out) != len(msgs) {
				t.Fatalf("%s: %v", at, err)
			}
			for i, one := range out {
				n := count(acct, "INBOX", fmt.Sprintf("message %02d", i))
				switch {
				case one.Doubt == state.Unsure && one.Err != nil && n <= 1:
					unsure++
				case one.Doubt == state.Unsure, one.Err == nil && n != 1, one.Err != nil && n != 0:
					t.Errorf("%s: message %d is there %d times, and told of as %+v", at, i, n, one)
				}
			}
		})
		if unsure == 0 {
			t.Error("no cut left anything unsure: the test is none")
		}
	}
}

// Whatever breaks where: nothing but what was asked for goes, and what is said to be gone
// is.
func TestExpungeCutAnywhere(t *testing.T) {
	atEveryCut(t, func() *script.Account { return five("UIDPLUS") },
		func(t *testing.T, at string, acct *script.Account, a *Account) {
			done, err := a.Expunge(t.Context(), doomed(1, 2, 5))
			if err != nil || !slices.Equal(done.Gone, uids(1, 2, 5)) || len(done.Kept) > 0 {
				t.Errorf("%s: %+v, %v", at, done, err)
			}
			if got := left(acct, "INBOX"); !slices.Equal(got, []string{"3", `4 \Deleted`}) {
				t.Errorf("%s: left %q", at, got)
			}
		})
}

// Whatever breaks where: no message is lost on the way, and what is said to have moved is
// not where it was. Where that is known, nothing is there twice.
func TestMoveCutAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	for _, caps := range []string{"UIDPLUS MOVE", "UIDPLUS"} {
		for _, purge := range []bool{false, true} {
			atEveryCut(t, func() *script.Account { return five(caps) },
				func(t *testing.T, at string, acct *script.Account, a *Account) {
					var err error
					var gone []state.UID
					if purge {
						req := doomed(1, 2)
						req.Trash = "Trash"
						var done state.Expunged
						done, err = a.Expunge(t.Context(), req)
						gone = done.Gone
					} else {
						var moved []state.Moved
						moved, err = a.Move(t.Context(), "INBOX", inboxValidity, uids(1, 2), "Trash")
						for _, m := range moved {
							gone = append(gone, m.From)
						}
					}
					for uid := state.UID(1); uid <= 5; uid++ {
						body := fmt.Sprintf("Subject: %d\r\n", uid)
						here, there := count(acct, "INBOX", body), count(acct, "Trash", body)
						asked := uid <= 2
						switch {
						case !asked && (here != 1 || there != 0), asked && !purge && here+there == 0, here > 1, there > 1,
							slices.Contains(gone, uid) && here != 0, err == nil && asked && (here != 0 || there != 1 && !purge || there != 0 && purge):
							t.Errorf("%s %s: message %d is here %d times, there %d times; gone %v, %v", caps, at, uid, here, there, gone, err)
						}
					}
					if tr := left(acct, "Trash"); len(tr) == 0 || tr[0] != `1 \Deleted` {
						t.Errorf("%s: another message went from the trash: %q", at, tr)
					}
				})
		}
	}
}
