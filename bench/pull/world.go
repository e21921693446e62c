// Package pull measures the pull of IMAP mail beside mbsync: a first one, one with nothing to
// do, one with some changes on both sides; near and far, in plain text and with TLS.
//
// After every run the Maildirs, and where something was changed the server too, are read by
// no code of either program and held against what ought to be there: every message, byte for
// byte, with its date and its flags.
package pull

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

// world is what the programs are measured in: a server with mail, and a folder.
type world struct {
	host.Settings
	*host.Ground
	plan   plan
	server *servers.Server
	addr   string // where the programs find it
}

// account is a user of the server with mail.
type account struct {
	user  string
	boxes map[string]mailbox
	more  uint64 // how often more mail was added
}

// start makes a server and those that are measured at it.
func start(g *host.Ground, s host.Settings, p plan) (w *world, err error) {
	w = &world{Settings: s, Ground: g, plan: p}
	return w, g.Guard(func(t testing.TB) error {
		w.server = servers.Dovecot(t)
		addr := w.server.IMAP
		if s.TLS {
			addr = w.server.IMAPS
		}
		w.addr, err = g.Far(addr, s.RTT)
		return err
	})
}

// names are the mailboxes: INBOX and folders, some of them nested.
func (w *world) names() []string {
	names := []string{"INBOX"}
	for i := 1; i < w.Mailboxes; i++ {
		names = append(names, fmt.Sprintf("Folder %d/%02d", i%4, i))
	}
	return names
}

// account puts the corpus into a new user's mailboxes, in equal shares, and has the server
// look at everything once: its index is not what is measured.
func (w *world) account(user string) (a *account, err error) {
	host.Say("making %s: %d messages in %d mailboxes", user, w.Messages, w.Mailboxes)
	a = &account{user: user, boxes: map[string]mailbox{}}
	return a, w.Guard(func(testing.TB) error {
		w.server.AddUser(user)
		client := w.server.LogIn(user)
		defer client.Close()
		names := w.names()
		for i, name := range names {
			share := w.Messages / len(names)
			if i < w.Messages%len(names) {
				share++
			}
			if name != "INBOX" {
				if _, err := client.Do("CREATE " + servers.Quote(name)); err != nil {
					return err
				}
			}
			if a.boxes[name], err = lay(w.maildir(a, name), w.Seed<<16+uint64(i), share); err != nil {
				return err
			}
		}
		w.server.Own(w.server.Maildir(user))
		for _, name := range append(names, "Archive", "Drafts") {
			if _, err := client.Read(name, false); err != nil {
				return err
			}
		}
		if w.plan.change {
			return w.checkServer(a)
		}
		return nil
	})
}

// maildir is where the server keeps a mailbox.
func (w *world) maildir(a *account, name string) string {
	dir := w.server.Maildir(a.user)
	if name != "INBOX" {
		dir = filepath.Join(dir, "."+strings.ReplaceAll(name, "/", "."))
	}
	return dir
}

// lay puts messages into a Maildir of the server's, and returns what they are.
func lay(dir string, seed uint64, n int) (mailbox, error) {
	box := mailbox{}
	_, err := corpus.Lay(dir, func(yield func(corpus.Message) bool) {
		for m := range corpus.Messages(seed, n) {
			box.add(m)
			if !yield(m) {
				return
			}
		}
	})
	return box, err
}
