package verify

import (
	"context"
	"sync"
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Verify asks whether the local copy of an account is whole: every file that is recorded
// is there, and its bytes are those that were recorded. It changes nothing.
//
// It works without a lock, beside a run that syncs: what it finds wrong is looked at once
// more, undisturbed, and counts only if it is still so.
type Verify struct {
	Tree port.Tree
	// Memory opens the account's memory. It is closed again after each mailbox, for an open
	// reader holds up a run that commits. A memory without mailboxes is none: then markers
	// and names alone are what the files are held against.
	Memory func() (port.Memory, error)
	// Shelf opens a folder of archives; nil: what lies in archives is not looked at.
	Shelf func(root string) (port.Tree, error)
	// Server is compared with, message by message; nil: the look is offline.
	Server port.Server
	// Include says which of the server's mailboxes belong to the account; nil: all.
	Include func(state.Listed) bool
	// Only says which mailboxes to look at, and OnlyThere which of those that are not here; nil: all.
	Only      func(state.MailboxRow) bool
	OnlyThere func(state.Listed) bool
	Policy    plan.Policy
	// Stop ends the look when it is closed; what was not looked at is not in the verdict. nil never does.
	Stop <-chan struct{}
	// Readers is how many files are read at once; 0 means 1.
	Readers int
	// Undisturbed runs f while no run is at work; nil: nobody else can be.
	Undisturbed func(ctx context.Context, f func() error) error
	// NameOf is the mailbox that a Maildir's path stands for, as people call it.
	NameOf func(row state.MailboxRow) string
	// Repair repairs what it can of what was found; what is wrong is then looked at again. nil:
	// nothing is repaired.
	Repair func(context.Context, []port.Finding) *port.Result
	Watch  port.Watch
}

// Apart are messages that are not here for a reason, or that are here and of which not all may have come.
type Apart struct {
	Mailbox string
	Status  state.Status
	UIDs    []state.UID // sorted
}

// Verdict is what a look at the local copy came to.
type Verdict struct {
	Mailboxes int
	Whole     int // mailboxes that were looked at, without a finding and with nothing outstanding
	Looked
	Apart []Apart
	// Unsettable are messages with flags that were changed here, and that the server's mailbox does not keep.
	Unsettable []Apart
	Short      []Shortfall // what is outstanding, where the server was not compared with
	Findings   []port.Finding
	Problems   []port.Problem
	Fatal      error
	Stopped    bool         // before everything was looked at
	Repaired   *port.Result // what --repair did, nil: nothing
	NoMemory   bool         // only names could be held against the files
	Began      time.Time
	Ended      time.Time
}

// Looked counts what was looked at.
type Looked struct {
	Files       int   // of ours, read
	Bytes       int64 // read
	Foreign     int   // files that mail programs made
	Unrecorded  int   // files of ours that nothing is recorded of, held against their names
	Unproven    int   // files with neither a recorded digest nor one in their names
	Moved       int   // files that lie in another Maildir than is recorded
	OnServer    int   // messages, as recorded
	Here        int   // of those, and not missing
	Outstanding int
}

// verifying is one run of a Verify.
type verifying struct {
	*Verify
	verdict  Verdict
	mu       sync.Mutex // guards what readers write: the verdict, strays
	strays   map[port.Identity]stray
	counted  map[string]counted // by the path of the mailbox
	listed   map[string]state.Listed
	partial  bool            // there are names among the server's that cannot be read: what is not listed may be there
	here     map[string]bool // mailboxes that are recorded, looked at or not, by state.RawKey
	estimate bool            // the server's sizes are estimates
}

// stray is a file whose token is another mailbox's.
type stray struct {
	file string
	got  state.Received
	err  error
}

// Run looks at everything. The Verdict is never nil.
func (v *Verify) Run(ctx context.Context) *Verdict {
	w := &verifying{Verify: v, strays: map[port.Identity]stray{}, counted: map[string]counted{}, here: map[string]bool{}}
	w.verdict.Began = time.Now()
	w.verdict.Fatal = w.run(ctx)
	w.verdict.Ended = time.Now()
	return &w.verdict
}

func (w *verifying) run(ctx context.Context) error {
	rows, err := w.rows(ctx)
	if err != nil {
		return err
	}
	if err := w.list(ctx); err != nil {
		return err
	}
	w.verdict.Mailboxes = len(rows)
	if w.Watch != nil {
		w.Watch.Listed(len(rows))
	}
	found, err := w.pass(ctx, rows, nil)
	if err != nil {
		return err
	}
	if found, err = w.lookAgain(ctx, rows, w.moved(found)); err != nil {
		return err
	}
	swapped(found)
	if w.Repair != nil && len(found) > 0 {
		if found, err = w.repair(ctx, rows, found); err != nil {
			return err
		}
	}
	found = append(found, w.unlisted(rows)...)
	w.verdict.Findings = found
	w.conclude(rows, found)
	return ctx.Err()
}

// lookAgain looks once more, undisturbed, at what seemed to be wrong. A run that holds the
// account is waited for, and is at work on what is outstanding: where nothing else was wrong, that is
// as it was in the first look.
func (w *verifying) lookAgain(ctx context.Context, rows []state.MailboxRow, found []port.Finding) (again []port.Finding, err error) {
	if len(found) == 0 && !w.anyIncomplete() {
		return nil, nil
	}
	look := func() error {
		if len(found) > 0 {
			if again, err = w.pass(ctx, rows, suspectsOf(found)); err != nil {
				return err
			}
		}
		return w.recount(ctx, rows)
	}
	if w.Undisturbed != nil {
		err = w.Undisturbed(ctx, look)
	} else {
		err = look()
	}
	if len(found) == 0 && state.KindOf(err) == state.Locked {
		return nil, nil
	}
	if err != nil {
		return nil, port.Wrap("look again at what seemed to be wrong", err)
	}
	return again, nil
}

// repair lets what was found be repaired, and looks once more at what was wrong.
func (w *verifying) repair(ctx context.Context, rows []state.MailboxRow, found []port.Finding) ([]port.Finding, error) {
	w.verdict.Repaired = w.Repair(ctx, found)
	w.verdict.Problems = append(w.verdict.Problems, w.verdict.Repaired.Problems...)
	if err := w.verdict.Repaired.Fatal; err != nil {
		w.verdict.Findings = found
		return nil, err
	}
	left, err := w.pass(ctx, rows, suspectsOf(found))
	if err != nil {
		return nil, err
	}
	still := map[port.Identity]bool{}
	for _, f := range left {
		still[f.Id] = true
	}
	for i := range found {
		found[i].Repaired = !still[found[i].Id]
	}
	return found, w.recount(ctx, rows)
}

// rows are the mailboxes that are recorded, or, without a memory, those that markers
// tell of.
func (w *verifying) rows(ctx context.Context) ([]state.MailboxRow, error) {
	var rows []state.MailboxRow
	err := w.remember(func(m port.Memory) (err error) {
		row, err := m.Account(ctx)
		w.estimate = row.EstimatedSizes
		if err == nil {
			rows, err = m.Mailboxes(ctx)
		}
		w.estimate = w.estimate || plan.Estimates(rows)
		return err
	})
	if err != nil {
		return nil, port.Wrap("read state", err)
	}
	w.verdict.NoMemory = len(rows) == 0
	if w.verdict.NoMemory {
		found, err := w.Tree.Find(ctx)
		if err != nil {
			return nil, port.Wrap("look for Maildirs", err)
		}
		for _, f := range found {
			if f.Err != nil {
				w.problem(f.Path, f.Err)
				continue
			}
			rows = append(rows, state.MailboxRow{Raw: f.Marker.Raw, Path: f.Path, Sep: f.Marker.Sep, Role: f.Marker.Role, Use: f.Marker.Use,
				Generations: plan.Generations(f.Marker)})
		}
		if len(found) == 0 && w.Server == nil {
			return nil, state.Faultf(state.Storage, "nothing to verify: nothing was synced here yet").
				WithHint("\"mailsync sync\" first; --server compares with the server")
		}
	}
	var chosen []state.MailboxRow
	for _, row := range rows {
		w.here[state.RawKey(row.Raw)] = true
		if w.Only == nil || w.Only(row) {
			chosen = append(chosen, row)
		}
	}
	return chosen, nil
}

// remember opens the memory for f.
func (w *verifying) remember(f func(port.Memory) error) error {
	m, err := w.Memory()
	if err != nil {
		return err
	}
	err = f(m)
	if cerr := m.Close(); err == nil {
		err = cerr
	}
	return err
}

// stopped reports whether the look was asked to come to an end. It is asked by the one goroutine that goes
// through the mailboxes.
func (w *verifying) stopped() bool {
	select {
	case <-w.Stop:
		w.verdict.Stopped = true
		return true
	default:
		return false
	}
}

// problem notes a failure, once though it is met in both looks.
func (w *verifying) problem(mailbox string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.verdict.Problems {
		if p.Mailbox == mailbox && p.Err.Error() == err.Error() {
			return
		}
	}
	w.verdict.Problems = append(w.verdict.Problems, port.Problem{Mailbox: mailbox, Err: err})
}

func (w *verifying) name(row state.MailboxRow) string {
	if w.NameOf != nil {
		return w.NameOf(row)
	}
	return row.Path
}

// Incomplete reports that something is known not to be here yet, or was not looked at.
func (v *Verdict) Incomplete() bool {
	return v.Outstanding > 0 || len(v.Short) > 0 || v.Stopped || len(v.Problems) > 0
}

// Status is "ok", "partial" or "failed", as a Result's.
func (v *Verdict) Status() string {
	switch {
	case v.Fatal == nil && !v.Incomplete() && v.Wrong() == 0:
		return "ok"
	case v.Fatal != nil && v.Files == 0:
		return "failed"
	}
	return "partial"
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
