package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync/port"
)

// This file and session.go are the way in which every command works on accounts. To add one:
//
//  1. Write a function, in a file of its own, that returns its *cobra.Command by
//     p.onAccounts(c, task{…}, globals...); command.go has groups of global flags.
//  2. Write the task's run: what the command does with one account. It takes what it needs from the
//     accountRun, and everything that it opened is closed for it:
//
//     account, err := r.begin(ctx, …)     all that the engine needs; the run is recorded for "status"
//     here, err := r.start(ctx, …)        lock, state, Maildirs and server
//     here, err := r.open(ctx, …)         the same without a server
//     r.out                               the report about this account
//
//     It returns a port.Result: its Problems and Fatal are printed on stderr, its numbers are the
//     line on stdout or the JSON object, and both make the exit code.
//  3. Add the command to commands() in command.go, and a scenario to testdata/.

// task is what a command does with each of its accounts.
type task struct {
	name string // of the command
	run  func(context.Context, *accountRun) (*port.Result, error)
	// check reports flags that do not fit the accounts, before anything is done; nil: all fit.
	check func([]*config.Account) error
	// missed reports flags that matched nothing in any of so many accounts, after everything was
	// done; nil: there are no such flags.
	missed func(accounts int) []error
	// bare is what it needs of an account that flags make; nil: it works on accounts of the configuration only.
	bare *bareNeeds
}

// onAccounts makes a command work on the accounts that its arguments name, or all.
func (p *program) onAccounts(c *cobra.Command, t task, globals ...string) *cobra.Command {
	bare := &bareFlags{}
	if t.bare != nil {
		bare.register(c)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if done, err := p.onBare(c, args, bare, t); done || err != nil {
			return err
		}
		cfg, err := p.loadConfig()
		if err != nil {
			return err
		}
		accounts, err := choose(cfg, args)
		if err != nil {
			return err
		}
		p.code, err = p.perform(c.Context(), t, cfg.Path, accounts)
		return err
	}
	c.ValidArgsFunction = p.completeAccounts
	return uses(c, globals...)
}

// loadConfig reads the configuration that the flags ask for, and removes the passwords that it
// names from the environment.
func (p *program) loadConfig() (*config.Config, error) {
	path, err := config.Path(p.flags.config, os.Getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, os.Getenv)
	if err != nil {
		if f, ok := errors.AsType[*state.Fault](err); ok && p.flags.config == "" && os.Getenv("MAILSYNC_CONFIG") != "" {
			return nil, f.WithHint("$MAILSYNC_CONFIG names it")
		}
		return nil, err
	}
	for _, a := range cfg.Accounts {
		secret.Withdraw(a.Password)
	}
	return cfg, nil
}

// choose returns the accounts that are named, each once, or all.
func choose(cfg *config.Config, names []string) ([]*config.Account, error) {
	if len(names) == 0 {
		return cfg.Accounts, nil
	}
	var chosen []*config.Account
	for _, name := range names {
		i := slices.IndexFunc(cfg.Accounts, func(a *config.Account) bool { return a.Name == name })
		if i < 0 {
			return nil, usage("%s has no account %q", cfg.Path, name).WithHint("%s", meantAccount(name, accountNames(cfg)))
		}
		if !slices.Contains(chosen, cfg.Accounts[i]) {
			chosen = append(chosen, cfg.Accounts[i])
		}
	}
	return chosen, nil
}

func accountNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Accounts))
	for i, a := range cfg.Accounts {
		names[i] = a.Name
	}
	return names
}

// perform does a task with accounts side by side and returns the exit code. configFile is the file
// that they are from, "" without one.
func (p *program) perform(ctx context.Context, t task, configFile string, accounts []*config.Account) (int, error) {
	if t.check != nil {
		if err := t.check(accounts); err != nil {
			return 0, err
		}
	}
	registry, err := store.OpenRegistry()
	if err != nil {
		return 0, err
	}
	traced, err := openTrace(p.flags.trace)
	if err != nil {
		return 0, err
	}
	r := p.report()
	defer r.Close()
	p.shown = r
	r.Expect(len(accounts))
	ctx, stop, cancel := p.limitTime(ctx)
	defer cancel()
	s := &session{task: t, flags: p.flags, report: r, log: p.log(r), logs: &p.logs, several: len(accounts) > 1, trace: traced, registry: registry, stop: stop, configFile: configFile}
	kinds := s.all(ctx, accounts)
	var wrong []error
	if t.missed != nil {
		wrong = t.missed(len(accounts))
	}
	if s.several && kindOf(context.Cause(ctx)) == state.Interrupted {
		wrong = append(wrong, errInterrupted)
	}
	if err := traced.close(); err != nil {
		wrong = append(wrong, err)
	}
	for _, err := range wrong {
		r.Wrong(err)
		kinds = append(kinds, kindOf(err))
	}
	return exitCode(kinds, p.interrupt.code()), nil
}

// atOnce is how many accounts are worked on at the same time.
const atOnce = 4

// all does the task with every account and returns the kinds of all failures. No account's
// failure stops another.
func (s *session) all(ctx context.Context, accounts []*config.Account) []state.Kind {
	var mu sync.Mutex
	var kinds []state.Kind
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, a := range accounts {
		g.Go(func() error {
			wrong := s.account(ctx, a)
			mu.Lock()
			defer mu.Unlock()
			kinds = append(kinds, wrong...)
			return nil
		})
	}
	_ = g.Wait() // the failures are in kinds
	return kinds
}
