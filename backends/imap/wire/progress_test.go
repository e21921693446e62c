package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// brief is the timeout of these tests, and beat how often a server says something. Nearly all run in
// a bubble, where a busy machine makes nothing late.
const (
	brief = 200 * time.Millisecond
	beat  = brief / 10
)

// chat plays a server that answers the first command, which matches, with lines for ever.
func chat(command string, lines func(n int) string) script.Handler {
	return func(p *script.Peer) {
		p.MayEnd = true
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect(command)
		for n := 1; ; n++ {
			p.Send(lines(n))
			time.Sleep(beat)
		}
	}
}

func always(line string) func(int) string { return func(int) string { return line } }

// Only what a command waits for is progress.
func TestAServerThatTalksOfOtherThingsIsLeft(t *testing.T) {
	for _, c := range []struct {
		name, command string
		lines         func(n int) string
	}{
		{"still here", "UID FETCH *", always("* OK Still here")},
		{"BYE, and stays", "UID FETCH *", always("* BYE I am off")},
		{"NO", "LIST *", always("* NO wait")},
		{"new mail", "UID FETCH *", func(n int) string { return fmt.Sprintf("* %d EXISTS", n) }},
		{"expunged", "UID FETCH *", always("* 1 EXPUNGE")},
		{"flags of one message", "UID FETCH *", func(n int) string { return fmt.Sprintf(`* 1 FETCH (UID 1 FLAGS (k%d))`, n) }},
		{"flags of one UID", "UID FETCH *", func(n int) string { return fmt.Sprintf(`* 9 UIDFETCH (FLAGS (k%d))`, n) }},
		{"flags of three UIDs", "UID FETCH *", func(n int) string { return fmt.Sprintf(`* %d UIDFETCH (FLAGS (k%d))`, n%3+1, n) }},
		{"flags in a listing", "LIST *", func(n int) string { return fmt.Sprintf(`* %d FETCH (FLAGS ())`, n) }},
		{"one mailbox", "LIST *", func(n int) string { return fmt.Sprintf(`* LIST (\X%d) "/" INBOX`, n) }},
		{"one status", "LIST *", func(n int) string { return fmt.Sprintf(`* STATUS INBOX (MESSAGES %d)`, n) }},
		{"one search", "UID SEARCH *", func(n int) string { return fmt.Sprintf("* SEARCH 1 2 3 %d", n) }},
		{"more and more mail", "EXAMINE *", func(n int) string { return fmt.Sprintf("* %d EXISTS", n) }},
		{"capabilities", "NOOP", func(n int) string { return fmt.Sprintf("* CAPABILITY IMAP4rev1 X%d", n) }},
		{"continuations", "NOOP", always("+ more")},
		{"empty lines", "NOOP", always("")},
		{"one and the same enabled", "ENABLE *", always("* ENABLED CONDSTORE")},
		{"more removed than there was", "UID EXPUNGE *", always("* 1 EXPUNGE")},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOn(t, script.Inside(t, chat(c.command, c.lines)), Options{Timeout: brief})
				r.conn.x.mu.Lock()
				r.conn.x.progress.exists = 3
				r.conn.x.mu.Unlock()
				began := time.Now()
				_, err := r.conn.Do(t.Context(), strings.ReplaceAll(c.command, "*", "1:9"), nil)
				took := time.Since(began)
				if state.KindOf(err) != state.Unreachable || !errors.Is(err, os.ErrDeadlineExceeded) || state.HintOf(err) == "" {
					t.Errorf("ended with %v", err)
				}
				if took < patience*brief || took > (patience+1)*brief {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// As fast as it may talk: there is never a moment without something to read.
func TestAFloodOfOtherThingsIsLeft(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.MayEnd = true
		p.Expect("NOOP")
		for lot := []byte(strings.Repeat("* OK Still here\r\n", 4000)); ; {
			p.Raw(lot)
		}
	})
	r := newRigOn(t, s, Options{Timeout: brief, Greeting: "* OK [CAPABILITY IMAP4rev1] hi"})
	if err := r.client.Noop().Wait(); err == nil || !errors.Is(r.conn.LastError(), os.ErrDeadlineExceeded) {
		t.Errorf("%v, broke with %v", err, r.conn.LastError())
	}
}

// A body that comes an octet at a time would take a year.
func TestADrippingBodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := script.Inside(t, func(p *script.Peer) {
			p.MayEnd = true
			p.Send("* OK [CAPABILITY IMAP4rev1] hi")
			p.Expect("UID FETCH *")
			p.Raw([]byte("* 1 FETCH (UID 7 BODY[] {1000000000}\r\n"))
			for {
				p.Raw([]byte("x"))
				time.Sleep(beat * 4)
			}
		})
		r := newRigOn(t, s, Options{Timeout: brief})
		if _, err := r.fetch(imap.UIDSetNum(7), bodies); err == nil || !errors.Is(r.conn.LastError(), os.ErrDeadlineExceeded) {
			t.Errorf("%v, broke with %v", err, r.conn.LastError())
		}
	})
}

// What takes long and gets on is not left, however long it takes in all.
func TestASlowServerIsNotLeft(t *testing.T) {
	const steps = 2 * patience * 2
	slowly := func(p *script.Peer, line func(n int) string) {
		for n := 1; n <= steps; n++ {
			time.Sleep(brief / 2)
			p.Raw([]byte(line(n)))
		}
	}
	for _, c := range []struct {
		name, command string
		line          func(n int) string
	}{
		{"message after message", "UID FETCH *", func(n int) string { return fmt.Sprintf("* %d FETCH (UID %d FLAGS ())\r\n", n, n) }},
		{"UID after UID", "UID FETCH *", func(n int) string { return fmt.Sprintf("* %d UIDFETCH (FLAGS ())\r\n", 1000000000*(n%4+1)+n) }},
		{"UIDs downwards", "UID FETCH *", func(n int) string { return fmt.Sprintf("* %d UIDFETCH (FLAGS ())\r\n", 4000000000-uint32(n)) }},
		{"mailbox after mailbox", "LIST *", func(n int) string { return fmt.Sprintf("* LIST () \"/\" m%d\r\n", n) }},
		{"one after the other is gone", "UID EXPUNGE *", always("* 1 EXPUNGE\r\n")},
		{"one long line", "UID SEARCH *", func(n int) string {
			switch n {
			case 1:
				return "* SEARCH"
			case steps:
				return "\r\n"
			}
			return strings.Repeat(" 1234567", 20)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := script.Inside(t, func(p *script.Peer) {
					p.Send("* OK [CAPABILITY IMAP4rev1] hi")
					p.Expect(c.command)
					slowly(p, c.line)
					p.Send("$tag OK done")
					p.Stall()
				})
				r := newRigOn(t, s, Options{Timeout: brief})
				if _, err := r.conn.Do(context.Background(), strings.ReplaceAll(c.command, "*", "1:9"), nil); err != nil {
					t.Error(err)
				}
			})
		})
	}
	for name, ahead := range map[string]string{"a body": "", "a body behind its flags": "* 1 FETCH (FLAGS (\\Seen))\r\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				piece := strings.Repeat("x", 50)
				s := script.Inside(t, func(p *script.Peer) {
					p.Send("* OK [CAPABILITY IMAP4rev1] hi")
					p.Expect("UID FETCH *")
					p.Raw(fmt.Appendf(nil, "%s* 1 FETCH (UID 7 BODY[] {%d}\r\n", ahead, steps*len(piece)))
					slowly(p, always(piece))
					p.Send(")")
					p.Send("$tag OK done")
					p.Stall()
				})
				r := newRigOn(t, s, Options{Timeout: brief})
				got, err := r.fetch(imap.UIDSetNum(7), bodies)
				if err != nil || len(got) == 0 || len(got[len(got)-1].body) != steps*len(piece) {
					t.Errorf("%v, %v", err, r.conn.LastError())
				}
			})
		})
	}
}

// While nothing is asked for a server may say what it likes, and it does not count later.
func TestAnIdleConnectionIsNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := make(chan struct{})
		s := script.Inside(t, func(p *script.Peer) {
			p.Send("* OK [CAPABILITY IMAP4rev1] hi")
			for range 2 * patience * 2 {
				p.Send("* OK Still here")
				time.Sleep(brief / 2)
			}
			close(said)
			p.Expect("NOOP")
			p.Send("$tag OK done")
			p.Stall()
		})
		r := newRigOn(t, s, Options{Timeout: brief})
		<-said
		if err := r.client.Noop().Wait(); err != nil {
			t.Errorf("%v, broke with %v", err, r.conn.LastError())
		}
	})
}
