package pull

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

// The phases of a round.
const (
	first       = "first pull"
	idle        = "nothing to do"
	incremental = "incremental"
)

// measured is one program with its account.
type measured struct {
	world   *world
	account *account
	name    string
	command command
	dir     string // where it runs; "": in a new folder
}

// round pulls everything into an empty folder, and runs again. The folder stays until the end: where
// thousands of files were just removed, ext4 looks for a free inode twenty times as
// long, and whoever comes next would pay for it.
func (m *measured) round(ctx context.Context) (row.Phases, error) {
	phases := row.Phases{}
	plan := m.world.plan
	if m.dir == "" || !plan.keep {
		if err := m.fresh(); err != nil {
			return nil, err
		}
		if err := m.run(ctx, phases, first); err != nil {
			return nil, err
		}
	}
	if plan.idle {
		// A Maildir that changed a moment ago is not trusted yet; a real second run comes later.
		if err := m.run(ctx, row.Phases{}, idle); err != nil {
			return nil, err
		}
		if err := m.run(ctx, phases, idle); err != nil {
			return nil, err
		}
	}
	if plan.change {
		if err := m.world.change(m.account); err != nil {
			return nil, err
		}
		if err := m.run(ctx, phases, incremental); err != nil {
			return nil, err
		}
	}
	return phases, nil
}

// fresh makes an empty folder for the program.
func (m *measured) fresh() (err error) {
	m.dir, err = os.MkdirTemp(m.world.Ground.Dir, "run-")
	return err
}

// run runs the program once, and checks both sides where it had something to do.
func (m *measured) run(ctx context.Context, phases row.Phases, phase string) error {
	host.Settle()
	cmd, err := m.command(ctx, m.account.user, m.dir)
	if err != nil {
		return err
	}
	if phases[phase], err = m.world.Launch(ctx, cmd); err != nil {
		return fmt.Errorf("%s: %w", phase, err)
	}
	if phase == idle {
		return nil
	}
	if err := m.account.checkDisk(filepath.Join(m.dir, "mail")); err != nil {
		return fmt.Errorf("%s: %w", phase, err)
	}
	if m.world.plan.change {
		return m.world.checkServer(m.account)
	}
	return nil
}
