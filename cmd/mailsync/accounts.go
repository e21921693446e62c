package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

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
		w, err := p.choose(cfg, args)
		if err != nil {
			return err
		}
		if t.name == "check" {
			for _, pattern := range cfg.Empty() {
				w.notes = append(w.notes, fmt.Sprintf("mailsync: %s: include: no file matches %s", cfg.Path, pattern))
			}
		}
		p.code, err = p.perform(c.Context(), t, w)
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

// work is what a command is to do its task with.
type work struct {
	accounts []*config.Account
	fileOf   func(*config.Account) string // the file that an account is in, nil where it is from the command line
	bad      []config.BadFile             // files whose accounts it was to be done with, too
	notes    []string
}

// choose returns the accounts that are named, each once, or all: of them those in the shard that the flags ask for.
func (p *program) choose(cfg *config.Config, names []string) (work, error) {
	w := work{accounts: cfg.Accounts, bad: cfg.Bad(), fileOf: cfg.FileOf}
	if len(names) > 0 {
		var err error
		if w.accounts, w.bad, err = chosen(cfg, names); err != nil {
			return w, err
		}
		if len(w.accounts) == 0 {
			return w, config.BadFiles(w.bad)
		}
	}
	p.flags.shard.limit(&w)
	return w, nil
}

// chosen returns the accounts that are named, each once, and the files with a mistake that have the others.
func chosen(cfg *config.Config, names []string) (all []*config.Account, bad []config.BadFile, err error) {
	byName := make(map[string]*config.Account, len(cfg.Accounts))
	for _, a := range cfg.Accounts {
		byName[a.Name] = a
	}
	seen := map[string]bool{}
	for _, name := range names {
		a, of := byName[name], cfg.BadFileOf(name)
		switch {
		case seen[name]:
		case a != nil:
			all = append(all, a)
		case of != nil:
			if !slices.ContainsFunc(bad, func(b config.BadFile) bool { return b.File == of.File }) {
				bad = append(bad, *of)
			}
		default:
			return nil, nil, noAccount(cfg, name)
		}
		seen[name] = true
	}
	return all, bad, nil
}

// one returns the account of a name.
func one(cfg *config.Config, name string) (*config.Account, error) {
	all, bad, err := chosen(cfg, []string{name})
	if err == nil {
		err = config.BadFiles(bad)
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func noAccount(cfg *config.Config, name string) error {
	fault := usage("%s has no account %q", cfg.Path, name).WithHint("%s", meantAccount(name, accountNames(cfg)))
	if bad := cfg.Bad(); len(bad) > 0 {
		return fault.WithHint("it may be in %s, which has a mistake: %v", bad[0].File, bad[0].Problems[0])
	}
	return fault
}

func accountNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Accounts))
	for i, a := range cfg.Accounts {
		names[i] = a.Name
	}
	return names
}

// perform does a task with accounts side by side and returns the exit code.
func (p *program) perform(ctx context.Context, t task, w work) (int, error) {
	if t.check != nil && len(w.accounts) > 0 {
		if err := t.check(w.accounts); err != nil {
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
	for _, note := range w.notes {
		r.Talk(note)
	}
	r.Expect(len(w.accounts))
	ctx, stop, cancel := p.limitTime(ctx)
	defer cancel()
	s := &session{task: t, flags: p.flags, report: r, log: p.log(r), logs: &p.logs, several: len(w.accounts) > 1, trace: traced, registry: registry, stop: stop, fileOf: w.fileOf}
	kinds := s.all(ctx, w.accounts)
	wrong := w.wrong()
	if t.missed != nil && len(w.accounts) > 0 && !p.flags.shard.given() && len(w.bad) == 0 { // the mailboxes may be in accounts that are left out
		wrong = append(wrong, t.missed(len(w.accounts))...)
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

// wrong are the mistakes in files whose accounts the task could not be done with.
func (w work) wrong() (all []error) {
	for _, b := range w.bad {
		for _, problem := range b.Problems {
			fault := usage("%w", problem)
			if cure := problem.Hint(); cure != "" {
				fault = fault.WithHint("%s", cure)
			}
			all = append(all, fault)
		}
	}
	return all
}
