package sync

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
)

// box is one mailbox in a run. Its fields belong to the goroutine whose turn it is.
type box struct {
	name    string // decoded, levels joined by "/"
	listed  state.Listed
	row     state.MailboxRow
	md      Maildir // nil in a dry run of a mailbox that is not here yet
	kw      *state.Keywords
	records []state.Record // the base, after what the scan learned
	server  *state.ServerSnapshot
	disk    *state.DiskSnapshot
	full    bool                   // everything is to be compared
	fresh   bool                   // nothing was learned of this generation yet: files are tied, nothing is deleted
	anew    bool                   // the server's numbers are others than the base had
	follows bool                   // its Maildir came here by our hand, whatever path its marker says
	useTold bool                   // another special use than the base has was told
	refused error                  // why its Maildir is left alone
	home    string                 // where its mail lies already, in a Maildir that a mail program made; "" nowhere
	tied    []tied                 // files and records that were tied to its messages in this run
	spares  []*spare               // what could still be a message that is fetched
	sized   map[int64]*sizedSpares // the same by size, once one was asked for
	strays  *strays                // files here that could be, too
	proves  bool                   // a missing file was removed by somebody
	ops     []Op
	turn    turn

	unheard   bool                  // neither the base nor a marker knows of it: nothing of it is here
	looked    bool                  // both sides were looked at in this run, and what that showed was learned
	idle      bool                  // nothing had to be done
	failed    bool                  // left as it is in this run
	wrote     bool                  // the Maildir was changed
	undone    bool                  // something is left for the next run
	settled   bool                  // recorded as clean by this run
	sending   sending               // what was appended in this run
	expected  map[string]string     // files whose messages were moved here and are not listed, to the keys of their intents
	lost      map[string]bool       // keys of what the server confirmed and does not list, once it was reported
	pulling   bool                  // bodies come: records are read in the box's turn only
	held      map[string]bool       // bare names of files not to be appended in this run
	doubtful  map[string]bool       // bare names of files that an earlier run sent and got no answer for
	moving    map[state.UID]bool    // messages that go to another mailbox, or come from one
	copies    []lying               // files that are copies of other mailboxes' messages
	spoilt    map[state.UID]bool    // messages of which an operation failed
	mend      map[state.UID]mending // what a repair fetches again
	leaving   leaving               // what leaves the server
	deletions Waiting               // that this run leaves to another
	waiting   int                   // of what it fetches: the last so many wait for what others fetch
	arrived   map[state.UID]string  // files that came in this run, of messages that others wait for
}

// spoil cancels what is still to be done about a message; the next run plans it anew.
func (b *box) spoil(uid state.UID) {
	if b.spoilt == nil {
		b.spoilt = map[state.UID]bool{}
	}
	b.spoilt[uid] = true
	b.undone = true
}

func (b *box) gen() *state.Generation { return b.row.Current() }

// find returns the place of a UID's record, and whether there is one.
func (b *box) find(uid state.UID) (int, bool) { return placeOf(b.records, uid) }

// placeOf returns the place of a UID among records that are sorted by it, and whether it has one.
func placeOf(records []state.Record, uid state.UID) (int, bool) {
	return slices.BinarySearchFunc(records, uid, func(r state.Record, u state.UID) int { return int(int64(r.UID) - int64(u)) })
}

// recordOf returns the record of a file's message among records that are sorted by UID, and whether there is
// one. Another message under the same UID is none.
func recordOf(records []state.Record, uid state.UID, variant uint8) (rec state.Record, known bool) {
	i, known := placeOf(records, uid)
	if !known || max(1, records[i].Variant) != max(1, variant) {
		return state.Record{}, false
	}
	return records[i], true
}

// record returns the record of a UID, a new outstanding one if there is none.
func (b *box) record(uid state.UID) state.Record {
	if i, ok := b.find(uid); ok {
		return b.records[i]
	}
	return state.Record{UID: uid, Status: state.Outstanding, Size: -1, Date: state.NoDate}
}

// commit makes changes of records durable and takes them over. put and forget are
// sorted by UID.
func (r *run) commit(ctx context.Context, b *box, c state.Commit) error {
	if r.DryRun {
		return nil
	}
	c.Gen = b.gen().ID
	if b.kw != nil && b.kw.Len() > len(b.row.Keywords) {
		c.Keywords = b.kw.Names()
	}
	if c.Empty() {
		return nil
	}
	if err := r.commitTo(ctx, c, "commit %s: %d records", b.name, len(c.Put)+len(c.Forget)); err != nil {
		return err
	}
	if !b.pulling || len(c.Forget) > 0 || !overwrite(b.records, c.Put) {
		b.records = Apply(b.records, c.Put, c.Forget)
	}
	if c.Keywords != nil {
		b.row.Keywords = c.Keywords
	}
	b.gen().Take(&c)
	return nil
}

// commitTo makes a commit durable, whatever generation it is on, as a step of that name. What memory has of
// the generation stays as it was.
func (r *run) commitTo(ctx context.Context, c state.Commit, step string, args ...any) error {
	if err := r.step(step, args...); err != nil {
		return err
	}
	if err := r.Base.Commit(context.WithoutCancel(ctx), c); err != nil {
		return fmt.Errorf("commit to state: %w", err)
	}
	return nil
}
