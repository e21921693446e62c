package pull

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"mailsync/bench/host"
	"mailsync/bench/mbsync"
	"mailsync/bench/row"
	"mailsync/internal/testkit/servers"
)

// The programs that are compared.
const (
	ours     = "mailsync"
	before   = "before"
	theirs   = "mbsync"
	inflated = "mbsync without COMPRESS"
	disk     = "four threads that write"
)

// plan says what is measured.
type plan struct {
	rivals []string
	idle   bool // a run with nothing to do
	change bool // a run with changes on both sides
	keep   bool // the first pull of the first round only, whose Maildirs stay
}

// start is a row's: whoever is measured gets an account of its own where it will be changed.
func (p plan) start(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	if err := p.installed(); err != nil && s.Before == "" {
		return nil, err
	}
	w, err := start(g, s, p)
	if err != nil {
		return nil, err
	}
	binary, err := g.Build(ctx, s)
	if err != nil {
		return nil, err
	}
	commands := map[string]command{ours: w.mailsync(binary), theirs: w.mbsync(), inflated: w.mbsync("COMPRESS=DEFLATE")}
	names := append([]string{ours}, p.rivals...)
	if s.Before != "" {
		old, err := g.Old(s)
		if err != nil {
			return nil, err
		}
		names, commands[before] = []string{ours, before}, w.mailsync(old)
	}
	var all []row.Contender
	var shared *account
	for i, name := range names {
		if shared == nil || p.change {
			if shared, err = w.account(fmt.Sprintf("user%d", i)); err != nil {
				return nil, err
			}
		}
		m := &measured{world: w, account: shared, name: name, command: commands[name]}
		c := row.Contender{Name: name, Round: m.round}
		if name == disk {
			c.Round = m.writeAll
		}
		all = append(all, c)
	}
	return all, nil
}

// command is a run for a user with the Maildirs below dir/mail, and all that the program
// remembers below dir.
type command func(ctx context.Context, user, dir string) (*exec.Cmd, error)

func (w *world) mailsync(binary string) command {
	return func(ctx context.Context, user, dir string) (*exec.Cmd, error) {
		host, port, err := net.SplitHostPort(w.addr)
		if err != nil {
			return nil, err
		}
		tls := "none"
		if w.TLS {
			tls = fmt.Sprintf("implicit\"\ntls_ca = %q\ncompress = \"auto", w.server.CAFile())
		}
		config := filepath.Join(dir, "config.toml")
		text := fmt.Sprintf("[accounts.bench]\nhost = %q\nport = %s\ntls = \"%s\"\nuser = %q\npassword = %q\nmaildir = %q\n",
			host, port, tls, user, servers.Password, filepath.Join(dir, "mail"))
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, binary, "-c", config, "sync")
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
		return cmd, nil
	}
}

// mbsync is mbsync without some extensions of the server's.
func (w *world) mbsync(without ...string) command {
	return func(ctx context.Context, user, dir string) (*exec.Cmd, error) {
		setup := mbsync.Setup{Addr: w.addr, User: user, Password: servers.Password, Dir: dir, TwoWay: w.plan.change, Without: without}
		if w.TLS {
			setup.Addr = strings.Replace(setup.Addr, "127.0.0.1", "localhost", 1)
			setup.CAFile = w.server.CAFile()
		}
		return setup.Command(ctx)
	}
}

// installed is an error where a rival is not here.
func (p plan) installed() error {
	for _, name := range p.rivals {
		if strings.HasPrefix(name, theirs) && mbsync.Program() == "" {
			return errors.New(`no mbsync here: run "make servers"`)
		}
	}
	return nil
}
