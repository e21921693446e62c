//go:build unix

package main_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// A Dovecot that renames files all the time, in two sessions, while one run follows
// another: no flag is lost, no message is taken for removed, and nothing comes twice.
func TestServedByDovecotAtWork(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	s := newServed(t, bin, "maildir++", 24)
	stop := make(chan bool)
	var workers sync.WaitGroup
	for i, mailbox := range []string{"INBOX", "Work"} {
		_, name := s.place(mailbox)
		busy := s.local.LogIn("ada")
		do(t, busy, "SELECT "+servers.Quote(name))
		workers.Go(func() { work(t, busy, uint64(i), stop) })
	}
	remote := s.account
	for round := range 4 {
		do(t, remote, "SELECT INBOX")
		do(t, remote, fmt.Sprintf(`STORE %d:%d +FLAGS (Round%d \Answered)`, 1+round*4, 8+round*4, round))
		do(t, remote, "UNSELECT")
		if o := s.sync(); o.Code != 0 && o.Code != 1 || o.account.OnServer != 24*len(servedMailboxes) {
			t.Fatalf("round %d: exit %d\n%s%s", round, o.Code, o.Stdout, o.Stderr)
		} else if o.account.Fetched+o.account.Appended+o.account.DeletedOnDisk+o.account.DeletedOnServer != 0 {
			t.Errorf("round %d: %+v", round, o.account)
		}
	}
	close(stop)
	workers.Wait()
	s.syncOK()
	s.syncOK()
	s.same()
	s.rests()
}

// work changes flags and keywords at random until it is told to stop.
func work(t *testing.T, c *servers.Session, seed uint64, stop chan bool) {
	rng := rand.New(rand.NewPCG(seed, 1))
	flags := []string{`\Seen`, `\Flagged`, `\Answered`, `\Draft`, "Urgent", "Later", "$Junk"}
	for {
		select {
		case <-stop:
			return
		default:
		}
		from := 1 + rng.IntN(16)
		sign := []string{"+", "-"}[rng.IntN(2)]
		command := fmt.Sprintf("STORE %d:%d %sFLAGS (%s %s)", from, from+rng.IntN(8), sign, flags[rng.IntN(len(flags))], flags[rng.IntN(len(flags))])
		if _, err := c.Do(command); err != nil {
			t.Errorf("the tree's Dovecot: %v", err)
			return
		}
	}
}

// A mirror: what is expunged in one Dovecot goes in the other, and only that.
func TestServedByDovecotMirror(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, layout := range []string{"maildir++", "fs"} {
		t.Run(layout, func(t *testing.T) {
			s := newServed(t, bin, layout, 8, `on_server_delete = "delete"`, `on_disk_delete = "delete"`)
			local := s.local.LogIn("ada")
			for _, mailbox := range []string{"INBOX", "Work/2024"} {
				_, name := s.place(mailbox)
				do(t, local, "SELECT "+servers.Quote(name))
				do(t, local, `STORE 2:3 +FLAGS (\Deleted)`)
				do(t, local, "CLOSE")
				do(t, s.account, "SELECT "+servers.Quote(mailbox))
				do(t, s.account, `STORE 6 +FLAGS (\Deleted)`)
				do(t, s.account, "CLOSE")
			}
			if a := s.syncOK(); a.DeletedOnServer != 4 || a.DeletedOnDisk != 2 || a.Fetched != 0 {
				t.Errorf("%d deleted on the server, %d on disk, %d fetched; want 4, 2, 0", a.DeletedOnServer, a.DeletedOnDisk, a.Fetched)
			}
			s.same()
			s.rests()
		})
	}
}

// With append the tree's Dovecot is as good as the account's: what it takes in, copies and
// moves shows there.
func TestServedByDovecotAppend(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	s := newServed(t, bin, "maildir++", 6, `on_server_delete = "delete"`, `on_disk_delete = "delete"`, `append = true`)
	local := s.local.LogIn("ada")
	for m := range corpus.Messages(90, 2) {
		if err := local.Append("INBOX", []string{`\Seen`, "Mine"}, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	do(t, local, "SELECT INBOX")
	do(t, local, "MOVE 2 Work")
	do(t, local, "COPY 3 Work/2024")
	do(t, local, "UNSELECT")
	a := s.syncOK()
	if a.Appended < 2 || a.Fetched != 0 || a.DeletedOnDisk != 0 {
		t.Errorf("appended %d, fetched %d, deleted on disk %d", a.Appended, a.Fetched, a.DeletedOnDisk)
	}
	s.syncOK()
	for mailbox, want := range map[string]int{"INBOX": 7, "Work": 7, "Work/2024": 7} {
		_, name := s.place(mailbox)
		there, err := s.account.Read(corpus.WireName(mailbox), true)
		if err != nil {
			t.Fatal(err)
		}
		here, err := local.Read(corpus.WireName(name), true)
		if err != nil {
			t.Fatal(err)
		}
		if len(there) != want || len(here) != want {
			t.Errorf("%s: %d messages on the server, %d in the tree, want %d", mailbox, len(there), len(here), want)
		}
	}
}
