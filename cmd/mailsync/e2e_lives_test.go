//go:build unix

package main_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// life is an account in which things go on happening, and in which one run a round is
// struck: killed, or with a system call that fails. What has to come of it is known from
// what happened, and is held against what an independent client sees and what lies on disk.
type life interface {
	// happen makes the changes of one more round, from a state in which all is settled.
	happen(t *testing.T)
	// run is what is struck then, as arguments of the program.
	run() []string
	// look fails the test for whatever is lost, doubled, undone or does not belong there.
	look(t *testing.T)
	world() *world
}

// lives are those that are struck.
var lives = []struct {
	name  string
	begin func(t *testing.T, bin string, random *rand.Rand) life
}{
	{"a first pull", beginFirst}, {"a mirror", beginMirror}, {"archive", beginArchive}, {"POP3 delete", beginPOP3},
}

// everyLife begins each of them with a server and a seed of its own, some at a time.
func everyLife(t *testing.T, strike func(t *testing.T, l life, random *rand.Rand)) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range lives {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			strike(t, c.begin(t, bin, random), random)
		})
	}
}

// times is how many times as much as usual is done to the lives: the environment variable
// MAILSYNC_FAULTS.
func times(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MAILSYNC_FAULTS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("MAILSYNC_FAULTS is %q, want a number", text)
	}
	return n
}

// within is how long a life is struck at most, on a machine that has much else to do.
func within(t *testing.T) time.Duration { return time.Duration(times(t)) * 45 * time.Second }

// ended is what has to hold once a run was struck: all is as it has to be, at once if the run
// said that it had done everything, else after healthy runs until there is nothing left to do; and
// there is no stray file.
func ended(t *testing.T, l life, o outcome) {
	t.Helper()
	w := l.world()
	// A run that could not read when the last one was does nothing that depends on ages, and one that
	// follows a broken append may leave it to the next: both say so.
	if o.Code == 0 && !strings.Contains(o.Stderr, "because of its age") && !strings.Contains(o.Stderr, "not appended yet") {
		l.look(t)
	}
	if again := w.run(l.run()...); again.Code != 0 {
		t.Errorf("%v: the run after it: exit %d\n%s%s", l.run(), again.Code, again.Stdout, again.Stderr)
	}
	a := w.syncOK()
	if a.Appended > 0 && a.Fetched == 0 {
		a = w.syncOK() // what that run fetched could have been the very file that was to be appended, which waited
	}
	if a.Fetched+a.Appended+a.FlagsToDisk+a.FlagsToServer+a.DeletedOnDisk+a.DeletedOnServer != 0 {
		t.Errorf("there is still something to do: %+v", a)
	}
	l.look(t)
	noStrays(t, w)
}

// noStrays fails the test for every file of the program's own that is none of those that stay.
// What lies in the Maildirs was looked at with the mail.
func noStrays(t *testing.T, w *world) {
	t.Helper()
	// SQLite's shared memory stays where it could not be removed, and goes with the next commit.
	for _, name := range names(t, filepath.Join(w.root, ".mailsync")) {
		if !slices.Contains([]string{"state.db", "state.db-shm", "state.seal", "lock", "last-run.json", "trash"}, name) {
			t.Errorf("%s is left in the state directory", name)
		}
	}
	for _, dir := range []string{w.root, filepath.Join(w.dir, "archive"), filepath.Join(w.dir, "xdg-state")} {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasPrefix(d.Name(), "mailsync-tmp.") || strings.HasSuffix(d.Name(), ".new")) {
				t.Errorf("%s is left", p)
			}
			if os.IsNotExist(err) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inPlainText is how a life reaches its server: without TLS, which has tests of its own and whose
// certificates are hundreds of system calls.
func inPlainText(addr string) settings {
	host, port, _ := strings.Cut(addr, ":")
	return settings{fmt.Sprintf("host = %q", host), "port = " + port, `tls = "none"`, `timeout = "10s"`}
}

// living are the mailboxes of a life.
var living = []string{"INBOX", "Work"}

// post writes letters: each another one, short, some of them of many lines.
type post struct {
	random *rand.Rand
	n      int
}

// letter returns one more message as a server has it.
func (p *post) letter() []byte {
	p.n++
	lines := 1 + p.random.IntN(30)
	if p.n%40 == 0 {
		lines = 5000 // longer than what is fetched through a buffer
	}
	return fmt.Appendf(nil, "Message-ID: <%d@lives.example>\r\nSubject: letter %d\r\n\r\n%s",
		p.n, p.n, strings.Repeat(strings.Repeat("x", 60+p.n%9)+"\r\n", lines))
}

// archiving is an account whose old mail goes into an archive, or stays here only.
type archiving struct {
	w      *world
	client *servers.Session
	post
	round int
	want  map[[32]byte]int
}

func beginArchive(t *testing.T, bin string, random *rand.Rand) life {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	a := &archiving{w: newWorld(t, bin, srv), client: srv.LogIn("ada"), post: post{random: random}, want: map[[32]byte]int{}}
	a.w.configure(inPlainText(srv.IMAP))
	do(t, a.client, "CREATE Work")
	return a
}

func (a *archiving) world() *world { return a.w }

func (a *archiving) run() []string {
	args := []string{"archive", "--apply", "--older-than", "1y"}
	if a.round%2 == 1 {
		args = append(args, "--into", filepath.Join(a.w.dir, "archive")+"/{year}")
	}
	return args
}

// happen lets old mail come. Every third time it is fetched by the run that archives it.
func (a *archiving) happen(t *testing.T) {
	t.Helper()
	a.round++
	for i := range 4 {
		body := a.letter()
		date := time.Date(2014+a.n%3, 5, 1, 12, a.n%60, 0, 0, time.UTC)
		if err := a.client.Append(living[i%2], []string{`\Seen`, "Work"}, date, body); err != nil {
			t.Fatal(err)
		}
		a.want[sha256.Sum256(body)]++
	}
	if a.round%3 != 0 {
		a.w.syncOK()
	}
}

func (a *archiving) look(t *testing.T) {
	t.Helper()
	if left := serverDigests(t, a.client, living); len(left) != 0 {
		t.Errorf("%d are left on the server", len(left))
	}
	here := digests(t, a.w.root)
	archive := filepath.Join(a.w.dir, "archive")
	if _, err := os.Stat(archive); err == nil {
		for sum, n := range digests(t, archive) {
			here[sum] += n
		}
	}
	same(t, here, a.want)
}

// same fails the test for every message that is lost or doubled.
func same(t *testing.T, got, want map[[32]byte]int) {
	t.Helper()
	for sum, n := range want {
		if got[sum] != n {
			t.Errorf("%x is here %d times, want %d", sum[:6], got[sum], n)
		}
	}
	for sum, n := range got {
		if want[sum] == 0 {
			t.Errorf("%x is here %d times, and was never sent", sum[:6], n)
		}
	}
}

// fetching is a POP3 account that deletes what it has fetched.
type fetching struct {
	w      *world
	client *servers.Session
	post
	want map[[32]byte]int
}

func beginPOP3(t *testing.T, bin string, random *rand.Rand) life {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	f := &fetching{w: newWorld(t, bin, srv), client: srv.LogIn("ada"), post: post{random: random}, want: map[[32]byte]int{}}
	f.w.configure(append(inPlainText(srv.POP3), `protocol = "pop3"`, `delete = "fetched"`))
	return f
}

func (f *fetching) world() *world { return f.w }
func (f *fetching) run() []string { return []string{"sync"} }

func (f *fetching) happen(t *testing.T) {
	t.Helper()
	for range 3 {
		body := f.letter()
		if err := f.client.Append("INBOX", nil, time.Unix(1_500_000_000+int64(f.n), 0), body); err != nil {
			t.Fatal(err)
		}
		f.want[sha256.Sum256(body)]++
	}
}

func (f *fetching) look(t *testing.T) {
	t.Helper()
	if left := serverDigests(t, f.client, []string{"INBOX"}); len(left) != 0 {
		t.Errorf("%d are left on the server", len(left))
	}
	same(t, digests(t, f.w.root), f.want)
}

// first is a machine on which nothing of the account is known yet, each time another one.
type first struct {
	w      *world
	bin    string
	lines  settings
	client *servers.Session
	dir    string
	round  int
}

func beginFirst(t *testing.T, bin string, random *rand.Rand) life {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	f := &first{bin: bin, lines: inPlainText(srv.IMAP), client: srv.LogIn("ada"), dir: t.TempDir()}
	letters := post{random: random}
	do(t, f.client, "CREATE Work")
	for i := range 12 {
		if err := f.client.Append(living[i%2], []string{`\Seen`}, time.Unix(1_500_000_000+int64(i), 0), letters.letter()); err != nil {
			t.Fatal(err)
		}
	}
	f.happen(t)
	f.w.syncOK()
	return f
}

func (f *first) world() *world { return f.w }
func (f *first) run() []string { return []string{"sync"} }

func (f *first) happen(t *testing.T) {
	t.Helper()
	if f.w != nil {
		remove(t, f.w.dir)
	}
	f.round++
	dir := filepath.Join(f.dir, strconv.Itoa(f.round))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f.w = &world{t: t, bin: f.bin, dir: dir, root: filepath.Join(dir, "mail"), config: filepath.Join(dir, "config.toml")}
	f.w.configure(f.lines)
}

func (f *first) look(t *testing.T) {
	t.Helper()
	for _, mailbox := range living {
		compare(t, f.client, mailbox, f.w.root, mailbox)
	}
}
