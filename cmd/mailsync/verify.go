package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/backends/maildir/disk"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync"
	"mailsync/sync/port"
	"mailsync/sync/verify"
)

// verifying is what the flags of "verify" say.
type verifying struct {
	mailboxes picking
	server    bool
	repair    bool
}

func (p *program) verifyCommand() *cobra.Command {
	o := &verifying{}
	c := &cobra.Command{
		Use:   "verify [ACCOUNT...]",
		Short: "read every file and tell whether the local copy is whole",
		Long: `verify reads every file of accounts and holds it against what was recorded when it was
fetched: that it is there, and that its bytes are the same to the last. It names what is missing,
altered, truncated, doubled or misnamed, and then ends with exit code 7. So it does where
messages are outstanding: the copy is incomplete. Files that mail programs made are counted. It
needs no network and holds no lock while it reads.

"whole" is said of all that the state knows. With --server the server's list of messages is compared too. With --repair what is missing
or damaged is fetched again, where the server still has it; a damaged file goes to the trash
once its message is here anew.`,
	}
	c.Flags().SortFlags = false
	o.mailboxes.flag(c, p)
	c.Flags().BoolVar(&o.server, "server", false, "compare with the server, message by message")
	c.Flags().BoolVar(&o.repair, "repair", false, "fetch again what is missing or damaged")
	return p.onAccounts(c, task{name: "verify", run: o.run, missed: o.mailboxes.missed}, acts...)
}

// toldError is a failure that is told as a result of its own.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

func (o *verifying) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	if _, err := r.rootKnown(ctx, false); err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.a.Maildir); err != nil {
		return nil, state.Faultf(state.Storage, "nothing to verify: %w", err).WithHint("is it mounted? else \"mailsync sync\" first")
	}
	if r.flags.dryRun && !o.repair {
		return nil, usage("verify has no use for --dry-run without --repair: it changes nothing")
	}
	h, err := o.open(ctx, r)
	if err != nil {
		return nil, err
	}
	never, err := o.neverMet(ctx, r, h)
	if err != nil {
		return nil, err
	}
	v, err := o.verify(r, h)
	if err != nil {
		return nil, err
	}
	verdict := v.Run(ctx)
	for _, name := range never {
		verdict.Short = append(verdict.Short, verify.Shortfall{Mailbox: name, Unscanned: true})
	}
	o.tell(r, verdict)
	result := outcomeOf(verdict)
	result.Problems = append(result.Problems, shortfalls(verdict)...)
	o.mailboxes.known(result)
	return result, nil
}

// open opens the account to read in, or under its lock where something is to be repaired.
func (o *verifying) open(ctx context.Context, r *accountRun) (*here, error) {
	if o.repair {
		return r.open(ctx, opening{})
	}
	return r.look()
}

// verify is the engine's verify that the flags ask for.
func (o *verifying) verify(r *accountRun, h *here) (*verify.Verify, error) {
	v := &verify.Verify{
		Account:   *r.engine(h, nil),
		Only:      func(row state.MailboxRow) bool { return o.mailboxes.match(r.mailboxLevels(row), row.Use) },
		OnlyThere: func(l state.Listed) bool { return o.mailboxes.match(l.Levels, l.Role) },
		Readers:   max(2, runtime.GOMAXPROCS(0)), NameOf: r.mailboxName,
	}
	v.Release = &port.Release{Shelf: r.archiveFolder}
	if o.server {
		server, err := r.connect(reach{readOnly: true})
		if err != nil {
			return nil, err
		}
		v.Server = server
	}
	if o.repair {
		return v, o.repairs(r, h, v)
	}
	return v, o.looks(r, h, v)
}

// looks makes a verify hold neither lock nor state while it reads.
func (o *verifying) looks(r *accountRun, h *here, v *verify.Verify) error {
	if err := h.store.Close(); err != nil {
		return err
	}
	v.Memory = func() (port.Memory, error) { return store.OpenReadOnly(r.stateDir()) }
	v.Undisturbed = func(ctx context.Context, f func() error) (err error) {
		if _, err := os.Stat(r.stateDir()); errors.Is(err, fs.ErrNotExist) {
			return f() // nothing was ever synced into this tree: nobody holds it
		}
		lock, err := store.WaitLock(ctx, r.stateDir(), r.flags.wait)
		if state.KindOf(err) == state.Storage && disk.Crippled(err) {
			return f() // nobody else can write either
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Unlock()) }()
		return f()
	}
	return nil
}

// repairs makes a verify repair, under the lock that is held.
func (o *verifying) repairs(r *accountRun, h *here, v *verify.Verify) error {
	server, err := r.connect(reach{})
	if err != nil {
		return err
	}
	v.Memory = func() (port.Memory, error) { return held{h.store}, nil }
	v.Repair = func(ctx context.Context, found []port.Finding) *port.Result {
		return sync.Repair(ctx, r.engine(h, server), found)
	}
	return nil
}

// held is a store that is closed by somebody else.
type held struct{ *store.Store }

func (held) Close() error { return nil }

// tell tells what a verify found.
func (o *verifying) tell(r *accountRun, v *verify.Verdict) {
	looked := report.Looked{Files: v.Files, Bytes: v.Bytes, Foreign: v.Foreign, Unrecorded: v.Unrecorded,
		Unproven: v.Unproven, Moved: v.Moved, NamesOnly: v.NoMemory, Findings: v.Wrong(),
		Mailboxes: v.Mailboxes, Incomplete: v.Incomplete(), Outstanding: v.Outstanding, Server: o.server}
	looked.Repaired = len(v.Findings) - looked.Findings
	for _, f := range v.Findings {
		r.told.Found(report.Finding{Fault: string(f.Fault), Mailbox: f.Mailbox, UID: uint32(f.UID), File: f.File,
			Detail: f.Detail, Repaired: f.Repaired})
	}
	apart := func(a verify.Apart, status string) {
		uids := make([]uint32, len(a.UIDs))
		for i, uid := range a.UIDs {
			uids[i] = uint32(uid)
		}
		r.told.Apart(report.Apart{Mailbox: a.Mailbox, Status: status, UIDs: uids})
	}
	for _, a := range v.Apart {
		apart(a, a.Status.String())
	}
	for _, a := range v.Unsettable {
		apart(a, "with flags that cannot be set there")
	}
	if v.Fatal == nil {
		hint := ""
		if v.Repaired == nil {
			with := "" // what was found in comparison with the server is found in it alone
			if o.server {
				with = "--server "
			}
			hint = fmt.Sprintf("\"mailsync verify %s--repair %s\" fetches again what the server still has", with, r.a.Name)
		}
		r.told.Looked(looked, hint)
		if v.NoMemory && !o.server && v.Mailboxes > 0 {
			r.told.Note("", "there is no state, and names alone do not tell whether a message is missing",
				`"mailsync sync" makes the state again and fetches nothing twice; --server compares with the server`)
		}
	}
}

// shortfalls are differences, too: what the state knows not to be here.
func shortfalls(v *verify.Verdict) (problems []port.Problem) {
	add := func(mailbox, what, hint string) {
		err := state.Faultf(state.Differs, "incomplete: %s", what).WithHint("%s", hint)
		problems = append(problems, port.Problem{Mailbox: mailbox, Err: err})
	}
	for _, s := range v.Short {
		if s.Outstanding > 0 {
			add(s.Mailbox, report.Plural(s.Outstanding, "message")+" outstanding", `"mailsync sync" fetches what it can`)
		}
		if s.Unscanned {
			add(s.Mailbox, "no run has looked yet at what the server has in this mailbox", `run "mailsync sync", or compare with the server: --server`)
		}
	}
	return problems
}

// outcomeOf is a verdict as the outcome of a run.
func outcomeOf(v *verify.Verdict) *port.Result {
	result := &v.Result
	if v.Repaired != nil {
		result.Fetched, result.FetchedBytes = v.Repaired.Fetched, v.Repaired.FetchedBytes
	}
	for _, f := range v.Findings {
		if f.Repaired {
			continue
		}
		what := strings.ReplaceAll(string(f.Fault), "_", " ") + ": " + f.Detail
		if f.File != "" {
			what = fmt.Sprintf("%s (%s)", what, f.File)
		}
		err := state.Faultf(state.Differs, "%s", what)
		if v.Repaired == nil && f.Fault != port.Doubled && f.Fault != port.Misnamed {
			err = err.WithHint("--repair fetches what the server still has")
		}
		result.Problems = append(result.Problems, port.Problem{Mailbox: f.Mailbox, UID: f.UID, Err: toldError{err}})
	}
	return result
}
