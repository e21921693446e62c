//go:build unix

package main_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
)

// tells are sentences in which a server gives a password away: as it is, quoted, escaped, in
// base64 by itself and inside of something else, where it is cut short, and in what was
// the client's own line.
func tells(word, line string) map[string]string {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	return map[string]string{
		"as it is":         "wrong: " + word,
		"in a code":        "[" + word + "] wrong",
		"quoted":           fmt.Sprintf("wrong: %q", word),
		"escaped":          "wrong: https://provider.example/?pw=" + url.QueryEscape(word),
		"in base64":        "wrong: " + b64(word),
		"in base64 of two": "wrong: " + b64("ad\x00"+word+"!"),
		"SASL":             "wrong: " + b64("\x00ada\x00"+word),
		"far back":         strings.Repeat("x", 185) + " " + word,
		"cut":              "wrong: " + word[:len(word)/2+1],
		"the line":         "wrong: " + line,
		"the line, cut":    "wrong: " + line[:len(line)*2/3],
	}
}

// meets are the runs that meet a server, one of each kind.
var meets = []string{
	"sync work second", "--json sync work", "backup --url %URL --maildir %DIR/bare --password-command %TELL --max-time 2s", "list work", "check work",
	"verify work --server", "archive work --older-than 1d --apply", "restore work --into Back", "status",
}

// badIMAP are the places where an IMAP server can tell, each with the answers that say
// something there.
var badIMAP = map[string]func(say string) imapscript.Answers{
	"log-in refused": func(say string) imapscript.Answers {
		return always("$tag NO "+say, "LOGIN", "AUTHENTICATE")
	},
	"log-in not understood": func(say string) imapscript.Answers {
		return always("$tag BAD "+say, "LOGIN", "AUTHENTICATE")
	},
	"log-in with a challenge": func(say string) imapscript.Answers {
		return imapscript.Answers{"AUTHENTICATE": func(p *imapscript.Peer, _ imapscript.Command) bool {
			p.Send("+ " + base64.StdEncoding.EncodeToString([]byte(`{"status":"`+say+`"}`)))
			if _, ok := p.Next(); ok {
				p.Send("$tag NO " + say)
			}
			return true
		}}
	},
	"the greeting": func(say string) imapscript.Answers {
		return imapscript.Answers{"GREETING": func(p *imapscript.Peer, _ imapscript.Command) bool {
			p.Send("* BYE " + say)
			p.Close()
			return true
		}}
	},
	"alerts and noise": func(say string) imapscript.Answers {
		noise := func(p *imapscript.Peer, _ imapscript.Command) bool {
			half := len(say) / 2
			p.Send("* OK [ALERT] " + say)
			p.Send("* NO " + say)
			p.Send("* OK begins with " + say[:half])
			p.Send("* OK ends with " + say[half:])
			p.Send("* \x00\xff " + say)
			p.Send(`* ID ("x" ` + imapscript.Literal(say[:half]) + " " + imapscript.Literal(say[half:]) + ")")
			return false
		}
		return imapscript.Answers{"LIST": noise, "EXAMINE": noise, "SELECT": noise, "LOGOUT": noise}
	},
	"capabilities": func(say string) imapscript.Answers {
		return imapscript.Answers{"CAPABILITY": func(p *imapscript.Peer, _ imapscript.Command) bool {
			p.Send("* CAPABILITY IMAP4rev1 AUTH=PLAIN " + say)
			p.Send("$tag OK [CAPABILITY IMAP4rev1 " + say + "] done")
			return true
		}, "AUTHENTICATE": func(p *imapscript.Peer, _ imapscript.Command) bool {
			p.Send("$tag OK in")
			return true
		}}
	},
	"goodbye": func(say string) imapscript.Answers {
		return imapscript.Answers{"LIST": func(p *imapscript.Peer, _ imapscript.Command) bool {
			p.Send("* BYE " + say)
			p.Close()
			return true
		}}
	},
	"everything refused": func(say string) imapscript.Answers {
		return always("$tag NO "+say, "LIST", "STATUS", "CREATE", "APPEND", "NAMESPACE", "ID")
	},
	"mailboxes refused": func(say string) imapscript.Answers { return always("$tag NO "+say, "EXAMINE", "SELECT") },
	"messages refused": func(say string) imapscript.Answers {
		return always("$tag NO "+say, "UID FETCH", "FETCH", "UID SEARCH", "UID STORE", "UID EXPUNGE", "APPEND", "CREATE")
	},
	"messages not understood": func(say string) imapscript.Answers {
		return always("$tag BAD "+say, "UID FETCH", "FETCH", "UID SEARCH", "UID STORE", "UID EXPUNGE", "APPEND")
	},
}

func always(line string, verbs ...string) imapscript.Answers {
	all := imapscript.Answers{}
	for _, v := range verbs {
		all[v] = func(p *imapscript.Peer, _ imapscript.Command) bool { p.Send(line); return true }
	}
	return all
}

// A server that gives the password away, wherever it can and however it is written, is not
// repeated: in no message, no log, no trace and no file.
func TestAServerThatTellsThePasswordIsNotRepeated(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for place, answers := range badIMAP {
		t.Run("IMAP, "+place, func(t *testing.T) {
			t.Parallel()
			var handler atomic.Pointer[imapscript.Handler]
			serve := func(h imapscript.Handler) { handler.Store(&h) }
			a := imapscript.NewAccount()
			a.Password = password
			for i := range 3 {
				a.Mailbox("INBOX").Append(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i), `\Seen`)
			}
			serve(imapscript.Healthy(a, nil))
			port := imapscript.Every(t, func(p *imapscript.Peer) { (*handler.Load())(p) }).Port()
			w := newTour(t, bin, password, sources["password"], fmt.Sprint("imap://ada@localhost:", port),
				`host = "localhost"`, fmt.Sprintf("port = %d", port), `tls = "none"`)
			if o := w.visit("sync work second"); o.Code != 0 {
				t.Fatalf("the healthy run: exit %d\n%s", o.Code, o.Stderr)
			}
			line := "a LOGIN ada " + fmt.Sprintf("%q", password)
			w.told(tells(password, line), place == "the greeting", func(say string) {
				a.Lock()
				a.Mailbox("INBOX").Append("Subject: new\r\n\r\nx\r\n")
				a.Unlock()
				serve(imapscript.Healthy(a, answers(say)))
			})
		})
	}
	for _, c := range []struct {
		name, word, stamp string
		caps              []string
	}{
		{"PASS", password, "", []string{"USER", "UIDL"}},
		{"PLAIN", password, "", []string{"SASL PLAIN", "UIDL"}},
		{"APOP", password, "<1896.697170952@dbc.example>", []string{"UIDL"}},
	} {
		t.Run("POP3, "+c.name, func(t *testing.T) {
			t.Parallel()
			var handler atomic.Pointer[pop3script.Handler]
			serve := func(h pop3script.Handler) { handler.Store(&h) }
			box := pop3script.NewBox("Subject: 1\r\n\r\nx\r\n", "Subject: 2\r\n\r\ny\r\n")
			box.Password, box.Stamp, box.Caps = c.word, c.stamp, c.caps
			serve(pop3script.Healthy(box, nil))
			srv := pop3script.New(t, func(p *pop3script.Peer) { (*handler.Load())(p) })
			w := newTour(t, bin, c.word, sources["password"], fmt.Sprint("pop3://ada@localhost:", srv.Port()),
				`protocol = "pop3"`, `host = "localhost"`, fmt.Sprintf("port = %d", srv.Port()), `tls = "none"`)
			if o := w.visit("sync work second"); o.Code != 0 {
				t.Fatalf("the healthy run: exit %d\n%s", o.Code, o.Stderr)
			}
			line := "PASS " + c.word
			for _, command := range srv.Commands() {
				if verb, _, _ := strings.Cut(command, " "); verb == "APOP" || strings.Count(command, " ") == 2 {
					line = command
					w.hush.forms = append(w.hush.forms, command[strings.LastIndexByte(command, ' ')+1:]) // the digest as well
				}
			}
			for _, place := range badPOP3() {
				w.told(tells(c.word, line), place.early, func(say string) { serve(pop3script.Healthy(box, place.answers(say))) })
			}
		})
	}
}

// told goes through the sentences and tells each to one of the runs, in turn. What comes early
// comes before a program was asked for the password, and before the client has said a
// line: nobody could know it then.
func (w *tour) told(sentences map[string]string, early bool, serve func(say string)) {
	w.t.Helper()
	names := slices.Sorted(maps.Keys(sentences))
	runs := meets
	if early {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "the line") })
		runs = slices.DeleteFunc(slices.Clone(runs), func(run string) bool { return strings.Contains(run, "--password-command") })
	}
	for i := range max(len(names), len(runs)) {
		serve(sentences[names[i%len(names)]])
		w.visit(runs[i%len(runs)])
	}
}

// place is where a POP3 server can tell.
type place struct {
	early   bool // before log-in
	answers func(say string) pop3script.Answers
}

func badPOP3() []place {
	err := func(verbs ...string) func(string) pop3script.Answers {
		return func(say string) pop3script.Answers {
			all := pop3script.Answers{}
			for _, v := range verbs {
				all[v] = pop3script.Say("-ERR " + say)
			}
			return all
		}
	}
	return []place{
		{false, err("PASS", "AUTH", "APOP")}, {true, err("GREETING")}, {false, err("UIDL", "LIST", "STAT")}, {false, err("RETR", "TOP", "QUIT", "DELE")},
		{false, func(say string) pop3script.Answers { // a challenge that says why
			return pop3script.Answers{"AUTH": func(p *pop3script.Peer, _ string) bool {
				p.Send("+ " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"status":%q}`, say)))
				_ = p.Line()
				p.Send("-ERR [AUTH] " + say)
				return true
			}}
		}},
		{true, func(say string) pop3script.Answers { // noise, and where there is to be a listing
			return pop3script.Answers{"STAT": pop3script.Say(say), "UIDL": pop3script.Say("+OK "+say, say, "."), "CAPA": pop3script.Say("+OK "+say, "USER", "UIDL", say, ".")}
		}},
		{false, func(say string) pop3script.Answers { // longer than any line
			return pop3script.Answers{"UIDL": pop3script.Say("-ERR " + strings.Repeat("x", 65500) + say), "LIST": pop3script.Say("+OK "+say, ".")}
		}},
	}
}
