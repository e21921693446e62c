//go:build unix

package hostile

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// chatters are servers that say something every now and then, and never what they were asked.
var chatters = []struct {
	name string
	say  func(p *script.Peer, n int)
}{
	{"BYE and stays", func(p *script.Peer, _ int) { p.Send("* BYE so long") }},
	{"still here", func(p *script.Peer, _ int) { p.Send("* OK Still here") }},
	{"new mail", func(p *script.Peer, n int) { p.Sendf("* %d EXISTS", 100+n) }},
	{"flags", func(p *script.Peer, n int) { p.Sendf(`* 1 FETCH (UID 1 FLAGS (\Seen k%d))`, n) }},
	{"capabilities", func(p *script.Peer, n int) { p.Sendf("* CAPABILITY IMAP4rev1 X%d", n) }},
	{"go ahead", func(p *script.Peer, _ int) { p.Send("+ go ahead") }},
	{"an endless line", func(p *script.Peer, _ int) { p.Raw([]byte("x")) }},
}

// chatting answers nothing, and says something ten times a second.
func chatting(say func(p *script.Peer, n int)) script.Answer {
	return func(p *script.Peer, _ script.Command) bool {
		for n := 0; ; n++ {
			say(p, n)
			time.Sleep(timeout / 20)
		}
	}
}

// dripping sends the first message as if it were a gigabyte, an octet at a time.
func dripping(p *script.Peer, cmd script.Command) bool {
	if !strings.Contains(cmd.Args, "BODY.PEEK[]") {
		return false
	}
	p.Raw([]byte(`* 1 FETCH (UID 1 FLAGS () INTERNALDATE "02-Jan-2024 03:04:05 +0000" RFC822.SIZE 1000000000 BODY[] {1000000000}` + "\r\n"))
	return chatting(func(p *script.Peer, _ int) { p.Raw([]byte("x")) })(p, cmd)
}

// A server that talks and never answers is left after three timeouts and one more try.
func TestAServerThatOnlyTalksIsLeft(t *testing.T) {
	type wrong struct {
		name    string
		answers script.Answers
	}
	all := []wrong{{"a dripping body", script.Answers{"UID FETCH": dripping}}}
	for _, c := range chatters {
		for _, verb := range []string{"LIST", "EXAMINE", "UID FETCH"} {
			all = append(all, wrong{verb + ", " + c.name, script.Answers{verb: chatting(c.say)}})
		}
	}
	for _, w := range all {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			l.serve(script.Healthy(l.acct, w.answers))
			o := l.sync()
			// A connection, and once more; while messages are fetched, each of two connections.
			if o.Code != 5 || o.Took > 2*2*3*timeout+slack {
				t.Errorf("exit %d after %v\n%s", o.Code, o.Took, program.Tail(o.Stderr))
			}
			l.heal()
			l.recovered(l.onServer())
		})
	}
}

// Whatever the server does, --max-time ends every command within two seconds of its time.
func TestMaxTimeEndsWhateverTheServerDoes(t *testing.T) {
	type how struct {
		name   string
		answer script.Answer
	}
	some := []how{{"silence", stall}, {"talk", chatting(chatters[1].say)}}
	all := append(slices.Clone(some), how{"BYE", chatting(chatters[0].say)}, how{"drip", chatting(chatters[len(chatters)-1].say)})
	const most = 2 * time.Second
	for _, c := range []struct {
		args  []string
		verbs []string
		hows  []how
	}{
		{[]string{"sync"}, []string{"GREETING", "AUTHENTICATE", "LIST", "EXAMINE", "SELECT", "UID FETCH", "UID STORE", "UID EXPUNGE", "APPEND", "LOGOUT"}, all},
		{[]string{"backup"}, []string{"LIST", "EXAMINE", "UID FETCH", "LOGOUT"}, some},
		{[]string{"archive", "--apply"}, []string{"LIST", "SELECT", "UID STORE", "UID EXPUNGE", "LOGOUT"}, some},
		{[]string{"verify", "--server"}, []string{"LIST", "EXAMINE", "UID FETCH", "LOGOUT"}, some},
		{[]string{"restore", "work", "--into", "Saved"}, []string{"LIST", "CREATE", "APPEND", "EXAMINE", "LOGOUT"}, some},
		{[]string{"list"}, []string{"LIST", "LOGOUT"}, some},
		{[]string{"check"}, []string{"GREETING", "AUTHENTICATE", "LIST", "LOGOUT"}, some},
	} {
		for _, verb := range c.verbs {
			for _, h := range c.hows {
				t.Run(strings.Join(c.args, " ")+", "+verb+", "+h.name, func(t *testing.T) {
					t.Parallel()
					l := newIMAP(t, situation{lines: []string{`timeout = "60s"`, "connections = 1"}})
					l.archive(`older_than = "1y"`, "keep = []")
					if o := l.sync(); o.Code != 0 {
						t.Fatalf("the first run: exit %d\n%s", o.Code, program.Tail(o.Stderr))
					}
					l.change()
					before, _ := l.files()
					l.serve(script.Healthy(l.acct, script.Answers{verb: h.answer}))
					o := l.run(append(slices.Clone(c.args), "--max-time", most.String())...)
					if o.Took > most+2*time.Second+slack {
						t.Errorf("it took %v", o.Took)
					}
					t.Logf("exit %d after %v\n%s", o.Code, o.Took, program.Tail(o.Stderr))
					if c.args[0] != "restore" { // which is to double what is on the server
						l.nothingLost(situation{}, before)
					}
				})
			}
		}
	}
}

// archive adds the account's archive to its configuration.
func (l *life) archive(lines ...string) {
	l.t.Helper()
	text, err := os.ReadFile(l.config)
	l.must(err)
	l.must(os.WriteFile(l.config, []byte(string(text)+"[accounts.work.archive]\n"+strings.Join(lines, "\n")+"\n"), 0o600))
}
