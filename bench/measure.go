package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"mailsync/bench/host"
	"mailsync/bench/mbsync"
	"mailsync/internal/testkit/servers"
)

// program is one of those that are compared.
type program struct {
	name string
	// command is a run with its Maildirs and all that it remembers below dir.
	command func(ctx context.Context, dir string) (*exec.Cmd, error)
	mail    string // the Maildirs, below dir
}

// rival is what mailsync is compared with.
func (s settings) rival() string {
	if s.before != "" {
		return "before"
	}
	return "mbsync"
}

// programs are those that are measured.
func (w *world) programs(ctx context.Context) ([]program, error) {
	ours := func(name, binary string) program {
		return program{name, func(ctx context.Context, dir string) (*exec.Cmd, error) {
			return w.mailsync(ctx, binary, dir)
		}, "mail"}
	}
	var all []program
	if w.only != "mbsync" {
		binary, err := w.ground.Build(ctx, w.Settings)
		if err != nil {
			return nil, err
		}
		all = append(all, ours("mailsync", binary))
	}
	switch {
	case w.only == "mailsync":
	case w.before != "":
		binary, err := filepath.Abs(w.before)
		if err != nil {
			return nil, err
		}
		all = append(all, ours(w.rival(), binary))
	case mbsync.Program() == "":
		return nil, errors.New(`no mbsync here: run "make servers"`)
	default:
		all = append(all, program{w.rival(), w.mbsync, "mail"})
	}
	return all, nil
}

func (w *world) mailsync(ctx context.Context, binary, dir string) (*exec.Cmd, error) {
	host, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		return nil, err
	}
	tls := "none"
	if w.tls {
		tls = fmt.Sprintf("implicit\"\ntls_ca = %q\ncompress = \"auto", w.server.CAFile())
	}
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf("[accounts.bench]\nhost = %q\nport = %s\ntls = \"%s\"\nuser = %q\npassword = %q\nmaildir = %q\n",
		host, port, tls, user, servers.Password, filepath.Join(dir, "mail"))
	if err := writeFile(config, text); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "-c", config, "sync")
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	return cmd, nil
}

func (w *world) mbsync(ctx context.Context, dir string) (*exec.Cmd, error) {
	setup := mbsync.Setup{Addr: w.addr, User: user, Password: servers.Password, Dir: dir}
	if w.tls {
		setup.Addr = strings.Replace(setup.Addr, "127.0.0.1", "localhost", 1)
		setup.CAFile = w.server.CAFile()
	}
	return setup.Command(ctx)
}

// cost is what one run took.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // octets resident at the most
}

// costs are those of one program in one round.
type costs struct {
	first, idle cost
}

func (c costs) String() string {
	return fmt.Sprintf("first pull %.2f s (CPU %.2f s, %d MB), nothing to do %.3f s (CPU %.3f s, %d MB)",
		c.first.wall.Seconds(), c.first.cpu.Seconds(), c.first.peak>>20, c.idle.wall.Seconds(), c.idle.cpu.Seconds(), c.idle.peak>>20)
}

// round has the costs of each program.
type round map[string]costs

// measure pulls everything into an empty folder, checks it, and runs once more with
// nothing to do. The folder stays until the end: where thousands of files were just removed,
// ext4 looks for a free inode twenty times as long, and whoever comes next would pay for it.
func (w *world) measure(ctx context.Context, p program) (c costs, err error) {
	dir, err := os.MkdirTemp(w.ground.Dir, p.name+"-")
	if err != nil {
		return c, err
	}
	if c.first, err = once(ctx, p, dir); err != nil {
		return c, err
	}
	if err := w.checkAll(filepath.Join(dir, p.mail)); err != nil {
		return c, err
	}
	// A Maildir that changed a moment ago is not trusted yet; a real second run comes later.
	host.Settle()
	if _, err := once(ctx, p, dir); err != nil {
		return c, err
	}
	host.Settle()
	c.idle, err = once(ctx, p, dir)
	return c, err
}

// once runs a program and measures it.
func once(ctx context.Context, p program, dir string) (cost, error) {
	cmd, err := p.command(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	return launched(ctx, cmd)
}
