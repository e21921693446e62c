package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/backends/maildir/disk"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
	"mailsync/sync"
	"mailsync/sync/port"
	"mailsync/sync/verify"
)

// verifying are the flags of "verify".
type verifying struct {
	mailboxes picking
	server    bool
	repair    bool
}

func (p *program) verifyCommand() *cobra.Command {
	o := &verifying{}
	c := &cobra.Command{
		Use:   "verify [ACCOUNT...]",
		Short: "read every file and check that the local copy is intact",
		Long: `verify reads every file of accounts and compares it with what was recorded when it was fetched.
It prints which files are missing, altered, truncated, duplicate or misnamed, and then exits with
code 7. It does so too where messages are outstanding: then the copy is incomplete. Files of mail
programs are counted. It needs no network, and no lock while it reads.

"intact" is about all messages that the state knows. With --server they are compared with the
server's list as well. With --repair, what is missing or damaged is fetched again, if the server
still has it; a damaged file is moved to the trash after that.`,
		Example: `mailsync verify
mailsync verify work --server --repair
mailsync verify --maildir /mnt/copy/work   # a copy, without a configuration`,
	}
	c.Flags().SortFlags = false
	o.mailboxes.flag(c)
	c.Flags().BoolVar(&o.server, "server", false, "compare with the server, message by message")
	c.Flags().BoolVar(&o.repair, "repair", false, "fetch again what is missing or damaged")
	check := func([]*config.Account) error {
		if p.flags.dryRun && !o.repair {
			return usage("--dry-run applies to verify only with --repair").WithHint("without --repair nothing is changed: leave out --dry-run")
		}
		return nil
	}
	t := task{name: "verify", run: o.run, check: check, missed: o.mailboxes.missed, bare: &bareNeeds{maildir: true, server: o.asks}}
	return p.onAccounts(c, t, actsOfMany...)
}

// asks is why the server is asked.
func (o *verifying) asks() string {
	switch {
	case o.repair:
		return "--repair fetches from the server"
	case o.server:
		return "--server asks the server"
	}
	return ""
}

// printedError is a failure that was printed as a result of its own.
type printedError struct{ error }

func (e printedError) Unwrap() error { return e.error }

func (o *verifying) run(ctx context.Context, r *accountRun) (*port.Result, error) {
	r.part = o.mailboxes.given()
	if _, err := r.rootKnown(ctx, false); err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.a.Maildir); err != nil {
		return nil, state.Faultf(state.Storage, "nothing to verify: %w", err).WithHint("is it mounted? else run %q first", r.puller())
	}
	h, err := r.open(ctx, opening{read: !o.repair})
	if err != nil {
		return nil, err
	}
	last, err := r.lastRun()
	if err != nil {
		return nil, err
	}
	unknown, err := o.unknownMailboxes(ctx, r, h, last)
	if err != nil {
		return nil, err
	}
	v, err := o.verify(r, h, last)
	if err != nil {
		return nil, err
	}
	verdict := v.Run(ctx)
	for _, name := range unknown {
		verdict.Short = append(verdict.Short, verify.Shortfall{Mailbox: name, Unscanned: true})
	}
	o.report(r, verdict)
	o.noteUnseen(r, verdict, last)
	result := outcomeOf(verdict)
	o.mailboxes.known(result)
	return result, nil
}

// verify is the engine's verify that the flags ask for.
func (o *verifying) verify(r *accountRun, h *here, last store.LastRun) (*verify.Verify, error) {
	account := r.engine(h)
	v := &verify.Verify{
		Account:   *account,
		Only:      func(row state.MailboxRow) bool { return o.mailboxes.match(r.mailboxLevels(row), row.Use) },
		OnlyThere: func(l state.Listed) bool { return o.mailboxes.match(l.Levels, l.Role) },
		Gone:      func(row state.MailboxRow) bool { return slices.Contains(last.Gone, row.Path) },
		Readers:   max(2, runtime.GOMAXPROCS(0)),
	}
	v.Release = &port.Release{Folder: r.archiveFolder}
	var err error
	if o.server {
		if v.Server, err = r.connect(reach{readOnly: true}); err != nil {
			return nil, err
		}
	}
	if !o.repair {
		return v, o.withoutLock(r, h, v)
	}
	if account.Server, err = r.connect(reach{}); err != nil {
		return nil, err
	}
	v.Memory = func() (port.Memory, error) { return openStore{h.store}, nil }
	v.Repair = func(ctx context.Context, found []port.Finding) *port.Result {
		return sync.Repair(ctx, account, found)
	}
	return v, nil
}

// withoutLock makes a verify hold neither lock nor state while it reads.
func (o *verifying) withoutLock(r *accountRun, h *here, v *verify.Verify) error {
	if err := h.store.Close(); err != nil {
		return err
	}
	v.Memory = func() (port.Memory, error) { return store.OpenReadOnly(r.stateDir()) }
	v.Undisturbed = func(ctx context.Context, f func() error) (err error) {
		if _, err := os.Stat(r.stateDir()); errors.Is(err, fs.ErrNotExist) {
			return f() // no run ever synced into this tree, so none holds the lock
		}
		lock, err := store.WaitLock(ctx, r.stateDir(), r.flags.wait)
		if state.KindOf(err) == state.Storage && disk.Crippled(err) {
			return f() // no other run can write either
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.Unlock()) }()
		lock.Describe(r.task.name)
		return f()
	}
	return nil
}

// openStore is a store that is closed by somebody else.
type openStore struct{ *store.Store }

func (openStore) Close() error { return nil }

// report prints what a verify found.
func (o *verifying) report(r *accountRun, v *verify.Verdict) {
	for _, f := range v.Findings {
		r.out.Found(report.Finding{Fault: string(f.Fault), Mailbox: f.Mailbox, UID: uint32(f.UID), File: f.File,
			Detail: f.Detail, Repaired: f.Repaired})
	}
	apart := func(a verify.Apart, status string) {
		uids := make([]uint32, len(a.UIDs))
		for i, uid := range a.UIDs {
			uids[i] = uint32(uid)
		}
		r.out.Apart(report.Apart{Mailbox: a.Mailbox, Status: status, UIDs: uids})
	}
	for _, a := range v.Apart {
		apart(a, a.Status.String())
	}
	for _, a := range v.Unsettable {
		apart(a, "with flags that cannot be set there")
	}
	if v.Fatal != nil {
		return
	}
	hint, wrong := "", v.Wrong()
	if v.Repaired == nil {
		with := "" // what a comparison with the server found is found by it alone
		if o.server {
			with = "--server "
		}
		hint = fmt.Sprintf("\"mailsync verify %s--repair %s\" fetches again what the server still has", with, r.words())
	}
	r.out.Looked(report.Looked{Files: v.Files, Bytes: v.Bytes, Foreign: v.Foreign, Unrecorded: v.Unrecorded,
		Unproven: v.Unproven, Moved: v.Moved, NamesOnly: v.NoMemory, Forgotten: v.Forgotten, Findings: wrong, Repaired: len(v.Findings) - wrong,
		Mailboxes: v.Mailboxes, Doubtful: v.Doubtfuls(), Part: r.part, Incomplete: v.Incomplete(), Outstanding: v.Outstanding, Server: o.server}, hint)
	if v.NoMemory && !o.server && v.Mailboxes > 0 {
		r.out.Note("", "there is no state, and names alone do not show whether a message is missing",
			fmt.Sprintf("%q makes the state again and fetches nothing twice; --server compares with the server", r.puller()))
	}
}

// noteUnseen reports that the state is known not to know the whole account: nobody should read "intact" as if it did.
func (o *verifying) noteUnseen(r *accountRun, v *verify.Verdict, last store.LastRun) {
	if o.server || v.NoMemory || v.Fatal != nil || last.Success != nil || last.Command == "" {
		return
	}
	r.out.Note("", "no sync or backup of all mailboxes has succeeded yet, so the server may have mail that the state does not know of",
		`"mailsync sync" fetches it; --server compares with the server`)
}

// outcomeOf is a verdict as the outcome of a run.
func outcomeOf(v *verify.Verdict) *port.Result {
	result := &v.Result
	if v.Repaired != nil {
		result.Would = v.Repaired.Would
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
		result.Problems = append(result.Problems, port.Problem{Mailbox: f.Mailbox, UID: f.UID, Err: printedError{err}})
	}
	incomplete := func(mailbox, what, hint string) {
		err := state.Faultf(state.Differs, "incomplete: %s", what).WithHint("%s", hint)
		result.Problems = append(result.Problems, port.Problem{Mailbox: mailbox, Err: err})
	}
	for _, s := range v.Short {
		if s.Outstanding > 0 {
			incomplete(s.Mailbox, report.Plural(s.Outstanding, "message")+" outstanding", `"mailsync sync" fetches what it can`)
		}
		if s.Unscanned {
			incomplete(s.Mailbox, "no run has scanned this mailbox on the server yet", `run "mailsync sync", or compare with the server: --server`)
		}
	}
	return result
}

// unknownMailboxes names the mailboxes that runs knew on the server, and of which the state has nothing, because none
// could reach or open them, or read their names: a look at the state alone would pass over them and print "intact". None
// where the server itself is asked.
func (o *verifying) unknownMailboxes(ctx context.Context, r *accountRun, h *here, last store.LastRun) ([]string, error) {
	if o.server {
		return nil, nil
	}
	rows, err := h.store.Mailboxes(ctx)
	if err != nil || len(rows) == 0 { // without rows, verify itself reports that there is no state
		return nil, err
	}
	return slices.DeleteFunc(r.unrecorded(rows, last), func(name string) bool {
		return !o.mailboxes.match(strings.Split(name, "/"), "")
	}), nil
}
