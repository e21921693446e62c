package pop3

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

// measured is one program with its folder.
type measured struct {
	world     *world
	program   program
	dir       string // where it runs; "": in a new folder
	args, env []string
}

// round fetches everything into an empty folder, and runs again with nothing to do. The
// folder stays until the end: where thousands of files were just removed, ext4 looks for a free
// inode twenty times as long, and whoever comes next would pay for it.
func (m *measured) round(ctx context.Context) (row.Phases, error) {
	phases := row.Phases{}
	if m.dir == "" || !m.world.plan.keep {
		if err := m.fresh(); err != nil {
			return nil, err
		}
		if err := m.run(ctx, phases, first); err != nil {
			return nil, err
		}
		// A Maildir that changed a moment ago is not trusted yet; a real second run comes later.
		if err := m.run(ctx, row.Phases{}, idle); err != nil {
			return nil, err
		}
	}
	return phases, m.run(ctx, phases, idle)
}

// fresh makes an empty folder for the program.
func (m *measured) fresh() (err error) {
	if m.dir, err = os.MkdirTemp(m.world.Ground.Dir, "run-"); err != nil {
		return err
	}
	if !m.program.ours { // which makes its own
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(m.dir, "mail", sub), 0o700); err != nil {
				return err
			}
		}
	}
	if m.args, m.env, err = m.program.prepare(m.world, m.dir); err != nil {
		return err
	}
	m.world.server.Own(m.dir)
	return nil
}

// run runs the program once, and checks the Maildir.
func (m *measured) run(ctx context.Context, phases row.Phases, phase string) (err error) {
	host.Settle()
	cmd := exec.CommandContext(ctx, m.program.binary, m.args...)
	cmd.Env = append(append(os.Environ(), "HOME="+m.dir, "XDG_STATE_HOME="+m.dir), m.env...)
	m.world.server.As(cmd) // getmail delivers nothing as root
	if phases[phase], err = m.world.Launch(ctx, cmd); err != nil {
		return fmt.Errorf("%s: %w", phase, err)
	}
	return m.world.check(filepath.Join(m.dir, "mail"))
}
