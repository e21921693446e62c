//go:build unix

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
	"mailsync/internal/testkit/stage"
)

// house is a real server, and what its users cannot have there.
type house struct {
	name   string
	begin  func(t testing.TB, opts ...servers.Option) *servers.Server
	opts   []servers.Option
	prefix string   // of every mailbox but INBOX, as it is spelled there
	keys   []string // of the configuration, for as long as the user lives there

	noKeywords bool // PERMANENTFLAGS has no \*, and a keyword is refused
	noExpunge  bool // no UIDPLUS, and no MOVE to a trash: no single message can be expunged
	trash      bool // no UIDPLUS either, but MOVE to a mailbox Trash
	stamps     bool // UID and flags are in the header: what changes is longer, and is fetched again

	furnish func(t *testing.T, srv *servers.Server) // before anybody moves in
	more    func(l *tenant) []chapter               // what is lived through there alone, last
}

func houses() []house {
	return []house{
		{name: "Dovecot", begin: servers.Dovecot},
		{name: "Cyrus", begin: servers.Cyrus},
		{name: "Courier", begin: servers.Courier, prefix: "INBOX."},
		{name: "GNU imap4d", begin: servers.Mailutils, noKeywords: true, noExpunge: true, stamps: true},
		{name: "maddy", begin: servers.Maddy, trash: true},
		{name: "imapproxy", begin: before(servers.Imapproxy)},
		{name: "perdition", begin: before(servers.Perdition)},
	}
}

// before begins a proxy before a Dovecot.
func before(proxy func(testing.TB, *servers.Server, ...servers.Option) *servers.Server) func(testing.TB, ...servers.Option) *servers.Server {
	return func(t testing.TB, opts ...servers.Option) *servers.Server {
		return proxy(t, servers.Dovecot(t, opts...))
	}
}

// One life of a user, on every server there is: whatever is done on either side arrives on the other,
// once, and what a server cannot do is said, with a hint, and loses nothing.
func TestOneLifeOnEveryServer(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, h := range houses() {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			l := moveIn(t, bin, h)
			for _, c := range l.chapters() {
				l.live(t, c)
			}
		})
	}
}

// chapters are what everybody lives through.
func (l *tenant) chapters() []chapter {
	all := []chapter{
		{"mail comes, and an idle run does nothing", l.comes},
		{"flags and keywords go both ways", l.flags},
		{"what is deleted goes both ways", l.deletes},
		{"files are appended", l.appends},
		{"moves go both ways", l.moves},
		{"the state is lost", l.losesState},
		{"verify", l.verifies},
		{"archive, and undo", l.archives},
		{"restore, twice", l.restores},
		{"the connection is cut", l.isCut},
		{"a wrong password", l.mistypes},
	}
	if l.more != nil {
		all = append(all, l.more(l)...)
	}
	return all
}

// chapter is a part of a life. It starts from what the one before left.
type chapter struct {
	name string
	live func(t *testing.T)
}

// live lives a chapter. Where that fails there is no use in those that follow.
func (l *tenant) live(t *testing.T, c chapter) {
	ok := t.Run(c.name, func(t *testing.T) {
		l.w.t = t
		c.live(t)
	})
	if !ok {
		t.Fatalf("what follows would start from what %q left", c.name)
	}
}

// tenant is a user of a house. Letters are known by their numbers.
type tenant struct {
	house
	w      *world
	srv    *servers.Server
	client *servers.Session
	last   int
	has    map[string][]int // the letters of each mailbox, wherever they are
	only   map[string][]int // those of them that are on the server and, by the user's will, not here

	readBack bool // the letter in Fresh was fetched: its file holds what the server has
}

func moveIn(t *testing.T, bin string, h house) *tenant {
	t.Helper()
	srv := h.begin(t, h.opts...)
	srv.AddUser("ada")
	srv.AddUser("bob") // before anybody logs in: Courier does not look for more users later
	if h.furnish != nil {
		h.furnish(t, srv)
	}
	l := &tenant{house: h, w: newWorld(t, bin, srv), srv: srv, client: srv.LogInAside("ada"), has: map[string][]int{}}
	l.configure()
	do(t, l.client, "CREATE "+l.spell("Work"))
	return l
}

// spell is a mailbox as the server spells it.
func (h house) spell(mailbox string) string {
	if mailbox == "INBOX" {
		return mailbox
	}
	return h.prefix + mailbox
}

// configure sets keys beside those by which the server is reached.
func (l *tenant) configure(more ...string) { l.w.configure(l.reach(l.srv.IMAP, more...)) }

func (l *tenant) reach(addr string, more ...string) settings {
	return slices.Concat(inPlainText(addr), settings{fmt.Sprintf("user = %q", l.srv.Login("ada"))}, l.keys, more)
}

// letter writes the next letter for a mailbox, as a server has it.
func (l *tenant) letter(mailbox string) []byte {
	l.last++
	l.has[mailbox] = append(l.has[mailbox], l.last)
	return fmt.Appendf(nil, "Message-ID: <%d@one.example>\r\nFrom: bob@example.org\r\nSubject: letter %d\r\n\r\n%s", l.last, l.last,
		strings.Repeat("a line of text\r\n", 3+l.last))
}

// recent and old are dates of letters.
func recent() time.Time { return time.Now().Add(-48 * time.Hour).Truncate(time.Second) }

var old = time.Date(2015, 3, 1, 12, 0, 0, 0, time.UTC)

// arrive puts a letter on the server.
func (l *tenant) arrive(t *testing.T, mailbox string, date time.Time, flags ...string) {
	t.Helper()
	if err := l.client.Append(l.spell(mailbox), flags, date, l.letter(mailbox)); err != nil {
		t.Fatal(err)
	}
}

// at does something in a mailbox on the server.
func (l *tenant) at(t *testing.T, mailbox string, commands ...string) {
	t.Helper()
	do(t, l.client, "SELECT "+l.spell(mailbox))
	for _, c := range commands {
		do(t, l.client, c)
	}
	do(t, l.client, "CLOSE")
}

// gone takes letters off a mailbox.
func (l *tenant) gone(mailbox string, letters ...int) {
	l.has[mailbox] = slices.DeleteFunc(l.has[mailbox], func(n int) bool { return slices.Contains(letters, n) })
}

var (
	letterID = regexp.MustCompile(`(?m)^Message-ID: <(\d+)@one\.example>`)
	stamps   = regexp.MustCompile(`(?m)^(X-IMAPbase|X-UIDL|X-UID|Status|X-Status|Return-Path): .*\r\n`)
)

// numberOf is the letter that a message is.
func numberOf(body []byte) int {
	m := letterID.FindSubmatch(body)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// folded are flags without regard to case, of which they have none (RFC 9051 section 2.3.2): maddy
// gives back all keywords in lower case.
func folded(flags []string) []string {
	var all []string
	for _, f := range flags {
		all = append(all, strings.ToLower(f))
	}
	slices.Sort(all)
	return all
}

// stampless is a message without what the server wrote into it.
func (h house) stampless(body []byte) string {
	if h.stamps {
		body = stamps.ReplaceAll(body, nil)
	}
	return string(body)
}

// there is the letters of a mailbox as the server has them now.
func (l *tenant) there(t *testing.T, mailbox string) map[int]servers.Mail {
	t.Helper()
	mails, err := l.client.Read(l.spell(mailbox), true)
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]servers.Mail{}
	for _, m := range mails {
		n := numberOf(m.Body)
		if _, twice := all[n]; twice {
			t.Errorf("letter %d is twice in %s", n, mailbox)
		}
		all[n] = m
	}
	return all
}

// here is the letters of a Maildir.
func (l *tenant) here(t *testing.T, mailbox string) map[int]file {
	t.Helper()
	all := map[int]file{}
	for _, f := range readFiles(t, l.w.root, mailbox) {
		n := numberOf(f.body)
		if _, twice := all[n]; twice {
			t.Errorf("letter %d is twice in the Maildir %s", n, mailbox)
		}
		all[n] = f
	}
	return all
}

// look fails the test for every letter that is not where it has to be, on both sides, or is another there than here.
func (l *tenant) look(t *testing.T) {
	t.Helper()
	for _, mailbox := range living {
		there, here := l.there(t, mailbox), l.here(t, mailbox)
		want := slices.Sorted(slices.Values(l.has[mailbox]))
		if got := slices.Sorted(maps.Keys(there)); !slices.Equal(got, want) {
			t.Errorf("%s has the letters %v, want %v", mailbox, got, want)
		}
		want = slices.DeleteFunc(want, func(n int) bool { return slices.Contains(l.only[mailbox], n) })
		if got := slices.Sorted(maps.Keys(here)); !slices.Equal(got, want) {
			t.Errorf("the Maildir %s has the letters %v, want %v", mailbox, got, want)
		}
		for n, f := range here {
			m, ok := there[n]
			if !ok {
				continue
			}
			if l.stampless(f.body) != l.stampless(m.Body) {
				t.Errorf("%s: letter %d: %q on the server, %q here", mailbox, n, m.Body, f.body)
			}
			if f.uid != m.UID || !f.date.Equal(m.Date) || !slices.Equal(folded(f.flags), folded(serverFlags(m))) {
				t.Errorf("%s: letter %d: UID %d of %v with %v on the server, %d of %v with %v here", mailbox, n,
					m.UID, m.Date.UTC(), serverFlags(m), f.uid, f.date.UTC(), f.flags)
			}
		}
	}
}

// sync is a run that has to do everything and find nothing wrong.
func (l *tenant) sync(t *testing.T) program.Account {
	t.Helper()
	o := l.w.sync()
	o.want(t, 0)
	a, away := o.account, 0
	for _, letters := range l.only {
		away += len(letters)
	}
	if a.Status != "ok" || a.Outstanding != 0 || a.OnServer != a.Here+away {
		t.Errorf("%d are on the server, %d here, %d are to be kept away\n%s%s", a.OnServer, a.Here, away, o.Stdout, o.Stderr)
	}
	return a
}

// settled fails the test where there is anything left to do.
func (l *tenant) settled(t *testing.T) {
	t.Helper()
	if l.stamps {
		l.sync(t)
	}
	for range 2 {
		before := entries(t, l.w.root)
		if a := l.sync(t); a.Fetched+a.Appended+a.FlagsToDisk+a.FlagsToServer+a.DeletedOnDisk+a.DeletedOnServer != 0 {
			t.Errorf("there is still something to do: %+v", a)
		}
		sameEntries(t, before, entries(t, l.w.root))
	}
	l.look(t)
}

func (l *tenant) comes(t *testing.T) {
	for i := range 9 {
		date, flags := recent(), []string(nil)
		if i%3 == 0 {
			date, flags = old, []string{`\Seen`}
		}
		if i == 4 && !l.noKeywords {
			flags = []string{`\Flagged`, "Later"}
		}
		l.arrive(t, living[i%2], date.Add(time.Duration(i)*time.Second), flags...)
	}
	if a := l.sync(t); a.Fetched != 9 || a.Here != 9 {
		t.Errorf("fetched %d, here %d, want 9: %+v", a.Fetched, a.Here, a)
	}
	l.settled(t)
}

// store sets a flag of a letter on the server.
func (l *tenant) store(t *testing.T, mailbox string, letter int, how string) {
	t.Helper()
	l.at(t, mailbox, fmt.Sprintf("UID STORE %d %s", l.there(t, mailbox)[letter].UID, how))
}

// rename gives a letter's file other letters, as a mail program does, in the same Maildir or another.
func (l *tenant) rename(t *testing.T, mailbox string, letter int, to, letters string) {
	t.Helper()
	f, ok := l.here(t, mailbox)[letter]
	if !ok {
		t.Fatalf("letter %d is not in %s", letter, mailbox)
	}
	base, _, _ := strings.Cut(filepath.Base(f.path), ":2,")
	if err := os.Rename(filepath.Join(l.w.root, f.path), filepath.Join(l.w.root, to, "cur", base+":2,"+letters)); err != nil {
		t.Fatal(err)
	}
}

func (l *tenant) flags(t *testing.T) {
	l.store(t, "INBOX", 3, `+FLAGS (\Answered)`)
	l.store(t, "INBOX", 1, `-FLAGS (\Seen)`)
	l.rename(t, "Work", 2, "Work", "FS")
	toDisk, toServer := 2, 1
	if !l.noKeywords {
		l.store(t, "Work", 4, `+FLAGS (Later)`)
		if err := os.WriteFile(filepath.Join(l.w.root, "INBOX", "dovecot-keywords"), []byte("0 Later\n1 Urgent\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		l.rename(t, "INBOX", 7, "INBOX", "Sb")
		toDisk, toServer = 3, 2
	}
	if a := l.sync(t); !l.stamps && a.FlagsToDisk != toDisk || a.FlagsToServer != toServer {
		t.Errorf("flags of %d messages to disk, of %d to the server, want %d and %d", a.FlagsToDisk, a.FlagsToServer, toDisk, toServer)
	}
	l.look(t)
	if came := l.there(t, "INBOX")[7]; !l.noKeywords && !slices.Contains(folded(came.Flags), "urgent") {
		t.Errorf("the keyword did not come: %v", came.Flags)
	}
	l.settled(t)
}

func (l *tenant) deletes(t *testing.T) {
	l.configure(mirrorKeys()...)
	l.store(t, "INBOX", 9, `+FLAGS (\Deleted)`)
	l.at(t, "INBOX", "EXPUNGE")
	l.gone("INBOX", 9)
	if a := l.sync(t); a.DeletedOnDisk != 1 {
		t.Errorf("deleted %d here, want 1", a.DeletedOnDisk)
	}
	l.look(t)
	remove(t, filepath.Join(l.w.root, l.here(t, "Work")[8].path))
	if l.noExpunge {
		l.refused(t, l.w.run("sync"))
		l.configure()
		l.only = map[string][]int{"Work": {8}}
		l.settled(t)
		return
	}
	l.gone("Work", 8)
	if l.trash {
		o := l.w.run("sync")
		o.want(t, 0)
		if _, ok := l.there(t, "Trash")[8]; !ok || !strings.Contains(o.Stdout, "1 moved to the server's trash") {
			t.Errorf("it is not said to be in the server's trash, or is not there:\n%s%s", o.Stdout, o.Stderr)
		}
		l.only = map[string][]int{"Trash": {8}}
	} else if a := l.sync(t); a.DeletedOnServer != 1 {
		t.Errorf("deleted %d on the server, want 1", a.DeletedOnServer)
	}
	l.settled(t)
}

// refused fails the test unless a run said that the server cannot expunge single messages, and what to do.
func (l *tenant) refused(t *testing.T, o outcome) {
	t.Helper()
	o.want(t, 1)
	if !strings.Contains(o.Stderr, "UIDPLUS") || !strings.Contains(o.Stderr, "mailsync: hint: ") {
		t.Errorf("it does not say why nothing can be expunged:\n%s%s", o.Stdout, o.Stderr)
	}
}

func (l *tenant) appends(t *testing.T) {
	l.configure("append = true")
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(l.w.root, "Fresh", sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for mailbox, name := range map[string]string{
		"INBOX": "new/1600000000.M1P1.host", "Work": "cur/1600000001.M1P2.host:2,S", "Fresh": "cur/1600000002.M1P3.host:2,S",
	} {
		p := filepath.Join(l.w.root, mailbox, name)
		if err := os.WriteFile(p, bytes.ReplaceAll(l.letter(mailbox), []byte("\r\n"), []byte("\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, recent(), recent()); err != nil {
			t.Fatal(err)
		}
	}
	if a := l.sync(t); a.Appended != 3 {
		t.Errorf("appended %d, want 3", a.Appended)
	}
	// GNU imap4d gives an empty mailbox another UIDVALIDITY each second. If that happens between CREATE and APPEND, the next run
	// reads what was appended, and finds that it is this file.
	if _, err := os.Stat(filepath.Join(l.w.root, "Fresh", "cur/1600000002.M1P3.host:2,S")); err == nil && l.srv.Name == "mailutils" {
		l.readBack = true
		if a := l.sync(t); a.Appended != 0 {
			t.Errorf("the next run appended %d", a.Appended)
		}
	}
	if there, here := l.there(t, "Fresh"), l.here(t, "Fresh"); len(there) != 1 || len(here) != 1 {
		t.Errorf("a new mailbox has %d letters there and %d here, want 1", len(there), len(here))
	}
	l.settled(t)
}

func (l *tenant) moves(t *testing.T) {
	uid := l.there(t, "INBOX")[3].UID
	l.at(t, "INBOX", fmt.Sprintf("UID COPY %d %s", uid, l.spell("Work")), fmt.Sprintf(`UID STORE %d +FLAGS (\Deleted)`, uid), "EXPUNGE")
	l.gone("INBOX", 3)
	l.has["Work"] = append(l.has["Work"], 3)
	a := l.sync(t)
	if l.stamps {
		// The number that it had is in its header still: it is longer, and another message. So the one that is gone stays here.
		remove(t, filepath.Join(l.w.root, l.here(t, "INBOX")[3].path))
	} else if a.Fetched+a.Appended != 0 {
		t.Errorf("what was moved there is fetched: %+v", a)
	}
	l.settled(t)

	l.rename(t, "Work", 2, "INBOX", "FS")
	if l.noExpunge {
		o := l.w.run("sync")
		l.refused(t, o)
		l.rename(t, "INBOX", 2, "Work", "FS")
		l.settled(t)
		return
	}
	l.gone("Work", 2)
	l.has["INBOX"] = append(l.has["INBOX"], 2)
	if a := l.sync(t); a.Fetched != 0 {
		t.Errorf("what was moved here is fetched: %+v", a)
	}
	if l.trash {
		l.sync(t) // what number it has there was not told, so its file is named by that one run later
	}
	l.settled(t)
}

func (l *tenant) losesState(t *testing.T) {
	remove(t, filepath.Join(l.w.root, ".mailsync"))
	only := 0
	for _, letters := range l.only {
		only += len(letters)
	}
	l.only = nil
	// That a message was kept away is known to the state alone.
	if l.stamps && !l.readBack {
		only++ // the letter in Fresh, which is longer there than the file that was appended
	}
	if a := l.sync(t); a.Fetched != only || a.Appended+a.DeletedOnServer+a.DeletedOnDisk != 0 {
		t.Errorf("without its state, want %d: %+v", only, a)
	}
	l.settled(t)
}

func (l *tenant) verifies(t *testing.T) {
	l.w.run("verify").want(t, 0)
	l.w.run("verify", "--server").want(t, 0)
	l.w.run("check").want(t, 0)
	l.w.run("list").want(t, 0)
	l.w.run("status").want(t, 0)
	l.settled(t)
}

// aged is the letters that archive takes, and what it leaves of each mailbox.
func (l *tenant) aged(t *testing.T) (went []int, left map[string][]int) {
	t.Helper()
	left = map[string][]int{}
	for _, mailbox := range living {
		for n, m := range l.there(t, mailbox) {
			if m.Date.Year() == 2015 && slices.Contains(m.Flags, `\Seen`) && !slices.Contains(m.Flags, `\Flagged`) {
				went = append(went, n)
			}
		}
		left[mailbox] = slices.DeleteFunc(slices.Clone(l.has[mailbox]), func(n int) bool { return slices.Contains(went, n) })
	}
	return went, left
}

func (l *tenant) archives(t *testing.T) {
	args := []string{"archive", "--older-than", "1y", "--into", filepath.Join(l.w.dir, "archive"), "--json"}
	if l.noExpunge {
		l.refused(t, l.w.run(append(args, "--apply")...))
		l.settled(t)
		return
	}
	went, left := l.aged(t)
	o := l.w.run(append(args, "--apply")...)
	o.want(t, 0)
	a := told[archivedToTrash](t, o, "archive")
	if l.trash != a.ToTrash || a.Gone+a.MovedToTrash != len(went) || l.trash && a.Gone != 0 || len(went) == 0 || a.Stay != 0 {
		t.Errorf("archived %+v, want %d messages", a, len(went))
	}
	whole := l.has
	l.has = left
	if l.trash {
		l.only = map[string][]int{"Trash": went}
	}
	l.settled(t)
	l.w.run("verify").want(t, 0)
	l.w.run("archive", "--undo").want(t, 0)
	l.has, l.only = whole, nil
	l.settled(t)
}

func (l *tenant) restores(t *testing.T) {
	other := slices.Concat(inPlainText(l.srv.IMAP), settings{fmt.Sprintf("user = %q", l.srv.Login("bob")),
		fmt.Sprintf("password = %q", servers.Password), fmt.Sprintf("maildir = %q", filepath.Join(l.w.dir, "other"))})
	own := settings{fmt.Sprintf("password = %q", servers.Password), fmt.Sprintf("maildir = %q", l.w.root)}
	l.w.configure(slices.Concat(l.reach(l.srv.IMAP), own, settings{"[accounts.other]"}, other))
	o := l.w.run("restore", "work", "--to", "other", "--json")
	o.want(t, 0)
	n := 0
	for _, files := range digests(t, l.w.root) {
		n += files
	}
	if a := told[restoredTold](t, o, "account"); a.Appended != n {
		t.Errorf("restored %d, want %d", a.Appended, n)
	}
	o = l.w.run("restore", "work", "--to", "other", "--json")
	o.want(t, 0)
	if a := told[restoredTold](t, o, "account"); a.Appended != 0 {
		t.Errorf("a second time restored %d", a.Appended)
	}
	ada := l.client
	mine := map[string]map[int]servers.Mail{}
	for _, mailbox := range living {
		mine[mailbox] = l.there(t, mailbox)
	}
	l.client = l.srv.LogInAside("bob")
	for _, mailbox := range living {
		got := l.there(t, mailbox)
		for n, m := range mine[mailbox] {
			g, ok := got[n]
			if !ok || l.stampless(g.Body) != l.stampless(m.Body) || !g.Date.Equal(m.Date) || !slices.Equal(folded(serverFlags(g)), folded(serverFlags(m))) {
				t.Errorf("%s: letter %d was %v with %v and is %v with %v", mailbox, n, m.Date, m.Flags, g.Date, g.Flags)
			}
		}
		if len(got) != len(mine[mailbox]) {
			t.Errorf("%s: %d letters were restored, want %d", mailbox, len(got), len(mine[mailbox]))
		}
	}
	l.client = ada
	l.configure()
	l.settled(t)
}

func (l *tenant) isCut(t *testing.T) {
	for range 10 {
		l.arrive(t, "INBOX", recent())
	}
	cut := atomic.Int64{}
	addr := cutting(t, l.srv.IMAP, &cut)
	l.w.configure(l.reach(addr))
	for _, octets := range []int64{40, 900, 1800, 3500} {
		cut.Store(octets)
		if o := l.w.run("sync"); o.Code != 0 && o.Code != 5 && o.Code != 1 {
			t.Errorf("cut after %d octets: exit %d\n%s%s", octets, o.Code, o.Stdout, o.Stderr)
		}
	}
	cut.Store(0)
	l.sync(t)
	l.settled(t)
}

// cutting is a network before a server that cuts each connection after so many octets to the
// client; 0 lets all through.
func cutting(t *testing.T, to string, after *atomic.Int64) string {
	return stage.Start(t, func(_ int, p *stage.Peer) {
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			_, _ = io.Copy(server, p)
			server.Close()
		}()
		if n := after.Load(); n > 0 {
			p.CutAfter(n)
		}
		_, _ = io.Copy(peerWriter{p}, server)
	}).Addr()
}

// peerWriter sends what is written to it.
type peerWriter struct{ *stage.Peer }

func (w peerWriter) Write(b []byte) (int, error) {
	w.Raw(b)
	return len(b), nil
}

func (l *tenant) mistypes(t *testing.T) {
	l.configure(`password = "wrong"`)
	o := l.w.run("sync")
	o.want(t, 4)
	if !strings.Contains(o.Stderr, "password") {
		t.Errorf("it does not say that it is the password:\n%s", o.Stderr)
	}
	l.configure()
	l.settled(t)
}
