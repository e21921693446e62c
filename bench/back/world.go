// Package back measures what is there for the day on which mail is lost: verify, beside a program
// that only reads and hashes the same files, and restore, beside a plain client. After each
// restore the mailbox is read, by no code of mailsync's, and held against the corpus.
package back

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/bench/row"
	"mailsync/internal/testkit/servers"
)

// world is a server with mail, the same mail in Maildirs, and users to whom it is restored.
type world struct {
	host.Settings
	*host.Ground
	programs map[string]string // mailsync and, where it is measured, the one before, by name
	server   *servers.Server
	far      string // its address for restore
	mail     []corpus.Message
	want     map[[32]byte]int
	config   string
	fresh    int // users that were restored to
}

// start fills a Dovecot, builds mailsync and pulls.
func start(ctx context.Context, g *host.Ground, s host.Settings) (w *world, err error) {
	w = &world{Settings: s, Ground: g, want: map[[32]byte]int{}}
	binary, err := g.Build(ctx, s)
	if err != nil {
		return nil, err
	}
	w.programs = map[string]string{"mailsync": binary}
	if s.Before != "" {
		if w.programs["before"], err = g.Old(s); err != nil {
			return nil, err
		}
	}
	for m := range corpus.Messages(s.Seed, s.Messages) {
		w.mail = append(w.mail, m)
		w.want[sha256.Sum256(m.Raw)]++
	}
	if err := g.Guard(w.fill); err != nil {
		return nil, err
	}
	w.config = filepath.Join(g.Dir, "config.toml")
	if err := w.configure("nobody"); err != nil {
		return nil, err
	}
	_, err = w.Launch(ctx, w.command(ctx, "mailsync", "sync", "work"))
	return w, err
}

func (w *world) fill(t testing.TB) (err error) {
	w.server = servers.Dovecot(t, servers.Quota(1<<40, 10_000_000))
	w.server.AddUser("ada")
	client := w.server.LogIn("ada")
	defer client.Close()
	if _, err := corpus.Lay(w.server.Maildir("ada"), func(yield func(corpus.Message) bool) {
		for _, m := range w.mail {
			if !yield(m) {
				return
			}
		}
	}); err != nil {
		return err
	}
	w.server.Own(w.server.Maildir("ada"))
	w.far, err = w.Far(w.server.IMAP, w.RTT)
	return err
}

// configure names the user that is restored to.
func (w *world) configure(to string) error {
	account := func(name, user, addr string) string {
		host, port, _ := strings.Cut(addr, ":")
		return fmt.Sprintf("[accounts.%s]\nhost = %q\nport = %s\ntls = \"none\"\nuser = %q\npassword = %q\nmaildir = %q\n",
			name, host, port, user, servers.Password, w.maildir(name, user))
	}
	return os.WriteFile(w.config, []byte(account("work", "ada", w.server.IMAP)+account("other", to, w.far)), 0o600)
}

func (w *world) maildir(account, user string) string {
	return filepath.Join(w.Ground.Dir, account+"-"+user)
}

// command runs one of the programs.
func (w *world) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.programs[program], append([]string{"--config", w.config}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+w.Ground.Dir, "XDG_STATE_HOME="+filepath.Join(w.Ground.Dir, "state"))
	return cmd
}

// one is a contender that does one thing, after the disk has come to rest.
func one(name, phase string, do func(ctx context.Context) (host.Cost, error)) row.Contender {
	return row.Contender{Name: name, Round: func(ctx context.Context) (row.Phases, error) {
		host.Settle()
		c, err := do(ctx)
		return row.Phases{phase: c}, err
	}}
}
