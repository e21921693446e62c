//go:build unix

package main_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// Runs that begin at the same moment, of the same and of different commands, on an account
// that nobody has synced before: one works, the others go away or wait, and each message
// comes once.
func TestRunsThatBeginTogether(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	client, n := lay(t, srv, 81, 60)
	want := serverDigests(t, client, every())
	for round, commands := range [][]string{
		{"sync", "sync"}, {"sync", "sync", "sync"}, {"sync", "backup"}, {"backup", "sync --wait 60s"},
		{"sync --wait 60s", "sync --wait 60s", "sync --wait 60s"}, {"sync --if-free", "sync --if-free"},
		{"sync", "verify --repair"}, {"verify --server", "sync", "status"}, {"sync --wait 60s", "restore work --into Back --mailbox INBOX --wait 60s"},
	} {
		w := newWorld(t, bin, srv, `exclude = ["Back/*"]`)
		outcomes := together(t, w, commands)
		worked := false
		for i, o := range outcomes {
			worked = worked || o.Code == 0
			codes := []int{0}
			if !strings.Contains(commands[i], "--") || strings.HasPrefix(commands[i], "verify") {
				codes = append(codes, 3) // it came too late
			}
			switch verb, _, _ := strings.Cut(commands[i], " "); verb {
			case "verify":
				codes = append(codes, 7, 8) // it came too early: not all is here yet, or nothing
			case "restore":
				codes = append(codes, 8)
			}
			if !slices.Contains(codes, o.Code) {
				t.Errorf("round %d: %q beside %q: exit %d\n%s%s", round, commands[i], commands, o.Code, o.Stdout, o.Stderr)
			}
		}
		if !worked {
			t.Errorf("round %d: none of %q worked", round, commands)
		}
		if a := w.syncOK("--wait", "60s"); a.Here != n {
			t.Errorf("round %d: %+v", round, a)
		}
		if got := digests(t, w.root); !maps.Equal(got, want) {
			t.Fatalf("round %d: after %q %d different messages on disk of %d: lost or doubled", round, commands, len(got), len(want))
		}
		w.run("verify").want(t, 0)
		if a := w.syncOK(); a.Fetched != 0 {
			t.Errorf("round %d: and then %d were fetched", round, a.Fetched)
		}
	}
}

// together starts runs at the same moment and waits for all.
func together(t *testing.T, w *world, commands []string) []outcome {
	t.Helper()
	outcomes := make([]outcome, len(commands))
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i, line := range commands {
		ready.Add(1)
		done.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			cmd := w.command(ctx, strings.Fields(line)...)
			var said [2]strings.Builder
			cmd.Stdout, cmd.Stderr = &said[0], &said[1]
			ready.Done()
			<-begin
			_ = cmd.Run() // its code is looked at
			code := -1
			if cmd.ProcessState != nil {
				code = cmd.ProcessState.ExitCode()
			}
			outcomes[i] = outcome{Outcome: program.Outcome{Code: code, Stdout: said[0].String(), Stderr: said[1].String()}}
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return outcomes
}

// A phone on the server and a mail program in the Maildirs, both at work while one run of a
// mirror follows another. Each has its own messages to flag, move, copy, add and delete, so
// that it is known what has to come out: what both wanted, everywhere, once.
func TestBothSidesAtWork(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	for _, mailbox := range bothMailboxes[1:] {
		do(t, client, "CREATE "+mailbox)
	}
	truth := &ledger{at: map[string]string{}}
	for i := range 80 { // even ones are the phone's, odd ones the mail program's
		m := numbered(i)
		if err := client.Append("INBOX", nil, time.Unix(1_700_000_000+int64(i), 0), m); err != nil {
			t.Fatal(err)
		}
		truth.put(i, "INBOX")
	}
	w := newWorld(t, program.Path(t), srv, append(mirrorKeys(), "append = true", "max_delete = 10000")...)
	w.syncOK()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	phone := &phone{t: t, c: srv.LogIn("ada"), rng: rand.New(rand.NewPCG(seed, 0)), truth: truth, next: 1000}
	reader := &mailProgram{t: t, root: w.root, rng: rand.New(rand.NewPCG(seed, 1)), truth: truth, next: 1001}
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for _, work := range []func(){phone.step, reader.step} {
		workers.Go(func() {
			for steps := 0; steps < 400; steps++ {
				select {
				case <-stop:
					return
				case <-time.After(2 * time.Millisecond):
					work()
				}
			}
		})
	}
	for round := range 12 {
		// What one does while the run looks can be a failure of this run; it is no loss.
		if o := w.sync(); !slices.Contains([]int{0, 1}, o.Code) {
			t.Errorf("round %d: exit %d\n%s%s", round, o.Code, o.Stdout, o.Stderr)
		}
	}
	close(stop)
	workers.Wait()
	for range 3 {
		w.sync()
	}
	o := w.sync()
	o.want(t, 0)
	a := o.account
	if a.Fetched+a.Appended+a.FlagsToDisk+a.FlagsToServer+a.DeletedOnDisk+a.DeletedOnServer != 0 {
		t.Errorf("it does not come to rest: %+v", a)
	}
	on := map[string]string{}
	for _, mailbox := range bothMailboxes {
		compare(t, client, mailbox, w.root, mailbox)
		mails, err := client.Read(mailbox, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails {
			key := string(m.Body)
			if was, twice := on[key]; twice {
				t.Errorf("%q is in %s and in %s", key[:40], was, mailbox)
			}
			on[key] = mailbox
		}
	}
	if !maps.Equal(on, truth.at) {
		for key, mailbox := range truth.at {
			if on[key] != mailbox {
				t.Errorf("%q is in %q, not in %s", key, on[key], mailbox)
			}
		}
		for key, mailbox := range on {
			if truth.at[key] == "" {
				t.Errorf("%q is in %s, and was deleted", key, mailbox)
			}
		}
	}
	w.run("verify", "--server").want(t, 0)
	w.syncOK()
	t.Logf("%d and %d steps, %d messages in the end", phone.steps, reader.steps, len(on))
}

var bothMailboxes = []string{"INBOX", "One", "Two"}

// numbered is a message that is known by its number.
func numbered(i int) []byte {
	return fmt.Appendf(nil, "Message-ID: <both-%d@example.org>\r\nSubject: %d\r\n\r\n%x\r\n", i, i, sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
}

// ledger knows where each message has to be in the end; a key is a message's bytes.
type ledger struct {
	sync.Mutex
	at map[string]string
}

func (l *ledger) put(i int, mailbox string) {
	l.Lock()
	defer l.Unlock()
	if mailbox == "" {
		delete(l.at, string(numbered(i)))
		return
	}
	l.at[string(numbered(i))] = mailbox
}

// number is that of a message, from its text on either side; ok is false for none of ours.
func number(text []byte) (n int, ok bool) {
	_, err := fmt.Sscanf(string(text), "Message-ID: <both-%d@example.org>", &n)
	return n, err == nil
}

// phone is a second client of the server.
type phone struct {
	t     *testing.T
	c     *servers.Session
	rng   *rand.Rand
	truth *ledger
	next  int // even
	steps int
}

func (p *phone) step() {
	p.steps++
	mailbox := bothMailboxes[p.rng.IntN(len(bothMailboxes))]
	if p.rng.IntN(5) == 0 {
		if err := p.c.Append(mailbox, nil, time.Unix(1_710_000_000+int64(p.next), 0), numbered(p.next)); err != nil {
			p.t.Errorf("the phone: %v", err)
			return
		}
		p.truth.put(p.next, mailbox)
		p.next += 2
		return
	}
	mails, err := p.c.Read(mailbox, true)
	if err != nil {
		p.t.Errorf("the phone: %v", err)
		return
	}
	mails = slices.DeleteFunc(mails, func(m servers.Mail) bool { n, ok := number(m.Body); return !ok || n%2 != 0 })
	if len(mails) == 0 {
		return
	}
	m := mails[p.rng.IntN(len(mails))]
	n, _ := number(m.Body)
	commands := []string{fmt.Sprintf("UID STORE %d %sFLAGS (%s)", m.UID, []string{"+", "-"}[p.rng.IntN(2)], []string{`\Seen`, `\Flagged`, "Later"}[p.rng.IntN(3)])}
	switch p.rng.IntN(6) {
	case 0:
		commands = []string{fmt.Sprintf(`UID STORE %d +FLAGS (\Deleted)`, m.UID), fmt.Sprintf("UID EXPUNGE %d", m.UID)}
		p.truth.put(n, "")
	case 1:
		to := bothMailboxes[p.rng.IntN(len(bothMailboxes))]
		if to == mailbox {
			return
		}
		commands = []string{fmt.Sprintf("UID MOVE %d %s", m.UID, to)}
		p.truth.put(n, to)
	}
	for _, c := range append([]string{"SELECT " + mailbox}, append(commands, "UNSELECT")...) {
		if _, err := p.c.Do(c); err != nil {
			p.t.Errorf("the phone: %v", err)
			return
		}
	}
}

// mailProgram changes the Maildirs as mutt does: it renames, moves, removes and delivers.
type mailProgram struct {
	t     *testing.T
	root  string
	rng   *rand.Rand
	truth *ledger
	next  int // odd
	steps int
}

func (m *mailProgram) step() {
	m.steps++
	mailbox := bothMailboxes[m.rng.IntN(len(bothMailboxes))]
	dir := filepath.Join(m.root, mailbox)
	if m.rng.IntN(5) == 0 {
		name := fmt.Sprintf("%d.M%dP1.reader", 1_720_000_000+m.next, m.next)
		text := strings.ReplaceAll(string(numbered(m.next)), "\r\n", "\n")
		if err := os.WriteFile(filepath.Join(dir, "tmp", name), []byte(text), 0o600); err != nil {
			m.t.Errorf("the mail program: %v", err)
			return
		}
		date := time.Unix(1_720_000_000+int64(m.next), 0) // a server knows whole seconds only
		err := errors.Join(os.Chtimes(filepath.Join(dir, "tmp", name), date, date),
			os.Rename(filepath.Join(dir, "tmp", name), filepath.Join(dir, "new", name)))
		if err != nil {
			m.t.Errorf("the mail program: %v", err)
			return
		}
		m.truth.put(m.next, mailbox)
		m.next += 2
		return
	}
	sub := []string{"new", "cur"}[m.rng.IntN(2)]
	list, err := os.ReadDir(filepath.Join(dir, sub))
	if err != nil || len(list) == 0 {
		return
	}
	name := list[m.rng.IntN(len(list))].Name()
	p := filepath.Join(dir, sub, name)
	text, err := os.ReadFile(p)
	n, ok := number(text)
	if err != nil || !ok || n%2 == 0 {
		return // it went meanwhile, or is the phone's
	}
	base, letters, _ := strings.Cut(name, ":2,")
	act := m.rng.IntN(6)
	// While a file goes to the server it has its own name, then two, then one of ours. Taken away
	// in that moment it may come back, as nobody knows which of the two was meant; none is lost.
	if info, err := os.Stat(p); err != nil || info.Sys().(*syscall.Stat_t).Nlink > 1 || strings.HasSuffix(base, ".reader") {
		act = 5
	}
	switch act {
	case 0:
		if os.Remove(p) == nil {
			m.truth.put(n, "")
		}
	case 1:
		to := bothMailboxes[m.rng.IntN(len(bothMailboxes))]
		if to != mailbox && os.Rename(p, filepath.Join(m.root, to, "cur", base+":2,"+letters)) == nil {
			m.truth.put(n, to)
		}
	default:
		letter := []string{"S", "F", "R"}[m.rng.IntN(3)]
		if strings.Contains(letters, letter) {
			letters = strings.ReplaceAll(letters, letter, "")
		} else {
			sorted := []byte(letters + letter)
			slices.Sort(sorted)
			letters = string(sorted)
		}
		_ = os.Rename(p, filepath.Join(dir, "cur", base+":2,"+letters)) // it may have gone meanwhile
	}
}
