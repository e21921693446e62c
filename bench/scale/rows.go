package scale

import (
	"context"
	"fmt"

	"mailsync/bench/host"
	"mailsync/bench/row"
	"mailsync/bench/seeded"
)

// The phases.
const (
	first   = "first pull"
	idle    = "nothing to do"
	reading = "reading the configuration"
	plan    = "archive: the plan"
	archive = "archive"
	adds    = "what one message of 1 GB adds"
)

// Rows are the situations of much mail and of many accounts.
func Rows() []row.Row {
	rows := []row.Row{
		{
			Name: "large", What: "one mailbox of 100,000 small messages: the first pull, and all of them archived",
			Settings: host.Settings{Messages: 100_000, Rounds: 1},
			Goals: []row.Goal{
				{Phase: first, Of: row.Peak, AtMost: 45e6},
				{Phase: plan, Of: row.Time, AtMost: 1},
			},
			Start: startLarge,
		},
		{
			Name: "million", What: "one mailbox of 1,000,000 small messages", Long: true,
			Settings: host.Settings{Messages: 1_000_000, Rounds: 1},
			Goals:    []row.Goal{{Phase: first, Of: row.Peak, AtMost: 120e6}},
			Start:    startMillion,
		},
		{
			Name: "giant", What: "one message of 1 GB among a few small ones: peak memory with it, less that without",
			Settings: host.Settings{Messages: 100, Rounds: 1},
			Goals:    []row.Goal{{Phase: adds, Of: row.Peak, AtMost: 16e6}},
			Start:    startGiant,
		},
	}
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		r := row.Row{
			Name: fmt.Sprintf("accounts-%d", n), What: fmt.Sprintf("accounts of one server, each with three messages, nothing new: %d", n),
			Long: n > 1000, Settings: host.Settings{Rounds: 3},
			Start: func(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
				return startAccounts(ctx, g, s, n)
			},
		}
		if n >= 1000 {
			r.Goals = []row.Goal{{Phase: idle, Of: row.CPU, AtMost: 0.003 * float64(n)}, {Phase: reading, Of: row.Time, AtMost: 1}}
		}
		rows = append(rows, r)
	}
	return rows
}

// each makes a contender of each program.
func each(ctx context.Context, g *host.Ground, s host.Settings, round func(ctx context.Context, binary string) (row.Phases, error)) ([]row.Contender, error) {
	names, binaries, err := programs(ctx, g, s)
	var all []row.Contender
	for i, name := range names {
		all = append(all, row.Contender{Name: name, Round: func(ctx context.Context) (row.Phases, error) { return round(ctx, binaries[i]) }})
	}
	return all, err
}

// startAccounts: the first round pulls, and counts for nothing.
func startAccounts(ctx context.Context, g *host.Ground, s host.Settings, n int) ([]row.Contender, error) {
	trees := map[string]*tree{}
	return each(ctx, g, s, func(ctx context.Context, binary string) (row.Phases, error) {
		t := trees[binary]
		phases := row.Phases{}
		if t == nil {
			var err error
			if t, err = newTree(g, binary, seeded.Mail{Messages: 3, Lines: 20}, n); err != nil {
				return nil, err
			}
			trees[binary] = t
			if err := t.into(ctx, phases, first, "sync", "--quiet"); err != nil {
				return nil, err
			}
			for i := range n {
				if err := t.check(i); err != nil {
					return nil, err
				}
			}
			// A Maildir that changed a moment ago is not trusted yet; a real second run comes later.
			if _, err := t.run(ctx, "sync", "--quiet"); err != nil {
				return nil, err
			}
		}
		if err := t.into(ctx, phases, idle, "sync", "--quiet"); err != nil {
			return nil, err
		}
		if asked := phases[idle].Connections; asked != n {
			return nil, fmt.Errorf("%d accounts took %d connections", n, asked)
		}
		return phases, t.into(ctx, phases, reading, "status", account(0))
	})
}

// startLarge: every round has a server and Maildirs of its own.
func startLarge(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	return each(ctx, g, s, func(ctx context.Context, binary string) (row.Phases, error) {
		phases := row.Phases{}
		t, err := pull(ctx, g, binary, seeded.Mail{Messages: uint32(s.Messages), Lines: 20}, phases)
		if err != nil {
			return nil, err
		}
		if err := t.into(ctx, phases, idle, "sync", "--quiet"); err != nil {
			return nil, err
		}
		rule := []string{"archive", "--quiet", "--older-than", "1y", "--keep", ""}
		if err := t.into(ctx, phases, plan, rule...); err != nil {
			return nil, err
		}
		if left := t.server.Left(); left != s.Messages {
			return nil, fmt.Errorf("the plan left %d of %d messages on the server", left, s.Messages)
		}
		if err := t.into(ctx, phases, archive, append(rule, "--apply")...); err != nil {
			return nil, err
		}
		if left := t.server.Left(); left != 0 {
			return nil, fmt.Errorf("%d of %d messages are still on the server", left, s.Messages)
		}
		return phases, t.check(0)
	})
}

func startMillion(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	return each(ctx, g, s, func(ctx context.Context, binary string) (row.Phases, error) {
		phases := row.Phases{}
		t, err := pull(ctx, g, binary, seeded.Mail{Messages: uint32(s.Messages), Lines: 5}, phases)
		if err != nil {
			return nil, err
		}
		return phases, t.into(ctx, phases, idle, "sync", "--quiet")
	})
}

func startGiant(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	return each(ctx, g, s, func(ctx context.Context, binary string) (row.Phases, error) {
		phases, without := row.Phases{}, row.Phases{}
		mail := seeded.Mail{Messages: uint32(s.Messages), Lines: 500}
		if _, err := pull(ctx, g, binary, mail, without); err != nil {
			return nil, err
		}
		mail.Giant = 1e9
		if _, err := pull(ctx, g, binary, mail, phases); err != nil {
			return nil, err
		}
		phases[adds] = host.Cost{Peak: max(phases[first].Peak-without[first].Peak, 1)}
		return phases, nil
	})
}

// pull makes one account, pulls it, and compares all that it got.
func pull(ctx context.Context, g *host.Ground, binary string, mail seeded.Mail, phases row.Phases) (*tree, error) {
	t, err := newTree(g, binary, mail, 1)
	if err != nil {
		return nil, err
	}
	if err := t.into(ctx, phases, first, "sync", "--quiet"); err != nil {
		return nil, err
	}
	return t, t.check(0)
}
