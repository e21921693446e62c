//go:build unix

package main_test

import (
	"io"
	"maps"
	"net"
	"net/textproto"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// One life of a user, on every POP3 server there is: each letter comes once, whatever happens, and leaves
// the server only once it is here.
func TestOneLifeOnEveryPOP3Server(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, h := range []house{
		{name: "Dovecot", begin: servers.Dovecot},
		{name: "Cyrus", begin: servers.Cyrus},
		{name: "Courier", begin: servers.Courier},
		{name: "GNU pop3d", begin: servers.Mailutils, stamps: true},
		{name: "popa3d", begin: servers.Popa3d},
		{name: "perdition", begin: before(servers.Perdition)},
	} {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			l := &popTenant{tenant{house: h, srv: h.begin(t, h.opts...), has: map[string][]int{}}}
			l.srv.AddUser("ada")
			l.w = popWorld(t, bin, l.srv)
			l.set("")
			for _, c := range []chapter{
				{"mail comes, and an idle run does nothing", l.comes},
				{"more mail comes", l.more},
				{"the state is lost", l.losesState},
				{"the connection is cut", l.isCut},
				{"what is here is deleted there", l.deletes},
				{"a wrong password", l.mistypes},
			} {
				l.live(t, c)
			}
		})
	}
}

// popTenant is a user of a POP3 server. All letters are in INBOX.
type popTenant struct{ tenant }

// set sets when mail is deleted, where not never.
func (l *popTenant) set(delete string, more ...string) {
	lines := append(l.reach(l.srv.POP3, more...), `protocol = "pop3"`)
	if delete != "" {
		lines = append(lines, "delete = "+strconv.Quote(delete))
	}
	l.w.configure(lines)
}

func (l *popTenant) arrives(letters int) {
	for range letters {
		l.srv.Deliver("ada", l.letter("INBOX"))
	}
}

// there is the letters on the server, as a POP3 client of a few lines sees them.
func (l *popTenant) there(t *testing.T) map[int]string {
	t.Helper()
	conn, err := net.Dial("tcp", l.srv.POP3)
	if err != nil {
		t.Fatal(err)
	}
	c := textproto.NewConn(conn)
	defer c.Close()
	do := func(command string) string {
		if command != "" {
			if err := c.PrintfLine("%s", command); err != nil {
				t.Fatal(err)
			}
		}
		line, err := c.ReadLine()
		if err != nil || !strings.HasPrefix(line, "+OK") {
			t.Fatalf("%s: %q %v", command, line, err)
		}
		return line
	}
	for _, command := range []string{"", "USER " + l.srv.Login("ada"), "PASS " + servers.Password} {
		do(command)
	}
	n, err := strconv.Atoi(strings.Fields(do("STAT"))[1])
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]string{}
	for i := range n {
		do("RETR " + strconv.Itoa(i+1))
		body, err := io.ReadAll(c.DotReader())
		if err != nil {
			t.Fatal(err)
		}
		body = []byte(strings.ReplaceAll(string(body), "\n", "\r\n"))
		all[numberOf(body)] = string(body)
	}
	do("QUIT")
	return all
}

// settled fails the test where anything is left to do, or a letter is not where it has to be: all are here, and some on the server.
func (l *popTenant) settled(t *testing.T, onServer []int) {
	t.Helper()
	if l.stamps {
		l.w.syncOK()
	}
	before := entries(t, l.w.root)
	if a := l.w.syncOK(); a.Fetched+a.DeletedOnServer != 0 || a.OnServer != len(onServer) {
		t.Errorf("there is still something to do: %+v", a)
	}
	sameEntries(t, before, entries(t, l.w.root))
	there, here := l.there(t), l.here(t, "INBOX")
	if got := slices.Sorted(maps.Keys(there)); !slices.Equal(got, onServer) {
		t.Errorf("the server has the letters %v, want %v", got, onServer)
	}
	if got := slices.Sorted(maps.Keys(here)); !slices.Equal(got, l.has["INBOX"]) {
		t.Errorf("the Maildir has the letters %v, want %v", got, l.has["INBOX"])
	}
	for n, text := range there {
		if l.stampless(here[n].body) != l.stampless([]byte(text)) {
			t.Errorf("letter %d: %q on the server, %q here", n, text, here[n].body)
		}
	}
}

func (l *popTenant) comes(t *testing.T) {
	l.arrives(6)
	if a := l.w.syncOK(); a.Fetched != 6 || a.Here != 6 {
		t.Errorf("fetched %d, here %d, want 6", a.Fetched, a.Here)
	}
	l.settled(t, l.has["INBOX"])
}

func (l *popTenant) more(t *testing.T) {
	l.arrives(2)
	if a := l.w.syncOK(); a.Fetched != 2 || a.Here != 8 {
		t.Errorf("fetched %d, here %d, want 2 and 8", a.Fetched, a.Here)
	}
	l.settled(t, l.has["INBOX"])
}

func (l *popTenant) losesState(t *testing.T) {
	remove(t, filepath.Join(l.w.root, ".mailsync"))
	if a := l.w.syncOK(); a.Fetched != 0 || a.Here != 8 {
		t.Errorf("without its state: %+v", a)
	}
	l.settled(t, l.has["INBOX"])
	for _, command := range []string{"verify", "check", "list", "status"} {
		l.w.run(command).want(t, 0)
	}
}

func (l *popTenant) isCut(t *testing.T) {
	l.arrives(10)
	cut := atomic.Int64{}
	addr := cutting(t, l.srv.POP3, &cut)
	for _, octets := range []int64{700, 4000} {
		cut.Store(octets)
		l.w.configure(append(l.reach(addr), `protocol = "pop3"`, `delete = "fetched"`))
		if o := l.w.run("sync"); o.Code != 0 && o.Code != 5 && o.Code != 1 {
			t.Errorf("cut after %d octets: exit %d\n%s%s", octets, o.Code, o.Stdout, o.Stderr)
		}
		here := l.here(t, "INBOX")
		for _, n := range l.has["INBOX"] {
			if _, ok := here[n]; !ok {
				if _, ok := l.there(t)[n]; !ok {
					t.Errorf("cut after %d octets: letter %d is neither here nor there", octets, n)
				}
			}
		}
	}
	l.set("")
	l.w.syncOK()
	l.settled(t, slices.Sorted(maps.Keys(l.there(t))))
}

func (l *popTenant) deletes(t *testing.T) {
	l.arrives(1)
	l.set("fetched")
	n := len(l.there(t))
	if a := l.w.sync().account; a.DeletedOnServer != n || a.Fetched != 1 {
		t.Errorf("fetched %d and deleted %d, want 1 and %d: %+v", a.Fetched, a.DeletedOnServer, n, a)
	}
	l.settled(t, nil)
}

func (l *popTenant) mistypes(t *testing.T) {
	l.set("", `password = "wrong"`)
	o := l.w.run("sync")
	o.want(t, 4)
	if !strings.Contains(o.Stderr, "password") {
		t.Errorf("it does not say that it is the password:\n%s", o.Stderr)
	}
	l.set("")
	l.settled(t, nil)
}
