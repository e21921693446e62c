// Package verify compares the three states of a mailbox, and changes nothing.
package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"mailsync/state"
	"mailsync/sync/folder"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Verify asks whether the local copy of an account is complete: every file that is recorded
// is there, and its bytes are those that were recorded. It changes nothing.
//
// It works without a lock, beside a run that syncs: what it finds wrong is looked at once
// more, undisturbed, and counts only if it is still so.
type Verify struct {
	// Account is what is looked at. With a Server the state is compared with that, message by
	// message. Without a Release archives are not looked at. Its Base is not used, and Stop leaves
	// out of the verdict what was not looked at.
	port.Account
	// Memory opens the account's memory. It is closed again after each mailbox, for an open
	// reader holds up a run that commits. In a memory without mailboxes nothing is recorded: then the
	// files are compared with markers and names alone.
	Memory func() (port.Memory, error)
	// Only selects the mailboxes to look at, and OnlyThere those among the mailboxes that are not here; nil: all.
	Only      func(state.MailboxRow) bool
	OnlyThere func(state.Listed) bool
	// Readers is how many files are read at once; 0 means 1.
	Readers int
	// Undisturbed runs f while no run is at work; nil: nobody else can be.
	Undisturbed func(ctx context.Context, f func() error) error
	// Gone reports that the server's last list lacked a mailbox, for a look without the server; nil: it lacked none.
	Gone func(row state.MailboxRow) bool
	// Repair repairs what it can of what was found; what is wrong is then looked at again. nil:
	// nothing is repaired.
	Repair func(context.Context, []port.Finding) *port.Result
}

// Apart are messages that are not here for a reason, or that are here and may be incomplete.
type Apart struct {
	Mailbox string
	Status  state.Status
	UIDs    []state.UID // sorted
}

// Verdict is what a look at the local copy came to. Unchanged are the mailboxes that were looked at,
// without a finding and with nothing outstanding; OnServer and Here are what is recorded.
type Verdict struct {
	port.Result
	Looked
	Apart []Apart
	// Unsettable are messages with flags that were changed here, and that the server's mailbox does not keep.
	Unsettable []Apart
	Short      []Shortfall // what is outstanding, where the server was not compared with
	Findings   []port.Finding
	Repaired   *port.Result // what --repair did, nil: nothing
	Forgotten  int          // mailboxes that are not looked at, since they were forgotten
	NoMemory   bool         // only names could be compared with the files
}

// Looked counts what was looked at.
type Looked struct {
	Files      int   // of ours, read
	Bytes      int64 // read
	Foreign    int   // files that mail programs made
	Unrecorded int   // files of ours without a record, compared with their names
	Unproven   int   // files with neither a recorded digest nor one in their names
	Moved      int   // files that are in another Maildir than is recorded
}

// verifying is one run of a Verify.
type verifying struct {
	*mailbox.Run // its Mu guards what readers write, too: verdict and unknown
	folder       *folder.Run
	asked        *Verify
	verdict      Verdict
	rows         []state.MailboxRow          // to look at
	found        []port.Finding              // by now
	stopped      bool                        // before everything was looked at
	unknown      map[port.Identity]inspected // files with the token of another mailbox
	counted      map[string]counted          // by the path of the mailbox
	listed       map[string]state.Listed     // what it is about of the server's mailboxes, by state.RawKey
	there        map[string]bool             // all of them: whether there can be messages in it
	partial      bool                        // some of the server's names cannot be read: what is not listed may be there
}

// Run looks at everything. The Verdict is never nil.
func (v *Verify) Run(ctx context.Context) *Verdict {
	account := v.Account
	account.DryRun = true
	r := &mailbox.Run{Account: &account}
	w := &verifying{Run: r, folder: folder.New(r), asked: v, unknown: map[port.Identity]inspected{}, counted: map[string]counted{}}
	w.verdict.Result = *w.Through(ctx, w.load, w.list, w.lookFirst, w.lookAgain, w.repair, w.conclude)
	w.verdict.Stopped = w.stopped
	seen := map[string]bool{} // a second look meets problems again
	w.verdict.Problems = slices.DeleteFunc(w.verdict.Problems, func(p port.Problem) bool {
		key := fmt.Sprint(p)
		again := seen[key]
		seen[key] = true
		return again
	})
	return &w.verdict
}

// load reads which mailboxes are recorded, or, without a memory, which have a marker.
func (w *verifying) load(ctx context.Context) error {
	err := w.remember(func() (err error) {
		if w.Row, err = w.Base.Account(ctx); err == nil {
			w.Rows, err = w.Base.Mailboxes(ctx)
		}
		return err
	})
	if err != nil {
		return port.Wrap("read state", err)
	}
	w.Row.EstimatedSizes = w.Row.EstimatedSizes || plan.Estimates(w.Rows)
	if w.verdict.NoMemory = len(w.Rows) == 0; w.verdict.NoMemory {
		if err := w.find(ctx); err != nil {
			return err
		}
	} else if err := w.findUnrecorded(ctx); err != nil {
		return err
	}
	for _, row := range w.Rows {
		switch {
		case w.asked.Only != nil && !w.asked.Only(row):
		case row.Role == state.RoleForgotten:
			w.verdict.Forgotten++
		default:
			w.rows = append(w.rows, row)
		}
	}
	return nil
}

// find makes rows of the markers on disk.
func (w *verifying) find(ctx context.Context) error {
	found, err := w.Tree.Find(ctx)
	if err != nil {
		return port.Wrap("look for Maildirs", err)
	}
	for _, f := range found {
		if f.Err != nil {
			if err := w.Problem(f.Path, 0, f.Err); err != nil {
				return err
			}
			continue
		}
		w.Rows = append(w.Rows, marked(f))
	}
	if len(found) == 0 && w.Server == nil {
		return state.Faultf(state.Storage, "nothing to verify: nothing was synced here yet").
			WithHint("\"mailsync sync\" first; --server compares with the server")
	}
	return nil
}

// findUnrecorded makes rows of the account's Maildirs that the state does not know: it was lost, and the server lacks
// their mailboxes, or no run has been about them since. Their files are compared with their names.
func (w *verifying) findUnrecorded(ctx context.Context) error {
	found, err := w.Tree.Find(ctx)
	if err != nil {
		return port.Wrap("look for Maildirs", err)
	}
	for _, f := range found {
		known := func(row state.MailboxRow) bool { return row.Path == f.Path }
		if m := f.Marker; f.Err == nil && m.AccountID == w.Row.ID && m.Path == f.Path && !slices.ContainsFunc(w.Rows, known) {
			w.Rows = append(w.Rows, marked(f))
		}
	}
	return nil
}

// marked is the row of a mailbox of which only the marker is known.
func marked(f state.Found) state.MailboxRow {
	m := f.Marker
	return state.MailboxRow{Raw: m.Raw, Path: f.Path, Sep: m.Sep, Role: m.Role, Use: m.Use, Generations: plan.Generations(m)}
}

// unrecorded reports a mailbox that only a marker knows, while there is a state.
func (w *verifying) unrecorded(row state.MailboxRow) bool { return row.ID == 0 && !w.verdict.NoMemory }

// remember opens the memory for f.
func (w *verifying) remember(f func() error) error {
	m, err := w.asked.Memory()
	if err != nil {
		return err
	}
	w.Base = m
	err = f()
	if cerr := m.Close(); err == nil {
		err = cerr
	}
	return err
}

// list asks the server for its mailboxes, where it is compared with.
func (w *verifying) list(ctx context.Context) error {
	if w.Server == nil {
		return nil
	}
	include := func(l state.Listed) bool { return !l.NoSelect && (w.Include == nil || w.Include(l)) }
	listing, err := w.Server.List(ctx, include)
	if err != nil {
		return err
	}
	for _, name := range listing.Broken {
		if err := w.Problem(name, 0, port.ErrUnreadableName()); err != nil {
			return err
		}
	}
	w.partial = len(listing.Broken) > 0
	w.listed, w.there = map[string]state.Listed{}, map[string]bool{}
	for _, l := range listing.Mailboxes {
		w.there[state.RawKey(l.Raw)] = !l.NoSelect
		if include(l) {
			w.listed[state.RawKey(l.Raw)] = l
		}
	}
	return nil
}

// lookFirst looks at everything.
func (w *verifying) lookFirst(ctx context.Context) (err error) {
	for _, row := range w.rows {
		if !w.leftOut(row) {
			w.Result.Mailboxes++
		}
	}
	w.Doing("reading", "")
	w.foresee()
	if w.Watch != nil {
		w.Watch.Listed(len(w.rows))
	}
	w.found, err = w.look(ctx, nil)
	return err
}

// lookAgain looks once more, undisturbed, at what seemed to be wrong. A run that holds the
// account is waited for, and is at work on what is outstanding: where nothing else was wrong, that is
// as it was in the first look.
func (w *verifying) lookAgain(ctx context.Context) error {
	found := w.moved(w.found)
	w.found = nil
	if len(found) == 0 && !slices.ContainsFunc(slices.Collect(maps.Values(w.counted)), counted.incomplete) {
		return nil
	}
	again := func() (err error) {
		if len(found) > 0 {
			if w.found, err = w.look(ctx, suspectsOf(found)); err != nil {
				return err
			}
		}
		return w.recount(ctx)
	}
	var err error
	if w.asked.Undisturbed != nil {
		err = w.asked.Undisturbed(ctx, again)
	} else {
		err = again()
	}
	if len(found) == 0 && state.KindOf(err) == state.Locked {
		return nil
	}
	swapped(w.found)
	return port.Wrap("look again at what seemed to be wrong", err)
}

// repair lets what was found be repaired, and looks once more at what was wrong.
func (w *verifying) repair(ctx context.Context) error {
	if w.asked.Repair == nil || len(w.found) == 0 {
		return nil
	}
	repaired := w.asked.Repair(ctx, w.found)
	w.verdict.Repaired = repaired
	w.Result.Problems = append(w.Result.Problems, repaired.Problems...)
	if repaired.Fatal != nil {
		w.verdict.Findings = w.found
		return repaired.Fatal
	}
	left, err := w.look(ctx, suspectsOf(w.found))
	if err != nil {
		return err
	}
	still := map[port.Identity]bool{}
	for _, f := range left {
		still[f.Id] = true
	}
	for i, f := range w.found {
		w.found[i].Repaired = !still[f.Id]
	}
	return w.recount(ctx)
}

// leftOut reports whether no run is about a mailbox: the configuration excludes it, or it is gone on the server. Its files are
// verified, and what of it is not here is kept away.
func (w *verifying) leftOut(row state.MailboxRow) bool {
	switch {
	case w.Excludes(row) || w.unrecorded(row):
		return true
	case w.Server != nil:
		return !w.partial && !w.there[state.RawKey(row.Raw)]
	}
	return w.asked.Gone != nil && w.asked.Gone(row)
}

// Incomplete reports that something is known not to be here yet, or was not looked at.
func (v *Verdict) Incomplete() bool {
	return v.Outstanding > 0 || len(v.Short) > 0 || v.Stopped || len(v.Problems) > 0
}

// Doubtfuls counts the messages that are here and may be incomplete.
func (v *Verdict) Doubtfuls() (n int) {
	for _, a := range v.Apart {
		if a.Status == state.Doubtful {
			n += len(a.UIDs)
		}
	}
	return n
}

// Wrong counts the findings that are not repaired.
func (v *Verdict) Wrong() int {
	n := 0
	for _, f := range v.Findings {
		if !f.Repaired {
			n++
		}
	}
	return n
}
