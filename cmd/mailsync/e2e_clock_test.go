//go:build unix

package main_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// clockLife is an account that is synced by programs whose clocks are wrong by years.
type clockLife struct {
	*world
	bins    map[string]string
	client  *servers.Session
	archive string
	wanted  map[[32]byte]int // every message that was not deleted
	n       int
	clock   string // of the last run
}

// orders are what the clocks are set to, one after another.
var orders = [][]string{
	{"now", "later", "now"}, {"now", "earlier", "now"}, {"earlier", "now", "later"}, {"later", "earlier", "now"},
}

const untrusted = "nothing is done in this run because of its age"

func newClockLife(t *testing.T, bins map[string]string, srv *servers.Server, user, addr string, keys ...string) *clockLife {
	t.Helper()
	dir := t.TempDir()
	l := &clockLife{bins: bins, client: srv.LogIn(user), archive: filepath.Join(dir, "archive"), wanted: map[[32]byte]int{},
		world: &world{t: t, dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")}}
	l.configure(plain(addr, append([]string{fmt.Sprintf("user = %q", user)}, keys...)...))
	return l
}

// set sets the clock. It reports whether that is a jump for the next run.
func (l *clockLife) set(clock string) (jumped bool) {
	jumped = l.clock != "" && l.clock != clock
	l.clock, l.bin = clock, l.bins[clock]
	return jumped
}

// comes is a message that comes to the server.
func (l *clockLife) comes(date time.Time) {
	l.t.Helper()
	l.n++
	body := fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\nSubject: %d\r\n\r\n%d\r\n", l.n, l.n, l.n)
	if err := l.client.Append("INBOX", []string{`\Seen`}, date, body); err != nil {
		l.t.Fatal(err)
	}
	l.wanted[sha256.Sum256(body)] = 1
}

// goes is a message that the user deletes on the server.
func (l *clockLife) goes() {
	l.t.Helper()
	mails, err := l.client.Read("INBOX", true)
	if err != nil || len(mails) == 0 {
		l.t.Fatalf("%d messages on the server, %v", len(mails), err)
	}
	last := mails[len(mails)-1]
	delete(l.wanted, sha256.Sum256(last.Body))
	do(l.t, l.client, "SELECT INBOX")
	do(l.t, l.client, fmt.Sprintf(`UID STORE %d +FLAGS (\Deleted)`, last.UID))
	do(l.t, l.client, fmt.Sprintf("UID EXPUNGE %d", last.UID))
	do(l.t, l.client, "UNSELECT")
}

// ran is a run that has to end well, and soon.
func (l *clockLife) ran(args ...string) outcome {
	l.t.Helper()
	o := l.run(args...)
	if o.Code != 0 {
		l.t.Errorf("%v with the clock %s: exit %d\n%s%s", args, l.clock, o.Code, o.Stdout, o.Stderr)
	}
	if o.Took > time.Minute {
		l.t.Errorf("%v with the clock %s: it took %v", args, l.clock, o.Took)
	}
	return o
}

// says checks whether a run told that it did nothing because of an age.
func (l *clockLife) says(o outcome, jumped bool) {
	l.t.Helper()
	if got := strings.Contains(o.Stderr, untrusted); got != jumped {
		l.t.Errorf("the clock is %s and jumped: %v; the run told so: %v\n%s", l.clock, jumped, got, o.Stderr)
	}
}

// whole sees that every message is here once, and that the server has those that were not
// archived or collected.
func (l *clockLife) whole() {
	l.t.Helper()
	here := digests(l.t, l.root)
	archived := map[[32]byte]int{}
	if _, err := os.Stat(l.archive); err == nil {
		archived = digests(l.t, l.archive)
	}
	for sum, n := range archived {
		here[sum] += n
	}
	if !maps.Equal(here, l.wanted) {
		l.t.Fatalf("the clock is %s: %d different messages are here, %d wanted: lost or doubled", l.clock, len(here), len(l.wanted))
	}
	for sum, n := range serverDigests(l.t, l.client, []string{"INBOX"}) {
		if n != 1 || l.wanted[sum] != 1 || archived[sum] != 0 {
			l.t.Errorf("the clock is %s: the server has a message %d times that is to be there %d times, and archived %d times",
				l.clock, n, l.wanted[sum], archived[sum])
		}
	}
}

func (l *clockLife) trashed() []string {
	list, _ := os.ReadDir(filepath.Join(l.root, ".mailsync", "trash"))
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// idles checks that a further run has nothing to do.
func (l *clockLife) idles() {
	l.t.Helper()
	l.syncOK()
	if a := l.syncOK(); a.Fetched+a.Appended+a.FlagsToDisk+a.FlagsToServer+a.DeletedOnDisk+a.DeletedOnServer != 0 {
		l.t.Errorf("the clock is %s: an idle run did something: %+v", l.clock, a)
	}
}

// A clock that is set back and forward by ten years loses and doubles nothing. The run that
// meets it first does nothing because something is old, and says so.
func TestClockSetWrong(t *testing.T) {
	t.Parallel()
	bins := clocks(t)
	t.Run("TLS", func(t *testing.T) { outOfDate(t, bins) })
	srv := servers.Dovecot(t)
	for i, order := range orders {
		t.Run(strings.Join(order, ", "), func(t *testing.T) {
			t.Parallel()
			first := []string{"sync", "archive"}[(i+i/2)%2] // each of them meets a clock that is early, and one that is late
			t.Run(first+" comes first", func(t *testing.T) {
				mirrored(t, newClockLife(t, bins, srv, fmt.Sprint(first, i), srv.IMAP, `on_server_delete = "delete"`, `on_disk_delete = "delete"`,
					`append = true`, `exclude = ["Back/*"]`, `trash_keep = "30d"`, "[accounts.work.archive]", `older_than = "2y"`), order, first)
			})
			t.Run("POP3", func(t *testing.T) {
				collected(t, newClockLife(t, bins, srv, fmt.Sprint("pop", i), srv.POP3, `protocol = "pop3"`, `delete = "14d"`), order)
			})
		})
	}
}

// mirrored goes through the clocks with an account that is a mirror and archives by age; first
// is the command that meets a clock first.
func mirrored(t *testing.T, l *clockLife, order []string, first string) {
	for _, clock := range order {
		now := time.Now()
		for _, age := range []time.Duration{time.Hour, 3 * 365 * 24 * time.Hour, 2 * time.Hour, 3 * time.Hour} {
			l.comes(now.Add(-age).Truncate(time.Second))
		}
		if l.clock != "" {
			l.syncOK() // by the clock as it was, so that there is something in the trash
			l.goes()
			l.syncOK()
		}
		trash := l.trashed()
		jumped := l.set(clock)
		archive := []string{"archive", "--into", l.archive, "--apply"}
		if first == "sync" {
			archive = []string{"sync"}
		}
		o := l.ran(archive...)
		l.says(o, jumped)
		if jumped && (first == "archive" && !strings.HasPrefix(o.Stdout, "work: 0 messages archived") || len(l.trashed()) < len(trash)) {
			t.Errorf("the clock is %s: something was done for its age:\n%s%d files were in the trash, %d are", clock, o.Stdout, len(trash), len(l.trashed()))
		}
		l.says(l.ran("sync"), false)
		l.whole()
		l.ran("archive", "--into", l.archive, "--apply")
		l.whole()
		l.idles()
		l.ran("verify")
		l.ran("verify", "--server", "--repair")
		l.ran("status")
		l.ran("backup")
		l.whole()
		l.ran("restore", "work", "--into", "Back")
		if o := l.ran("restore", "work", "--into", "Back"); !strings.Contains(o.Stdout, "0 appended") && !strings.Contains(o.Stdout, "nothing to do") {
			t.Errorf("the clock is %s: restored again: %s", clock, o.Stdout)
		}
		l.idles()
		l.whole()
	}
	for sum, n := range serverDigests(t, l.client, []string{"Back/INBOX"}) {
		if n != 1 {
			t.Errorf("%x was restored %d times", sum[:4], n)
		}
	}
}

// collected does so with a POP3 account that deletes by age.
func collected(t *testing.T, l *clockLife, order []string) {
	for _, clock := range order {
		for range 3 {
			l.comes(time.Now().Truncate(time.Second))
		}
		if l.clock != "" {
			l.syncOK()
		}
		jumped := l.set(clock)
		o := l.sync()
		l.says(o, jumped)
		if o.Code != 0 || o.account.DeletedOnServer != 0 {
			t.Errorf("the clock is %s: exit %d, %d deleted\n%s", clock, o.Code, o.account.DeletedOnServer, o.Stderr)
		}
		l.whole()
		for range 2 {
			if o := l.sync(); o.Code != 0 || o.account.Fetched != 0 {
				t.Errorf("the clock is %s: exit %d, %d fetched again\n%s", clock, o.Code, o.account.Fetched, o.Stderr)
			}
			l.whole()
		}
		l.ran("verify")
	}
}

// With a clock that is years off no certificate is valid: that is told, and nothing is harmed.
func outOfDate(t *testing.T, bins map[string]string) {
	t.Parallel()
	srv := servers.Dovecot(t)
	client, _ := lay(t, srv, 71, 20)
	for _, protocol := range []string{"imap", "pop3"} {
		w := newWorld(t, bins["now"], srv)
		if protocol == "pop3" {
			w = popWorld(t, bins["now"], srv, `delete = "14d"`)
		}
		w.syncOK()
		before, there := entries(t, w.root), serverDigests(t, client, every())
		for _, clock := range []string{"later", "earlier"} {
			w.bin = bins[clock]
			for _, command := range []string{"sync", "backup", "check"} {
				o := w.run(command)
				o.want(t, 5)
				if !strings.Contains(o.Stdout+o.Stderr, "clock") {
					t.Errorf("%s, the clock is %s: nobody is told to look at the clock:\n%s%s", command, clock, o.Stdout, o.Stderr)
				}
			}
		}
		sameEntries(t, before, entries(t, w.root))
		w.bin = bins["now"]
		if a := w.syncOK(); a.Fetched+a.DeletedOnServer+a.DeletedOnDisk != 0 {
			t.Errorf("with the clock put right: %+v", a)
		}
		if !maps.Equal(there, serverDigests(t, client, every())) {
			t.Error("the server's mail is another")
		}
	}
}

// A server whose clock is wrong gives its messages dates from 1970 to 2105. They come with
// these, are known by them, and go back with them; but for those before 1971, which are none.
func TestServerClockWrong(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	l := newClockLife(t, map[string]string{"now": program.Path(t)}, srv, "ada", srv.IMAP, `exclude = ["Back/*"]`, "[accounts.work.archive]", `older_than = "1y"`)
	l.set("now")
	for _, seconds := range []int64{1, 86_400, 365 * 86_400, 1<<31 - 1, 1 << 31, time.Now().Unix() + decade, 1<<32 - 86_400} {
		l.comes(time.Unix(seconds, 0))
	}
	l.syncOK()
	l.whole()
	compare(t, l.client, "INBOX", l.root, "INBOX")
	l.ran("verify", "--server")
	remove(t, filepath.Join(l.root, ".mailsync"))
	if a := l.syncOK(); a.Fetched != 0 {
		t.Errorf("without the state %d were fetched again", a.Fetched)
	}
	compare(t, l.client, "INBOX", l.root, "INBOX")
	l.ran("restore", "work", "--into", "Back")
	was, err := l.client.Read("INBOX", false)
	if err != nil {
		t.Fatal(err)
	}
	is, err := l.client.Read("Back/INBOX", false)
	if err != nil || len(is) != len(was) {
		t.Fatalf("%d of %d were restored: %v", len(is), len(was), err)
	}
	dates := map[int64]int{}
	dated := func(d time.Time) int64 {
		if time.Since(d).Abs() < time.Hour { // what has no date goes back without one
			return state.NoDate
		}
		return state.DateOf(d.Unix())
	}
	for i := range was {
		dates[dated(was[i].Date)]++
		dates[dated(is[i].Date)]--
	}
	for d, n := range dates {
		if n != 0 {
			t.Errorf("dates of %d went wrong by %d", d, n)
		}
	}
	o := l.ran("archive", "--into", l.archive, "--apply")
	l.whole()
	left, err := l.client.Read("INBOX", false)
	if err != nil || len(left) != 6 {
		t.Errorf("messages of the future or of no date were archived, or that of 1971 was not: %d are left, %v\n%s", len(left), err, o.Stdout)
	}
	l.idles()
	l.whole()
}
