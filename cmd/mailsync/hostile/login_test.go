//go:build unix

package hostile

import (
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// beside says lines that answer no command, and hangs up, or goes on as usual.
func beside(goOn bool, lines ...string) script.Answer {
	return func(p *script.Peer, _ script.Command) bool {
		for _, line := range lines {
			p.Send(line)
		}
		if !goOn {
			p.Close()
		}
		return !goOn
	}
}

// Every command that logs in says of a refused log-in that it was refused, and sends the password
// once: a server that counts failures may lock the user out.
func TestALogInThatIsRefusedBesideTheCommand(t *testing.T) {
	for _, args := range [][]string{{"sync"}, {"sync", "-q"}, {"backup"}, {"archive"}, {"verify", "--server"}, {"restore", "work"}, {"list"}, {"check"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{lines: []string{`max_wait = "1m"`}})
			l.archive(`older_than = "1y"`)
			if o := l.sync(); o.Code != 0 {
				t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			before := len(l.srv.Commands())
			l.serve(script.Healthy(l.acct, script.Answers{"AUTHENTICATE": beside(false, "* NO [AUTHENTICATIONFAILED] wrong \x1b[2J password", "* BYE so long")}))
			o := l.run(args...)
			if o.Code != 4 || !strings.Contains(o.Stderr, `wrong \x1b[2J password`) || !strings.Contains(o.Stderr, "check user and password") {
				t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			sent := 0
			for _, c := range l.srv.Commands()[before:] {
				if strings.HasPrefix(c, "AUTHENTICATE") || strings.HasPrefix(c, "LOGIN") {
					sent++
				}
			}
			if sent != 1 {
				t.Errorf("the password was sent %d times", sent)
			}
			if n := strings.Count(o.Stderr, `mailsync: work:`); n != 1 && args[0] != "check" {
				t.Errorf("it is told %d times\n%s", n, program.Tail(o.Stderr))
			}
		})
	}
}

// What the server wants the user to see is seen without -v, once, and with -q where something
// went wrong.
func TestWhatTheServerWantsTheUserToSee(t *testing.T) {
	const text = `message from the server: "maintenance \x1b[2J tonight"`
	alert := beside(true, "* OK [ALERT] maintenance \x1b[2J tonight")
	long := "* NO " + strings.Repeat("quota ", 1000)
	for _, c := range []struct {
		name    string
		args    []string
		answers script.Answers
		want    string
		times   int
	}{
		{"in the session", []string{"sync"}, script.Answers{"LIST": alert, "EXAMINE": alert, "UID FETCH": alert}, text, 1},
		{"in backup", []string{"backup"}, script.Answers{"LIST": alert}, text, 1},
		{"on every connection", []string{"sync", "--full"}, script.Answers{"GREETING": beside(true, "* OK [ALERT] maintenance \x1b[2J tonight")}, text, 1},
		{"in JSON", []string{"sync", "--json"}, script.Answers{"LIST": alert}, text, 1},
		{"in the OK of the log-in", []string{"list"}, script.Answers{"AUTHENTICATE": say("$tag OK [ALERT] maintenance \x1b[2J tonight")}, text, 1},
		{"untagged NO at log-in", []string{"check"}, script.Answers{"AUTHENTICATE": beside(true, "* NO maintenance \x1b[2J tonight")}, text, 1},
		{"untagged NO later", []string{"sync"}, script.Answers{"LIST": beside(true, "* NO maintenance \x1b[2J tonight")}, text, 0},
		{"long", []string{"sync"}, script.Answers{"AUTHENTICATE": beside(true, long)}, `…"`, 1},
		{"-q and all is well", []string{"sync", "-q"}, script.Answers{"LIST": alert}, "server", 0},
		{"-q and it is not", []string{"sync", "-q"}, script.Answers{"LIST": alert, "EXAMINE": say("$tag NO no")}, text, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			l.serve(script.Healthy(l.acct, c.answers))
			o := l.run(c.args...)
			if n := strings.Count(o.Stderr, c.want); n != c.times || strings.Contains(o.Stdout, c.want) {
				t.Errorf("seen %d times: exit %d\n%s\n%s", n, o.Code, program.Tail(o.Stdout), program.Tail(o.Stderr))
			}
			for line := range strings.Lines(o.Stderr) {
				if len(line) > 300 {
					t.Errorf("a line of %d octets", len(line))
				}
			}
		})
	}
}

// A server that tells roles and does not announce that it does is not said to know none.
func TestCheckAsksForRoles(t *testing.T) {
	for _, attrs := range []string{"", `\Trash`} {
		l := newIMAP(t, situation{prepare: func(acct *script.Account) {
			acct.Caps = "IMAP4rev1 AUTH=PLAIN UIDPLUS CONDSTORE"
			acct.Mailbox("Archive").Attrs = attrs
		}})
		o := l.run("check")
		if missing := strings.Contains(o.Stdout, "no SPECIAL-USE"); o.Code != 0 || missing != (attrs == "") || !strings.Contains(o.Stdout, "no LIST-STATUS") {
			t.Errorf("exit %d\n%s\n%s", o.Code, o.Stdout, program.Tail(o.Stderr))
		}
	}
}
