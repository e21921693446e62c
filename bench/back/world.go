package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

// world is a server with mail, the same mail in Maildirs, and a second user to whom it is restored.
type world struct {
	settings
	ground *host.Ground
	binary string
	server *servers.Server
	far    string // its address for restore
	mail   []corpus.Message
	want   map[[32]byte]int
	bytes  int64
	config string
	fresh  int // users that were restored to
}

// newWorld fills a Dovecot, builds mailsync and pulls. What it returns beside an error has to be
// closed too.
func newWorld(ctx context.Context, s settings) (w *world, err error) {
	w = &world{settings: s, want: map[[32]byte]int{}}
	if w.ground, err = host.NewGround(s.Dir); err != nil {
		return nil, err
	}
	if w.binary, err = w.ground.Build(ctx, s.Settings); err != nil {
		return w, err
	}
	for m := range corpus.Messages(s.Seed, s.Messages) {
		w.mail = append(w.mail, m)
		w.want[sha256.Sum256(m.Raw)]++
		w.bytes += int64(len(m.Raw))
	}
	if err := w.ground.Guard(w.fill); err != nil {
		return w, err
	}
	w.config = filepath.Join(w.ground.Dir, "config.toml")
	if err := w.configure("nobody"); err != nil {
		return w, err
	}
	_, err = w.mailsync(ctx, "sync", "work")
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
	w.far, err = w.ground.Far(w.server.IMAP, w.RTT)
	return err
}

// configure names the user that is restored to.
func (w *world) configure(to string) error {
	account := func(name, user, addr string) string {
		host, port, _ := strings.Cut(addr, ":")
		return fmt.Sprintf("[accounts.%s]\nhost = %q\nport = %s\ntls = \"none\"\nuser = %q\npassword = %q\nmaildir = %q\n",
			name, host, port, user, servers.Password, filepath.Join(w.ground.Dir, name+"-"+user))
	}
	return os.WriteFile(w.config, []byte(account("work", "ada", w.server.IMAP)+account("other", to, w.far)), 0o600)
}

func (w *world) mailsync(ctx context.Context, args ...string) (time.Duration, error) {
	return timed(ctx, w.binary, w.ground.Dir, append([]string{"--config", w.config}, args...)...)
}

func timed(ctx context.Context, program, home string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"))
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	return time.Since(began), nil
}

func (w *world) verify(ctx context.Context) (time.Duration, error) {
	return w.mailsync(ctx, "verify", "work")
}

func (w *world) sha256sum(ctx context.Context) (time.Duration, error) {
	script := fmt.Sprintf("find %s -path '*/cur/*' -print0 -o -path '*/new/*' -print0 | xargs -0 -n 200 -P %d sha256sum > /dev/null",
		filepath.Join(w.ground.Dir, "work-ada"), runtime.NumCPU())
	return timed(ctx, "sh", w.ground.Dir, "-c", script)
}

// user is a new one to restore to.
func (w *world) user() string {
	w.fresh++
	name := fmt.Sprintf("new%d", w.fresh)
	w.server.AddUser(name)
	return name
}

func (w *world) restore(ctx context.Context) (time.Duration, error) {
	user := w.user()
	if err := w.configure(user); err != nil {
		return 0, err
	}
	took, err := w.mailsync(ctx, "restore", "work", "--to", "other")
	if err == nil {
		err = w.check(user)
	}
	return took, err
}

// plain is what a client does that knows no better: one APPEND, and then the next. It asks before it
// sends a literal, as most do.
func (w *world) plain(ctx context.Context) (took time.Duration, err error) {
	user := w.user()
	began := time.Now()
	client, err := servers.Connect(w.far, nil)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if _, err := client.Do(fmt.Sprintf("LOGIN %s %s", user, servers.Password)); err != nil {
		return 0, err
	}
	for _, m := range w.mail {
		if err := errors.Join(client.Append("INBOX", m.Flags, m.Date, m.Raw), ctx.Err()); err != nil {
			return 0, err
		}
	}
	took = time.Since(began)
	return took, w.check(user)
}

// check reads what a user has on the server, over no delay.
func (w *world) check(user string) error {
	return w.ground.Guard(func(testing.TB) error {
		client := w.server.LogIn(user)
		defer client.Close()
		mails, err := client.Read("INBOX", true)
		if err != nil {
			return err
		}
		have := map[[32]byte]int{}
		for _, m := range mails {
			have[sha256.Sum256(m.Body)]++
		}
		for sum, n := range w.want {
			if have[sum] != n {
				return fmt.Errorf("%d messages are there, and not those that were sent", len(mails))
			}
		}
		return nil
	})
}
