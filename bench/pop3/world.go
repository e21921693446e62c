// Package pop3 measures the fetch of POP3 mail beside mpop, getmail and fetchmail: the same mail, the
// same Dovecot, each into an empty Maildir. After every run it is read and held against the corpus: all
// messages, line for line. Nothing is deleted on the server.
package pop3

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

const user = "ada"

// world is what the programs are measured in: a server with mail, and a folder.
type world struct {
	host.Settings
	*host.Ground
	plan   plan
	server *servers.Server
	addr   string           // where the programs find it
	mail   map[[32]byte]int // what is on the server, its lines ended by LF
}

func (w *world) fillServer(t testing.TB) (err error) {
	w.server = servers.Dovecot(t)
	w.server.AddUser(user)
	client := w.server.LogIn(user)
	defer client.Close()
	n, err := corpus.Lay(w.server.Maildir(user), func(yield func(corpus.Message) bool) {
		for m := range corpus.Messages(w.Seed, w.Messages) {
			w.mail[digest(m.Raw)]++
			if !yield(m) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	w.server.Own(w.server.Maildir(user))
	mails, err := client.Read("INBOX", true) // its index is not what is measured
	if err == nil && len(mails) != n {
		err = fmt.Errorf("%d messages were laid, the server has %d", n, len(mails))
	}
	if err == nil {
		w.addr, err = w.Far(w.server.POP3, w.RTT)
	}
	return err
}

// digest is that of a message's lines. Some programs bring CRLF to disk, others LF, and a
// line end at the very end is lost or added.
func digest(b []byte) [32]byte {
	return sha256.Sum256(bytes.TrimRight(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), "\n"))
}

// check holds what is below a folder against what is on the server.
func (w *world) check(mail string) error {
	got, n := map[[32]byte]int{}, 0
	err := filepath.WalkDir(mail, func(path string, e fs.DirEntry, err error) error {
		dir := filepath.Base(filepath.Dir(path))
		if err != nil || e.IsDir() || dir != "new" && dir != "cur" || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		b, err := os.ReadFile(path)
		got[digest(b)]++
		n++
		return err
	})
	if err != nil {
		return err
	}
	for sum, times := range w.mail {
		if got[sum] != times {
			return fmt.Errorf("it brought %d messages, and not those that are on the server", n)
		}
	}
	if n != w.Messages {
		return fmt.Errorf("it brought %d of %d messages", n, w.Messages)
	}
	return nil
}
