package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

const user = "ada"

// world is what the programs are measured in: a server with mail, and a folder.
type world struct {
	settings
	ground   *host.Ground
	server   *servers.Server
	addr     string // where the programs find it
	programs []program
	mda      string           // for fetchmail
	mail     map[[32]byte]int // what is on the server, its lines ended by LF
	bytes    int64
}

// newWorld fills a Dovecot, lets it index everything, and builds mailsync. What it returns
// beside an error has to be closed too.
func newWorld(ctx context.Context, s settings) (w *world, err error) {
	w = &world{settings: s, mail: map[[32]byte]int{}}
	if w.ground, err = host.NewGround(s.Dir); err != nil {
		return nil, err
	}
	if w.programs, err = w.installed(ctx); err != nil {
		return w, err
	}
	if err := w.copySelf(); err != nil {
		return w, err
	}
	return w, w.ground.Guard(w.fillServer)
}

func (w *world) fillServer(t testing.TB) (err error) {
	w.server = servers.Dovecot(t)
	w.server.AddUser(user)
	client := w.server.LogIn(user)
	defer client.Close()
	n, err := corpus.Lay(w.server.Maildir(user), func(yield func(corpus.Message) bool) {
		for m := range corpus.Messages(w.Seed, w.Messages) {
			w.mail[digest(m.Raw)]++
			w.bytes += int64(len(m.Raw))
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
		w.addr, err = w.ground.Far(w.server.POP3, w.RTT)
	}
	return err
}

// digest is that of a message's lines. Some programs bring CRLF to disk, others LF, and a
// line end at the very end is lost or added.
func digest(b []byte) [32]byte {
	return sha256.Sum256(bytes.TrimRight(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), "\n"))
}

// costs are what one program took in one round: time, and of a processor.
type costs struct{ first, firstCPU, idle, idleCPU time.Duration }

// round has the costs of each program, by name.
type round map[string]costs

// measure fetches everything into an empty folder, checks it, and runs again with nothing
// to do. The folder stays until the end: where thousands of files were just removed, ext4
// looks for a free inode twenty times as long, and whoever comes next would pay for it.
func (w *world) measure(ctx context.Context, p program) (c costs, err error) {
	dir, err := os.MkdirTemp(w.ground.Dir, p.name+"-")
	if err != nil {
		return c, err
	}
	if p.name != "mailsync" { // which makes its own
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(dir, "mail", sub), 0o700); err != nil {
				return c, err
			}
		}
	}
	args, env, err := p.prepare(w, dir)
	if err != nil {
		return c, err
	}
	w.server.Own(dir)
	run := func() (took, cpu time.Duration, err error) {
		host.Settle()
		cmd := exec.CommandContext(ctx, p.binary, args...)
		cmd.Env = append(append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir), env...)
		w.server.As(cmd) // getmail delivers nothing as root
		began := time.Now()
		out, err := cmd.CombinedOutput()
		took = time.Since(began)
		var exit *exec.ExitError
		if p.name == "fetchmail" && errors.As(err, &exit) && exit.ExitCode() == 1 {
			err = nil // it says that there was no mail
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
		if s := cmd.ProcessState; s != nil {
			cpu = s.UserTime() + s.SystemTime()
		}
		return took, cpu, err
	}
	if c.first, c.firstCPU, err = run(); err != nil {
		return c, err
	}
	if err := w.check(filepath.Join(dir, "mail")); err != nil {
		return c, err
	}
	if c.idle, c.idleCPU, err = run(); err != nil {
		return c, err
	}
	return c, w.check(filepath.Join(dir, "mail"))
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
