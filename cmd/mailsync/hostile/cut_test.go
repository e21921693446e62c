//go:build unix

package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
)

// cutLengths are on both sides of every buffer that a body passes through.
var cutLengths = []int{100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256<<10 - 1, 256 << 10, 256<<10 + 1, 320<<10 - 1, 320 << 10, 320<<10 + 1}

// long is a message with a line that begins with a dot behind its first n octets, which end
// with a line.
func long(n int) string {
	head := "Subject: long\r\nMessage-ID: <long@hostile.example>\r\n\r\n"
	if n > len(head)+2 {
		text := strings.Repeat("A line of a message that is long.\r\n", n/35)
		if rest := n - len(head) - 2; len(text) > rest {
			text = text[:rest]
		}
		head += strings.TrimRight(text, "\r\n")
		head += strings.Repeat("x", n-len(head)-2) + "\r\n"
	}
	return head + ".a line with a dot\r\n" + strings.Repeat("The rest of the message.\r\n", 4000)
}

// neverWhole runs the program against a server that cuts one message off each time, and then
// against one that is well.
func (l *life) neverWhole(victim string, all []string, cut func(), heal func()) {
	l.t.Helper()
	cut()
	for range 2 {
		if o := l.sync(); !slices.Contains([]int{1, 5}, o.Code) || len(o.account.Errors) == 0 {
			l.t.Errorf("exit %d, errors %v", o.Code, o.account.Errors)
		}
		mail, _ := l.files()
		for body := range bodies(mail) {
			if body == victim || !slices.Contains(all, body) {
				l.t.Errorf("on disk: %s", short(body))
			}
		}
	}
	heal()
	if o := l.sync(); o.Code != 0 || o.account.Here != len(all) {
		l.t.Errorf("healed: exit %d, %d here: %s", o.Code, o.account.Here, program.Tail(o.Stderr))
	}
	l.once(all)
}

// once sees that each body is on disk once.
func (l *life) once(all []string) {
	l.t.Helper()
	mail, _ := l.files()
	have := bodies(mail)
	for _, body := range all {
		if have[body] != 1 {
			l.t.Errorf("on disk %d times: %s", have[body], short(body))
		}
	}
	if len(mail) != len(all) {
		l.t.Errorf("%d files, want %d", len(mail), len(all))
	}
}

// cutRuns runs the program twice while the message no of so many is cut off each time, and
// then against a server that is well: the message is named each time, the others are here,
// and then it is here as well, once.
func (l *life) cutRuns(no int, all []string, cut func(), heal func()) {
	l.t.Helper()
	cut()
	for run := range 2 {
		o := l.sync()
		if o.Code != 1 || len(o.account.Errors) != 1 || o.account.Errors[0].UID != uint32(no) || o.account.Here != len(all)-1 {
			l.t.Errorf("run %d: exit %d, %d here, errors %v", run+1, o.Code, o.account.Here, o.account.Errors)
		}
		if run == 0 && o.account.Fetched != len(all)-1 || run > 0 && o.account.Fetched != 0 {
			l.t.Errorf("run %d: %d fetched", run+1, o.account.Fetched)
		}
		mail, _ := l.files()
		if have := bodies(mail); len(mail) != len(all)-1 || have[all[no-1]] > 0 {
			l.t.Errorf("run %d: %d files", run+1, len(mail))
		}
	}
	heal()
	for _, fetched := range []int{1, 0} {
		if o := l.sync(); o.Code != 0 || o.account.Fetched != fetched || o.account.Here != len(all) {
			l.t.Errorf("healed: exit %d, %d fetched, %d here: %s", o.Code, o.account.Fetched, o.account.Here, program.Tail(o.Stderr))
		}
	}
	l.once(all)
}

// A body that is cut off is never taken for whole, however long it is and whatever ends it.
func TestCutPOP3(t *testing.T) {
	ends := map[string]func(p *pop3script.Peer){
		"closed":                (*pop3script.Peer).Close,
		"closed behind a dot":   func(p *pop3script.Peer) { p.Raw([]byte(".")); p.Close() },
		"closed behind dot, CR": func(p *pop3script.Peer) { p.Raw([]byte(".\r")); p.Close() },
		"closed behind LF.LF":   func(p *pop3script.Peer) { p.Raw([]byte("x\n.\n")); p.Close() },
		"reset":                 (*pop3script.Peer).Reset,
		"silent":                func(p *pop3script.Peer) { p.Stall() },
	}
	for name, end := range ends {
		for i, n := range cutLengths {
			if name == "silent" && !slices.Contains([]int{64 << 10, 256 << 10, 320<<10 + 1}, n) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				t.Parallel()
				no := []int{1, 2, 3}[i%3]
				all := slices.Insert([]string{letter(1), letter(2)}, no-1, long(n))
				l := newPOP3(t, popSituation{})
				l.configure(`protocol = "pop3"`, fmt.Sprintf("port = %d", l.port))
				l.box.Messages = nil
				for i, body := range all {
					l.box.Add(body).UIDL = fmt.Sprint("uidl-", i)
				}
				if i%2 == 0 {
					l.box.Caps = []string{"USER", "UIDL"}
				}
				l.cutRuns(no, all, func() {
					l.serve(pop3script.Healthy(l.box, onRETR(fmt.Sprint(no), func(p *pop3script.Peer, _ string) bool {
						p.Send("+OK")
						p.Raw([]byte(long(n)[:n]))
						end(p)
						return true
					})))
				}, func() { l.serve(pop3script.Healthy(l.box, nil)) })
			})
		}
	}
}

func TestCutIMAP(t *testing.T) {
	ends := map[string]func(p *imapscript.Peer){
		"closed": (*imapscript.Peer).Close,
		"reset":  (*imapscript.Peer).Reset,
		"silent": func(p *imapscript.Peer) { p.Stall() },
	}
	for name, end := range ends {
		for i, n := range cutLengths {
			if name == "silent" && !slices.Contains([]int{64 << 10, 256 << 10, 320<<10 + 1}, n) {
				continue
			}
			for _, told := range []int{1, 4000} {
				t.Run(fmt.Sprintf("%s/%d of %d", name, n, n+told), func(t *testing.T) {
					t.Parallel()
					no := []int{1, 2, 3}[i%3]
					all := slices.Insert([]string{letter(1), letter(2)}, no-1, long(n)[:n+told])
					l := newIMAP(t, situation{})
					l.acct = imapscript.NewAccount()
					l.acct.Password = secret
					for _, body := range all {
						l.acct.Mailbox("INBOX").Append(body)
					}
					l.neverWhole(all[no-1], all, func() {
						l.serve(imapscript.Healthy(l.acct, onBodies(func(p *imapscript.Peer, seq int, m *imapscript.Message) bool {
							if m.UID != uint32(no) {
								return false
							}
							p.Raw([]byte(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s", seq, m.UID, len(m.Body), m.Body[:n])))
							end(p)
							return true
						})(l.acct)))
					}, l.heal)
				})
			}
		}
	}
}
