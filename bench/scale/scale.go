// Package scale measures what grows: many accounts, many messages, one message of a gigabyte. The
// server is one of the benchmark's own that costs next to nothing, and every file is
// compared with what it sends.
package scale

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"mailsync/bench/host"
	"mailsync/bench/row"
	"mailsync/bench/seeded"
)

// programs are mailsync and, where it is measured, the one before it.
func programs(ctx context.Context, g *host.Ground, s host.Settings) (names, binaries []string, err error) {
	binary, err := g.Build(ctx, s)
	if err != nil || s.Before == "" {
		return []string{"mailsync"}, []string{binary}, err
	}
	before, err := g.Old(s)
	return []string{"mailsync", "before"}, []string{binary, before}, err
}

// tree is a configuration with accounts of a server, and their Maildirs.
type tree struct {
	ground *host.Ground
	binary string
	server *seeded.Server
	dir    string
	many   bool // accounts: what the server is asked matters
}

// newTree makes a server and a configuration of n accounts.
func newTree(g *host.Ground, binary string, mail seeded.Mail, n int) (*tree, error) {
	dir, err := os.MkdirTemp(g.Dir, "run-")
	if err != nil {
		return nil, err
	}
	t := &tree{ground: g, binary: binary, dir: dir, many: n > 1}
	if t.server, err = seeded.Start(mail); err != nil {
		return nil, err
	}
	server := t.server
	g.Cleanup(func() { server.Close() })
	ip, port, _ := strings.Cut(server.Addr, ":")
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[accounts.%s]\nhost = %q\nport = %s\ntls = \"none\"\nuser = \"user%d\"\npassword = \"secret\"\nmaildir = %q\n\n",
			account(i), ip, port, i, t.maildir(i))
	}
	return t, os.WriteFile(t.config(), []byte(text.String()), 0o600)
}

func account(i int) string           { return fmt.Sprintf("a%05d", i) }
func (t *tree) config() string       { return filepath.Join(t.dir, "config.toml") }
func (t *tree) maildir(i int) string { return filepath.Join(t.dir, "mail", account(i)) }

// run runs a command of the program, and counts what the server was asked meanwhile.
func (t *tree) run(ctx context.Context, args ...string) (host.Cost, error) {
	host.Settle()
	cmd := exec.CommandContext(ctx, t.binary, append([]string{"--config", t.config()}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.dir, "XDG_STATE_HOME="+filepath.Join(t.dir, "state"))
	t.server.Count()
	c, err := t.ground.Launch(ctx, cmd)
	n := t.server.Count()
	if c.Connections = n.Connections; t.many {
		c.AtOnce, c.LogIns = n.AtOnce, n.LogIns
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", args[0], err)
	}
	return c, err
}

// into runs a command as a phase.
func (t *tree) into(ctx context.Context, phases row.Phases, phase string, args ...string) (err error) {
	phases[phase], err = t.run(ctx, args...)
	return err
}

// check compares an account's INBOX with what the server sends: every message once, to the last octet,
// with its date and flag.
func (t *tree) check(i int) error {
	mail, seen := t.server.Mail, map[uint32]bool{}
	for _, sub := range []string{"cur", "new"} {
		dir := filepath.Join(t.maildir(i), "INBOX", sub)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			uid, err := compare(mail, dir, e)
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name(), err)
			}
			if seen[uid] {
				return fmt.Errorf("message %d is there twice", uid)
			}
			seen[uid] = true
		}
	}
	if len(seen) != int(mail.Last()) {
		return fmt.Errorf("%s: %d of %d messages are there", account(i), len(seen), mail.Last())
	}
	return nil
}

// compare reads one file.
func compare(mail seeded.Mail, dir string, e fs.DirEntry) (uint32, error) {
	info, err := e.Info()
	if err != nil {
		return 0, err
	}
	f, err := os.Open(filepath.Join(dir, e.Name()))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, 64)
	if _, err := io.ReadFull(f, head); err != nil {
		return 0, err
	}
	uid, err := seeded.UID(head)
	if err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	same := &comparer{file: bufio.NewReaderSize(f, 64<<10)}
	if err := mail.Write(same, uid, "\n"); err != nil {
		return 0, err
	}
	if info.Size() != same.octets {
		return 0, errors.New("it is longer than what was sent")
	}
	_, flags, _ := strings.Cut(e.Name(), ":2,")
	if !info.ModTime().Equal(seeded.Date(uid)) || (flags == "S") != seeded.Seen(uid) {
		return 0, errors.New("it has another date, or another flag")
	}
	return uid, nil
}

// comparer is written to what has to be in a file.
type comparer struct {
	file   io.Reader
	octets int64
	have   []byte
}

func (c *comparer) Write(want []byte) (int, error) {
	c.have = append(c.have[:0], want...)
	if _, err := io.ReadFull(c.file, c.have); err != nil || !bytes.Equal(c.have, want) {
		return 0, errors.Join(errors.New("it is not what was sent"), err)
	}
	c.octets += int64(len(want))
	return len(want), nil
}
