//go:build unix

package hostile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// situation is one thing that is wrong with an IMAP server in the second of three runs.
type situation struct {
	name string
	// codes are the exit codes that the run may end with.
	codes []int
	// answers replace some of a healthy server's; server replaces it whole.
	answers func(acct *script.Account) script.Answers
	server  script.Handler
	// lines of the configuration, in all three runs.
	lines []string
	// prepare changes the account before the first run.
	prepare func(acct *script.Account)
	// healed changes the account after the broken run.
	healed func(acct *script.Account)
	// lies says that the server claimed, in a form that cannot be doubted, that messages
	// are gone: their files may be in the trash.
	lies bool
	// slow says that the server takes its time on purpose.
	slow bool
	// undone says that what was removed may be back: a message that the server showed with
	// another size is another message.
	undone bool
	// muteAfter says that the server tells no Message-IDs in the runs after.
	muteAfter bool
	// never says that the last run cannot do everything either.
	never bool
	// forgets says that the server confirmed an append and did nothing: it is named in every run, and not
	// sent again.
	forgets bool
}

// mirror is the configuration under which a mistake costs most.
var mirror = []string{`on_server_delete = "delete"`, `on_disk_delete = "delete"`, `append = true`}

func letter(n int) string {
	return fmt.Sprintf("From: grace@example.org\r\nTo: ada@example.org\r\nSubject: number %d\r\nMessage-ID: <%d@hostile.example>\r\n\r\nText of number %d.\r\n%s",
		n, n, n, strings.Repeat("A line of its text.\r\n", 20+n))
}

// imapLife is a life with an IMAP server.
type imapLife struct {
	*life
	acct    *script.Account
	srv     *script.Server
	handler atomic.Pointer[script.Handler]
}

func newIMAP(t *testing.T, s situation) *imapLife {
	t.Helper()
	l := &imapLife{life: newLife(t), acct: script.NewAccount()}
	l.written = func() { l.acct.Lock(); defer l.acct.Unlock() }
	l.acct.Password = secret
	inbox := l.acct.Mailbox("INBOX")
	for n := range 12 {
		inbox.Append(letter(n))
	}
	archive := l.acct.Add("Archive")
	for n := range 4 {
		archive.Append(letter(20+n), `\Seen`)
	}
	l.acct.Add("Entw&APw-rfe", letter(30), letter(31))
	if s.prepare != nil {
		s.prepare(l.acct)
	}
	l.heal()
	l.srv = script.Every(t, func(p *script.Peer) { p.MayEnd = true; (*l.handler.Load())(p) })
	l.configure(append(append(slices.Clone(mirror), fmt.Sprintf("port = %d", l.srv.Port())), s.lines...)...)
	return l
}

func (l *imapLife) serve(h script.Handler) { l.handler.Store(&h) }

func (l *imapLife) heal() { l.serve(script.Healthy(l.acct, nil)) }

// change makes changes on both sides, and returns the bodies that have to be there in the
// end whatever happens meanwhile.
func (l *imapLife) change() (wanted map[string]int) {
	l.t.Helper()
	wanted = l.onServer()
	l.acct.Lock()
	defer l.acct.Unlock()
	inbox, archive := l.acct.Mailbox("INBOX"), l.acct.Mailbox("Archive")
	for n := 40; n < 43; n++ {
		inbox.Append(letter(n))
		wanted[letter(n)] = 1
	}
	inbox.SetFlags(inbox.Messages[2], `\Answered`)
	delete(wanted, archive.Messages[1].Body) // another client deletes it
	archive.Expunge(archive.Messages[1].UID)

	mail, _ := l.files()
	for _, m := range mail {
		name := filepath.Base(m.path)
		base, _, _ := strings.Cut(name, ":2,")
		switch {
		case m.body == letter(4): // the user flags one
			l.rename(m.path, filepath.Join("INBOX", "cur", base+":2,F"))
		case m.body == letter(30) && len(mirror) > 1: // and removes one
			l.must(os.Remove(filepath.Join(l.root, m.path)))
			if len(mirror) > 1 {
				delete(wanted, m.body)
			}
		}
	}
	if len(mirror) < 3 {
		return wanted
	}
	// and writes one.
	l.must(os.WriteFile(filepath.Join(l.root, "INBOX", "new", "1700000000.M1P1.home"), []byte(strings.ReplaceAll(letter(50), "\r\n", "\n")), 0o600))
	wanted[letter(50)] = 1
	return wanted
}

func (l *life) rename(from, to string) {
	l.t.Helper()
	l.must(os.Rename(filepath.Join(l.root, from), filepath.Join(l.root, to)))
}

func (l *life) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// onServer counts the bodies that the server has.
func (l *imapLife) onServer() map[string]int {
	l.acct.Lock()
	defer l.acct.Unlock()
	n := map[string]int{}
	for _, m := range l.acct.Mailboxes {
		for _, msg := range m.Messages {
			n[msg.Body]++
		}
	}
	return n
}

// play lives one situation through.
func (s situation) play(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, s)
	beside := l.outside()
	l.patiently(true)
	o := l.sync()
	if o.Code != 0 {
		t.Fatalf("the first run: exit %d\n%s\n%s", o.Code, program.Tail(o.Stdout), program.Tail(o.Stderr))
	}
	sawHealthy(o)
	l.patiently(false)
	wanted := l.change()
	before, _ := l.files()

	if s.server != nil {
		l.serve(s.server)
	} else {
		l.serve(script.Healthy(l.acct, s.answers(l.acct)))
	}
	l.broken(s, before)
	l.patiently(true)
	if s.healed != nil {
		s.healed(l.acct)
	}
	l.heal()
	if s.muteAfter {
		l.serve(script.Healthy(l.acct, mute(func(*script.Mailbox) {})(l.acct)))
	}
	switch {
	case s.undone:
		l.atLeast(wanted)
	case s.forgets:
		l.forgotten(wanted)
	case !s.never:
		l.recovered(wanted)
	}
	if now := l.outside(); !slices.Equal(now, beside) {
		t.Errorf("outside the root there was %q, there is %q", beside, now)
	}
}

// broken is the run in which something is wrong.
func (l *imapLife) broken(s situation, before []message) {
	l.t.Helper()
	o := l.sync()
	if !slices.Contains(s.codes, o.Code) {
		l.t.Errorf("exit %d, want %v\n%s\n%s", o.Code, s.codes, program.Tail(o.Stdout), program.Tail(o.Stderr))
	}
	if o.Code != 0 && len(o.account.Errors) == 0 {
		l.t.Errorf("exit %d and no error is told", o.Code)
	}
	if o.Took > 3*timeout+slack && !s.slow {
		l.t.Errorf("it took %v", o.Took)
	}
	l.frugal(o)
	l.nothingLost(s, before)
}

// recovered sees that with a healthy server everything comes to be as it should.
func (l *imapLife) recovered(wanted map[string]int) {
	l.t.Helper()
	// What was doubted in the first run is settled in the second; what other programs put
	// here waits while it may yet turn out to be mail of the server's.
	_, o := l.sync(), l.sync()
	if o.Code != 0 {
		l.t.Errorf("after it was healed: exit %d\n%s\n%s", o.Code, program.Tail(o.Stdout), program.Tail(o.Stderr))
	}
	l.everything(wanted)
	o = l.sync()
	if o.Code != 0 || o.account.Fetched != 0 {
		l.t.Errorf("and once more: exit %d, fetched %d\n%s", o.Code, o.account.Fetched, program.Tail(o.Stderr))
	}
	l.everything(wanted)
}

// forgotten sees that all is done but for the one message that the server confirmed and forgot: that is
// here, once, and each run names it.
func (l *imapLife) forgotten(wanted map[string]int) {
	l.t.Helper()
	var o outcome
	for range 3 {
		if o = l.sync(); o.Code != 1 || !strings.Contains(o.Stderr, "does not list it") {
			l.t.Errorf("after it was healed: exit %d\n%s", o.Code, program.Tail(o.Stderr))
		}
	}
	mail, _ := l.files()
	here, server := bodies(mail), l.onServer()
	if server[letter(50)] != 0 || here[letter(50)] != 1 {
		l.t.Errorf("what was forgotten is %d times on the server and %d times here", server[letter(50)], here[letter(50)])
	}
	delete(wanted, letter(50))
	delete(here, letter(50))
	if !maps.Equal(server, wanted) || !maps.Equal(here, wanted) {
		l.t.Errorf("%d messages on the server and %d here; want %d and the one that was forgotten", len(server), len(here), len(wanted))
	}
}

// nothingLost sees that what was here is here, in its Maildir unless the server lied.
func (l *imapLife) nothingLost(s situation, before []message) {
	l.t.Helper()
	mail, trashed := l.files()
	now, trash := bodies(mail), bodies(trashed)
	server := l.onServer()
	for body, n := range bodies(before) {
		if now[body] < n && !(s.lies || server[body] == 0) {
			l.t.Errorf("gone from the disk: %s (%d in the trash)", short(body), trash[body])
		}
		if now[body]+trash[body] < n {
			l.t.Errorf("lost from the disk: %s", short(body))
		}
	}
	for body, n := range now {
		if n > 1 {
			l.t.Errorf("%d times on disk: %s", n, short(body))
		}
	}
	for body, n := range server {
		if n > 1 {
			l.t.Errorf("%d times on the server: %s", n, short(body))
		}
	}
}

// everything sees that both sides have what was wanted, once, and nothing else.
func (l *imapLife) everything(wanted map[string]int) {
	l.t.Helper()
	mail, _ := l.files()
	for where, have := range map[string]map[string]int{"on disk": bodies(mail), "on the server": l.onServer()} {
		for body := range wanted {
			if have[body] != 1 {
				l.t.Errorf("%s %d times: %s", where, have[body], short(body))
			}
		}
		for body, n := range have {
			if wanted[body] == 0 {
				l.t.Errorf("%s though it should be gone (%d times): %s", where, n, short(body))
			}
		}
	}
}

// play runs the situations of a group.
func play(t *testing.T, all []situation) {
	for _, s := range all {
		t.Run(s.name, s.play)
	}
}

// say is an answer of these lines.
func say(lines ...string) script.Answer {
	return func(p *script.Peer, _ script.Command) bool {
		for _, line := range lines {
			p.Send(line)
		}
		return true
	}
}

// for1 answers one verb.
func for1(verb string, a script.Answer) func(*script.Account) script.Answers {
	return func(*script.Account) script.Answers { return script.Answers{verb: a} }
}

func stall(p *script.Peer, _ script.Command) bool { p.Stall(); return true }

func hangUp(p *script.Peer, _ script.Command) bool { p.Close(); return true }

func reset(p *script.Peer, _ script.Command) bool { p.Reset(); return true }
