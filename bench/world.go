package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

// world is what both programs are measured in: a server with mail, and a folder.
type world struct {
	settings
	ground *host.Ground
	server *servers.Server
	addr   string // where the programs find it
	mail   map[string]mailbox
	bytes  int64
}

const user = "ada"

// newWorld makes the corpus, starts the server over it and lets it index everything. What
// it returns beside an error has to be closed too.
func newWorld(s settings) (w *world, err error) {
	w = &world{settings: s, mail: map[string]mailbox{}}
	if w.ground, err = host.NewGround(s.Dir); err != nil {
		return nil, err
	}
	return w, w.ground.Guard(func(t testing.TB) error {
		w.server = servers.Dovecot(t)
		w.server.AddUser(user)
		if err := w.lay(); err != nil {
			return err
		}
		addr := w.server.IMAP
		if s.tls {
			addr = w.server.IMAPS
		}
		w.addr, err = w.ground.Far(addr, s.RTT)
		return err
	})
}

// names are the mailboxes: INBOX and folders, some of them nested.
func (w *world) names() []string {
	names := []string{"INBOX"}
	for i := 1; i < w.mailboxes; i++ {
		names = append(names, fmt.Sprintf("Folder %d/%02d", i%4, i))
	}
	return names
}

// lay puts the corpus into the server's mailboxes, in equal shares, and has the server
// look at everything once: its index is not what is measured.
func (w *world) lay() error {
	host.Say("making %d messages in %d mailboxes", w.Messages, w.mailboxes)
	names := w.names()
	client := w.server.LogIn(user)
	for i, name := range names {
		share := w.Messages / len(names)
		if i < w.Messages%len(names) {
			share++
		}
		dir := w.server.Maildir(user)
		if name != "INBOX" {
			if _, err := client.Do("CREATE " + servers.Quote(name)); err != nil {
				return err
			}
			dir = filepath.Join(dir, "."+strings.ReplaceAll(name, "/", "."))
		}
		box := mailbox{}
		_, err := corpus.Lay(dir, func(yield func(corpus.Message) bool) {
			for m := range corpus.Messages(w.Seed<<16+uint64(i), share) {
				box.add(m)
				w.bytes += int64(len(m.Raw))
				if !yield(m) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
		w.mail[name] = box
	}
	w.server.Own(w.server.Maildir(user))
	for _, name := range append(names, "Archive", "Drafts") {
		if _, err := client.Read(name, false); err != nil {
			return err
		}
	}
	client.Close()
	return nil
}

// writeFile is for configurations, which hold a password.
func writeFile(name, text string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}
