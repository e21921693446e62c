//go:build unix

package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
)

// popOnly answers a verb with one argument.
func popOnly(verb, no string, a script.Answer) script.Answers {
	return script.Answers{verb: func(p *script.Peer, args string) bool { return args == no && a(p, args) }}
}

// One odd answer where mail is deleted: its message is named, and the others go.
func TestPOP3OddAnswerToOneDELE(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers script.Answers
		left    int
		says    string // "" all go
	}{
		{"DELE, an empty line", popOnly("DELE", "3", script.Say("")), 1, "uid 3 is not deleted: DELE was answered with an empty line"},
		{"DELE, garbage", popOnly("DELE", "3", script.Say("250 done")), 1, `uid 3 is not deleted: DELE was answered with "250 done"`},
		{"DELE, a second line", popOnly("DELE", "3", script.Say("+OK", "marked")), 1, `uid 3 is not deleted: DELE was answered with "marked" behind the answer`},
		{"DELE, no answer", popOnly("DELE", "3", func(*script.Peer, string) bool { return true }), 1, "uid 3 is not deleted: the connection broke at its DELE"},
		{"UIDL, the size", popOnly("UIDL", "3", script.Say(fmt.Sprintf("+OK 3 %d", len(letter(2))))), 0, ""},
		{"UIDL, no answer", popOnly("UIDL", "3", func(*script.Peer, string) bool { return true }), 0, ""},
		{"UIDL, another number", popOnly("UIDL", "3", script.Say("+OK 5 uidl-4")), 0, ""},
		{"UIDL, refused", popOnly("UIDL", "3", script.Say("-ERR no")), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newPOP3(t, popSituation{})
			l.serve(script.Healthy(l.box, c.answers))
			o := l.sync()
			if want := min(c.left, 1); o.Code != want {
				t.Errorf("exit %d, want %d", o.Code, want)
			}
			if left := l.box.Bodies(); len(left) != c.left || c.left == 1 && left[0] != letter(2) {
				t.Errorf("%d are left", len(left))
			}
			if !strings.Contains(o.Stderr, c.says) || c.says == "" && len(o.account.Errors) > 0 {
				t.Errorf("it says %s", said(o.Stderr))
			}
			mail, _ := l.files()
			if len(mail) != 8 {
				t.Errorf("%d are here", len(mail))
			}
			l.serve(script.Healthy(l.box, nil))
			if o = l.sync(); o.Code != 0 || len(l.box.Bodies()) != 0 {
				t.Errorf("then: exit %d, %d left", o.Code, len(l.box.Bodies()))
			}
		})
	}
}

// A server that numbers its messages anew at each DELE would delete others than those that are meant: one
// that cannot be fetched is never deleted, and nothing is lost.
func TestPOP3NumbersAnewAtEachDELE(t *testing.T) {
	for _, ahead := range []bool{true, false} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			t.Parallel()
			l := newPOP3(t, popSituation{prepare: func(b *script.Box) {
				b.Renumbers = true
				if !ahead {
					b.Caps = []string{"UIDL", "USER", "TOP"}
				}
			}})
			l.serve(script.Healthy(l.box, popOnly("RETR", "3", script.Say("-ERR cannot read it"))))
			for range 2 {
				o := l.sync()
				if o.Code != 1 || !strings.Contains(o.Stderr, "nothing is deleted") {
					t.Errorf("exit %d\n%s", o.Code, said(o.Stderr))
				}
				if left := l.box.Bodies(); !slices.Contains(left, letter(2)) {
					t.Fatalf("lost; %d are left", len(left))
				}
			}
			l.box.Renumbers = false
			l.serve(script.Healthy(l.box, nil))
			if o := l.sync(); o.Code != 0 || len(l.box.Bodies()) != 0 {
				t.Errorf("then: exit %d, %d left\n%s", o.Code, len(l.box.Bodies()), said(o.Stderr))
			}
			if mail, _ := l.files(); len(mail) != 8 {
				t.Errorf("%d are here", len(mail))
			}
		})
	}
}

// A POP3 delete that cannot delete says so wherever one looks: in the line of the run, in status, in
// check, and in the dry run.
func TestPOP3DeleteThatCannot(t *testing.T) {
	const line = "8 cannot be deleted on the server"
	for _, c := range []struct {
		name    string
		box     func(*script.Box)
		answers script.Answers
		runs    int // after which it shows
		code    int
		dry     bool // the dry run foresees it
		check   string
	}{
		{"QUIT is refused", nil, script.Answers{"QUIT": script.Say("-ERR some deleted messages not removed")}, 1, 1, false, "the last run could not delete 8 messages"},
		{"DELE is ignored", func(b *script.Box) { b.KeepsDeleted = true }, nil, 2, 0, true, "the last run could not delete 8 messages"},
		{"no UIDL", func(b *script.Box) { b.NoUIDL = true; b.Caps = []string{"USER", "TOP"} }, nil, 1, 0, true, "8 of 8 messages have no unique-id of their own"},
		{"unique-ids repeat", func(b *script.Box) {
			for _, m := range b.Messages {
				m.UIDL = "same"
			}
		}, nil, 1, 0, true, "8 of 8 messages have no unique-id of their own"},
		{"read-only", nil, script.Answers{"DELE": script.Say("-ERR read-only mailbox")}, 1, 1, false, "the last run could not delete 8 messages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newPOP3(t, popSituation{prepare: c.box})
			l.serve(script.Healthy(l.box, c.answers))
			o := outcome{}
			for range c.runs {
				o = l.run("sync")
			}
			if o.Code != c.code || !strings.Contains(o.Stdout, line) {
				t.Errorf("the run: exit %d\n%s\n%s", o.Code, o.Stdout, o.Stderr)
			}
			if n := strings.Count(o.Stderr, "expunge: "); c.code != 0 && n != 1 {
				t.Errorf("it is told %d times\n%s", n, o.Stderr)
			}
			if o = l.run("status"); !strings.Contains(o.Stdout, line) {
				t.Errorf("status\n%s", o.Stdout)
			}
			if o = l.run("check"); !strings.Contains(o.Stdout, c.check) {
				t.Errorf("check\n%s", o.Stdout)
			}
			if o = l.run("sync", "--dry-run"); c.dry && !strings.Contains(o.Stdout, line) {
				t.Errorf("the dry run\n%s", o.Stdout)
			}
			if n := len(l.box.Bodies()); n != 8 {
				t.Errorf("%d are left", n)
			}
			l.configure(`protocol = "pop3"`, `delete = "never"`, fmt.Sprintf("port = %d", l.port))
			if o = l.run("check"); strings.Contains(o.Stdout, c.check) {
				t.Errorf("check, where nothing is to be deleted\n%s", o.Stdout)
			}
		})
	}
}

// What a server is able to do is asked and not read off what it announces.
func TestPOP3CheckAsksForWhatIsNotAnnounced(t *testing.T) {
	for _, c := range []struct {
		name string
		box  func(*script.Box)
		uidl bool
	}{
		{"no CAPA", func(b *script.Box) { b.Caps = nil }, true},
		{"CAPA leaves it out", func(b *script.Box) { b.Caps = []string{"USER"} }, true},
		{"no CAPA, nothing there", func(b *script.Box) { b.Caps, b.Messages = nil, nil }, true},
		{"no UIDL", func(b *script.Box) { b.Caps, b.NoUIDL = nil, true }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newPOP3(t, popSituation{prepare: c.box})
			o := l.run("check")
			if o.Code != 0 || strings.Contains(o.Stdout, "no UIDL") == c.uidl || strings.Contains(o.Stdout, "UIDL TOP") != (c.uidl && len(l.box.Messages) > 0) {
				t.Errorf("exit %d\n%s", o.Code, o.Stdout)
			}
		})
	}
}

// A password that worked is not doubted because of a refusal that says nothing; a first one is.
func TestPOP3RefusedWithoutAReason(t *testing.T) {
	for _, c := range []struct {
		text          string
		first, before int
	}{
		{"-ERR", 4, 5}, {"-ERR no", 4, 5}, {"-ERR you log in too often", 5, 5}, {"-ERR mailbox unavailable", 5, 5},
		{"-ERR in use", 5, 5}, {"-ERR [AUTH] no", 4, 4}, {"-ERR wrong password", 4, 4},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			l := newPOP3(t, popSituation{})
			l.serve(script.Healthy(l.box, popLogin(script.Say(c.text))))
			if o := l.sync(); o.Code != c.first {
				t.Errorf("the first run: exit %d, want %d\n%s", o.Code, c.first, program.Tail(o.Stderr))
			}
			l.serve(script.Healthy(l.box, nil))
			if o := l.sync(); o.Code != 0 {
				t.Fatalf("exit %d", o.Code)
			}
			l.serve(script.Healthy(l.box, popLogin(script.Say(c.text))))
			for _, command := range []string{"sync", "backup", "check", "list"} {
				if o := l.run(command); o.Code != c.before || !strings.Contains(o.Stderr, "hint: ") {
					t.Errorf("%s, after one that worked: exit %d, want %d\n%s", command, o.Code, c.before, program.Tail(o.Stderr))
				}
			}
		})
	}
}

// APOP and AUTH PLAIN that are announced and not to be had are no reason to fail.
func TestPOP3AnotherWayToLogIn(t *testing.T) {
	for _, how := range []string{"APOP", "AUTH"} {
		for _, answer := range []string{"-ERR [AUTH] bad login", "-ERR", "-ERR [SYS/PERM] unknown mechanism"} {
			for _, ends := range []bool{false, true} {
				t.Run(fmt.Sprint(how, answer, ends), func(t *testing.T) {
					t.Parallel()
					l := newPOP3(t, popSituation{prepare: func(b *script.Box) {
						if how == "APOP" {
							b.Stamp = "<1896.697170952@dbc.mtview.ca.us>"
							b.Caps = slices.DeleteFunc(b.Caps, func(s string) bool { return s == "SASL PLAIN" })
						}
					}})
					l.serve(script.Healthy(l.box, script.Answers{how: func(p *script.Peer, _ string) bool {
						if p.Send(answer); ends {
							p.Close()
						}
						return true
					}}))
					for _, command := range []string{"check", "sync"} {
						if o := l.run(command); o.Code != 0 {
							t.Errorf("%s: exit %d\n%s", command, o.Code, program.Tail(o.Stderr))
						}
					}
				})
			}
		}
	}
}
