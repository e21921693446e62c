//go:build unix

package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// takes is a server that cannot take some messages: what it does in place of it, at the three moments of
// an APPEND. before and within return true where the command is over.
type takes struct {
	name           string
	before, within func(p *script.Peer, size int) bool
	after          func(p *script.Peer) bool
	refused        bool // the server's answer is a refusal, and no broken connection
}

// badTakers are the ways in which an APPEND ends badly.
func badTakers() []takes {
	at := func(f func(p *script.Peer)) func(*script.Peer, int) bool {
		return func(p *script.Peer, _ int) bool { f(p); return true }
	}
	within := func(f func(p *script.Peer)) func(*script.Peer, int) bool {
		return func(p *script.Peer, size int) bool {
			p.Send("+ go ahead")
			_, _ = p.Read(make([]byte, min(size/2, 100_000)))
			f(p)
			return true
		}
	}
	resets := func(p *script.Peer) { p.Reset() }
	closes := func(p *script.Peer) { p.Close() }
	return []takes{
		{name: "reset before the literal", before: at(resets)},
		{name: "closed before the literal", before: at(closes)},
		{name: "BYE before the literal", before: at(func(p *script.Peer) { p.Send("* BYE too much"); p.Close() })},
		{name: "silent before the literal", before: at(func(p *script.Peer) { p.Stall() })},
		{name: "reset within the literal", within: within(resets)},
		{name: "closed within the literal", within: within(closes)},
		{name: "silent within the literal", within: within(func(p *script.Peer) { p.Stall() })},
		{name: "reset after the literal", after: func(p *script.Peer) bool { p.Reset(); return true }},
		{name: "closed after the literal", after: func(p *script.Peer) bool { p.Close(); return true }},
		{name: "silent after the literal", after: func(p *script.Peer) bool { p.Stall(); return true }},
		{name: "BAD before the literal", refused: true, before: at(func(p *script.Peer) { p.Send("$tag BAD literal too long") })},
		{name: "NO before the literal", refused: true, before: at(func(p *script.Peer) { p.Send("$tag NO message too large") })},
		{name: "TOOBIG after the literal", refused: true, after: func(p *script.Peer) bool { p.Send("$tag NO [TOOBIG] too big"); return true }},
	}
}

// serveBadly has the account served by such a server, which cannot take messages of a length.
func (l *imapLife) serveBadly(how takes, bad func(size int) bool) {
	l.serve(func(p *script.Peer) {
		p.OnLiteral = func(p *script.Peer, text string, size int) bool {
			if !strings.Contains(text, " APPEND ") || !bad(size) {
				return false
			}
			return how.before != nil && how.before(p, size) || how.within != nil && how.within(p, size)
		}
		script.Healthy(l.acct, script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
			return how.after != nil && bad(len(cmd.Literals[0])) && how.after(p)
		}})(p)
	})
}

// huge is a message of so many octets and a little more.
func huge(n, octets int) string {
	return letter(n) + strings.Repeat("A line of a message that is larger than the others.\r\n", octets/53)
}

// outsize puts messages into a Maildir: small ones, and large ones, each between two small ones.
func outsize(t *testing.T, maildir string, large ...int) (all []string) {
	t.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(body string) {
		name := filepath.Join(maildir, "cur", fmt.Sprintf("15000000%02d.M%d.home:2,S", len(all), len(all)))
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(body, "\r\n", "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, body)
	}
	put(letter(60))
	for i, octets := range large {
		put(huge(70+i, octets))
	}
	for n := 80; n < 85; n++ {
		put(letter(n))
	}
	return all
}

// A server that cannot take some messages, whatever it does then, gets all others in the first run and each
// once; they are named; and once it can, they go there as well.
func TestAppendThatBreaksKeepsNoOtherBack(t *testing.T) {
	const mb = 1 << 20
	bad := func(size int) bool { return size > 2*mb }
	for _, sizes := range [][]int{{17 * mb}, {17 * mb, 3 * mb, 4 * mb, 5 * mb}} {
		for _, how := range badTakers() {
			for _, command := range []string{"sync", "restore"} {
				t.Run(fmt.Sprintf("%s/%d/%s", how.name, len(sizes), command), func(t *testing.T) {
					t.Parallel()
					l := newIMAP(t, situation{})
					if o := l.run("sync", "--json"); o.Code != 0 {
						t.Fatalf("exit %d: %s", o.Code, program.Tail(o.Stderr))
					}
					maildir, args := filepath.Join(l.dir, "other", "Archive"), []string{"restore", "work", "--from", filepath.Join(l.dir, "other")}
					if command == "sync" {
						maildir, args = filepath.Join(l.root, "Archive"), []string{"sync"}
					}
					all := outsize(t, maildir, sizes...)
					l.serveBadly(how, bad)
					for run := range 2 {
						o := l.run(args...)
						if o.Code != 1 && o.Code != 5 {
							t.Errorf("run %d: exit %d: %s", run, o.Code, program.Tail(o.Stderr))
						}
						there := l.onServer()
						for _, body := range all {
							if n := there[body]; !bad(len(body)) && n != 1 || bad(len(body)) && n > 0 {
								t.Errorf("run %d: on the server %d times: %s\n%s", run, n, short(body), program.Tail(o.Stderr))
							}
						}
						if o.Code != 1 {
							t.Errorf("run %d: exit %d: %s", run, o.Code, program.Tail(o.Stderr))
						}
					}
					l.heal()
					if o := l.run(args...); o.Code != 0 {
						t.Errorf("healed: exit %d: %s", o.Code, program.Tail(o.Stderr))
					}
					there := l.onServer()
					for _, body := range all {
						if there[body] != 1 {
							t.Errorf("healed: on the server %d times: %s", there[body], short(body))
						}
					}
				})
			}
		}
	}
}

// A server that stores what it refuses, and does not say why, gets each message once: the next run looks
// for it before it sends it again.
func TestAppendThatIsRefusedAndStored(t *testing.T) {
	for _, line := range []string{"NO something broke", "NO [SERVERBUG] something broke", "NO [UNAVAILABLE] not now", "NO [INUSE] not now"} {
		for _, undo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, undo: %v", line, undo), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{})
				l.sync()
				wanted := l.onServer()
				args := []string{"sync"}
				if undo {
					args = []string{"archive", "--undo"}
					if o := l.run("archive", "--older-than", "1d", "--apply"); o.Code != 0 {
						t.Fatalf("exit %d: %s", o.Code, program.Tail(o.Stderr))
					}
				} else {
					l.write("INBOX/new/1700000000.M1P1.home", []byte(strings.ReplaceAll(letter(50), "\r\n", "\n")))
					wanted[letter(50)] = 1
				}
				l.serve(script.Healthy(l.acct, script.Answers{"APPEND": func(p *script.Peer, cmd script.Command) bool {
					l.acct.Lock()
					defer l.acct.Unlock()
					l.acct.Mailbox(strings.Trim(strings.Fields(cmd.Args)[0], `"`)).Append(string(cmd.Literals[0]), `\Seen`)
					return say("$tag "+line)(p, cmd)
				}}))
				for run := range 6 {
					o := l.run(args...)
					if run == 0 && o.Code == 0 || run == 5 && o.Code != 0 {
						t.Errorf("run %d: exit %d: %s", run+1, o.Code, program.Tail(o.Stderr))
					}
				}
				l.heal()
				l.recovered(wanted)
			})
		}
	}
}
