package sync

import (
	"context"
	"fmt"

	"mailsync/state"
)

// Release says which messages may leave the server, and how they go. A run without one
// (backup) leaves alone what an earlier run had released; with the zero value nothing new
// is released, and what an earlier run did not come to the end of is finished.
type Release struct {
	// Cutoff chooses. Its Below and NoClock are set by the run.
	Cutoff Cutoff
	// UntilQuota makes room until less than this percentage of the quota is used; 0: never.
	UntilQuota int
	// Quota is how many octets the account may use, where the server cannot tell; 0: unknown.
	Quota int64
	// Alone makes the run one about the messages that go, and no others: they are fetched if
	// they are not here, and nothing else is done (archive). Otherwise the run does what it
	// does, and only what it leaves here may go (POP3).
	Alone bool
	// Via is how the server's copy goes.
	Via Via
	// Into is where the files go; nil: they stay where they are.
	Into *Into
	// Shelf opens a folder of archives by its absolute path, and makes it if it has to.
	// One that is not there and is not to be made is fs.ErrNotExist.
	Shelf func(root string, create bool) (Tree, error)
	// Remember is called once the first Maildir of such a folder is durable.
	Remember func(root, accountID string) error
}

// Into names the archive Maildir of each message.
type Into struct {
	Root string // absolute: the folder of archives
	// Path is the Maildir below Root for a message of a mailbox, which is given as Root's
	// tree would place it, with an INTERNALDATE in seconds since 1970.
	Path func(mailbox string, date int64) string
}

// Via is the way a message goes from the server.
type Via uint8

// How the server's copy goes.
const (
	ViaAuto    Via = iota // by the trash where a mailbox is only a label (Gmail), else by an expunge
	ViaExpunge            // expunged where it is
	ViaTrash              // moved to the trash mailbox, and expunged there
)

// Released is what a run let go, or would.
type Released struct {
	Mailboxes []Leaving // where something goes, in the order of their names
	Messages  int       // to go in all; of these and all below, copies of one are one
	Bytes     int64     // that frees
	// ToTrash says that the server cannot expunge single messages: they are moved to its trash,
	// and nothing is freed.
	ToTrash bool
	Quota   *state.Quota
	After   *state.Quota // read again when all was done
	Gone    int          // messages that went
	Freed   int64        // octets of those
	Trashed int          // messages that were moved to the server's trash, and lie there, every copy
	Stay    int          // messages that were to go and did not, every copy

	chosen, went int // copies
}

// Leaving is what goes from one mailbox.
type Leaving struct {
	Mailbox        string
	Messages       int
	Bytes          int64
	Oldest, Newest int64 // INTERNALDATE
}

// asks reports whether a release chooses messages that no earlier run had released.
func (rel *Release) asks() bool {
	c := rel.Cutoff
	return c.ByAge || c.Collected && (c.FetchedAge >= 0 || c.BiggerThan > 0) || c.LargerThan > 0 || rel.UntilQuota > 0
}

// mayLeave reports whether messages of a mailbox could be chosen to leave the server.
func (r *run) mayLeave(g *state.Generation) bool {
	return r.Release != nil && r.Release.asks() && g.Tally.OnServer > 0
}

// choose decides which messages leave the server, over the whole account.
func (r *run) choose(ctx context.Context) error {
	if r.Release == nil || !r.Release.asks() {
		return nil
	}
	if err := r.identsOf(ctx); err != nil {
		return err
	}
	if err := r.like(ctx); err != nil {
		return err
	}
	all := r.allResidents()
	c := r.Release.Cutoff
	c.NoClock = !r.AgesCount
	quota, told, err := r.quota(ctx, all)
	if err != nil {
		return err
	}
	if quota != nil && r.Release.UntilQuota > 0 {
		c.Below = max(1, quota.Limit/100*int64(r.Release.UntilQuota))
	}
	var used int64
	if quota != nil {
		used = quota.Used
	}
	if c.Below > 0 && told && r.onlyTrash() {
		waiting, err := r.inTrash(ctx)
		if err != nil {
			return fmt.Errorf("look at what lies in the trash: %w", err)
		}
		used -= waiting
	}
	chosen := c.Choose(all, used, r.now())
	barred, err := r.barred(all, chosen.Goes)
	if err != nil {
		return err
	}
	if barred {
		chosen = c.Choose(all, used, r.now())
	}
	if c.Collected {
		r.undeletable(all, c.Undeletable(all, r.now()))
	}
	r.result.Released = &Released{Messages: chosen.Messages, chosen: len(chosen.Goes), Bytes: chosen.Freed, Quota: quota}
	if r.onlyTrash() && r.Release.Via != ViaExpunge {
		r.result.Released.ToTrash, r.result.Released.Bytes = true, 0
	}
	for _, i := range chosen.Goes {
		r.leave(all[i])
	}
	for _, i := range chosen.Stuck {
		b := r.boxes[all[i].Box]
		if err := r.short(b, b.record(all[i].UID), all[i].Sent); err != nil {
			return err
		}
	}
	for _, b := range r.boxes {
		if b.leaving.Messages > 0 {
			b.leaving.Mailbox = b.name
			r.result.Released.Mailboxes = append(r.result.Released.Mailboxes, b.leaving.Leaving)
		}
	}
	return nil
}

// leaving is what leaves one mailbox in this run.
type leaving struct {
	Leaving
	uids   map[state.UID]bool // to go; true: what is here has to be compared with the server's bytes first
	proofs map[state.UID]state.Proof
	fixed  map[state.UID]bool   // never to go; true: the server said that it had deleted it
	idents map[state.UID]string // EMAILIDs that no proof has yet
	like   map[state.UID]string // words of what views show, and of what that may be elsewhere

	away    map[state.UID]bool  // released by a run that broke off, on their way to an archive
	again   *state.DiskSnapshot // the disk as it is when files are read again
	shelves map[string]Maildir  // archive Maildirs that are open
}

// hold keeps a message on the server.
func (l *leaving) hold(uid state.UID) {
	if l.fixed == nil {
		l.fixed = map[state.UID]bool{}
	}
	l.fixed[uid] = false
}

// leave notes that a message goes.
func (r *run) leave(m Resident) {
	b := r.boxes[m.Box]
	l := &b.leaving
	if l.uids == nil {
		l.uids = map[state.UID]bool{}
	}
	p, known := l.proofs[m.UID]
	l.uids[m.UID] = known && !p.ByServer || again(b.record(m.UID), true) && !r.accepts(b, m.UID)
	if l.Messages == 0 || m.Date < l.Oldest {
		l.Oldest = m.Date
	}
	if l.Messages == 0 || m.Date > l.Newest {
		l.Newest = m.Date
	}
	l.Messages++
	l.Bytes += m.octets()
	if word := m.word(); word != "" {
		r.copies.add(word, copyOf{b, m.UID})
	}
}

// allResidents are the messages that the server has in mailboxes of which that is known.
func (r *run) allResidents() (all []Resident) {
	blind := false // what a view shows may be in a mailbox that was not looked at
	for i, b := range r.boxes {
		if b.failed || b.idle || b.server != nil && !b.server.Complete {
			blind = blind || b.failed || !b.idle
			continue
		}
		all = append(all, r.residents(i, b)...)
	}
	for i := range all {
		all[i].Fixed = all[i].Fixed || blind && all[i].View
	}
	return all
}

// residents are the messages of one mailbox that the server has.
func (r *run) residents(i int, b *box) (all []Resident) {
	onDisk := map[state.UID]state.Flags{}
	for _, f := range b.disk.Messages {
		onDisk[f.UID] |= state.Spoken(f.Silent, f.Flags, b.record(f.UID).Agreed)
	}
	for _, rec := range b.records {
		if !rec.Status.OnServer() {
			continue
		}
		_, fixed := b.leaving.fixed[rec.UID]
		m := Resident{Box: i, View: b.isView() && !r.emailIDs, Like: b.leaving.like[rec.UID], UID: rec.UID, Status: rec.Status, Date: rec.Date, Size: rec.Size, Sent: -1,
			Fixed:   fixed,
			Short:   stuck(rec, r.row.EstimatedSizes) && !r.accepts(b, rec.UID),
			Flagged: rec.Seen&state.Flagged != 0, Unread: rec.Seen&state.Seen == 0}
		if flags, here := onDisk[rec.UID]; here {
			m.Flagged = m.Flagged || flags&state.Flagged != 0
			m.Unread = m.Unread || flags&state.Seen == 0
		}
		if p, ok := b.leaving.proofs[rec.UID]; ok {
			m.Fetched, m.Same, m.Sent = p.Fetched, p.EmailID, p.Bytes
		}
		if m.Same == "" {
			m.Same = b.leaving.idents[rec.UID]
		}
		all = append(all, m)
	}
	return all
}

// identsOf loads what is proven of every mailbox, and asks the server for the words by
// which it knows copies of one message, where it has such words and they are not known.
func (r *run) identsOf(ctx context.Context) error {
	for _, b := range r.boxes {
		if b.failed || b.idle || b.gen() == nil || b.gen().ID == 0 && b.server == nil {
			continue
		}
		l := &b.leaving
		if b.gen().ID != 0 {
			var err error
			if l.proofs, err = r.Base.Proofs(ctx, b.gen().ID, nil); err != nil {
				return fmt.Errorf("read state: %w", err)
			}
		}
		if r.Release.Cutoff.Collected {
			if err := r.fix(ctx, b); err != nil {
				return err
			}
		}
		var ask []state.UID
		for _, rec := range b.records {
			if rec.Status.OnServer() && l.proofs[rec.UID].EmailID == "" {
				ask = append(ask, rec.UID)
			}
		}
		if !r.emailIDs || len(ask) == 0 {
			continue
		}
		idents, err := r.sameAs(ctx, b, ask)
		if err != nil {
			return err
		}
		if b.failed {
			continue
		}
		l.idents = map[state.UID]string{}
		for _, id := range idents {
			l.idents[id.UID] = id.EmailID
		}
	}
	return nil
}

// sameAs asks the server for what copies of one message have in common. Where it does not tell, the mailbox
// has failed: a copy that is to be kept could be missed. Its error is one after which the run cannot go on.
func (r *run) sameAs(ctx context.Context, b *box, uids []state.UID) ([]state.Ident, error) {
	idents, err := r.Server.Idents(ctx, b.listed.Raw, b.gen().Mark.UIDValidity, uids)
	if err == nil {
		return idents, nil
	}
	b.failed, b.undone = true, true
	return nil, r.problem(b.name, 0, fmt.Errorf("ask which messages are the same: %w", err))
}

// quota is what the account uses and may use: as the server told, else as the
// configuration says and the messages' sizes add up to. nil where neither knows.
func (r *run) quota(ctx context.Context, all []Resident) (q *state.Quota, told bool, err error) {
	if !r.Release.Alone {
		return nil, false, nil
	}
	q, err = r.askQuota(ctx)
	if q != nil || err != nil && ends(err) {
		return q, true, err
	}
	if r.Release.Quota > 0 {
		return &state.Quota{Used: used(all), Limit: r.Release.Quota}, false, nil
	}
	if r.Release.UntilQuota == 0 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("ask for the quota: %w", err)
	}
	return nil, false, state.Faultf(state.Other, "the server tells no quota, so it cannot be known when there is room").
		WithHint(`tell it with the key "quota" in the account's archive table, or with --quota`)
}

// askQuota returns the fullest quota root of INBOX, or of the first mailbox without one.
func (r *run) askQuota(ctx context.Context) (*state.Quota, error) {
	if len(r.boxes) == 0 {
		return nil, nil
	}
	roots, err := r.Server.Quota(ctx, r.boxes[0].listed.Raw) // sorted: INBOX comes first
	if err != nil {
		return nil, err
	}
	var fullest *state.Quota
	for _, q := range roots {
		if q.Limit > 0 && (fullest == nil || float64(q.Used)/float64(q.Limit) > float64(fullest.Used)/float64(fullest.Limit)) {
			fullest = &q
		}
	}
	return fullest, nil
}

// reported reads the quota again when all was done, or, where the server has none, takes
// off what went.
func (r *run) reported(ctx context.Context) error {
	rel := r.result.Released
	if r.DryRun || rel == nil {
		return nil
	}
	rel.Stay = max(0, rel.chosen-rel.went-rel.Trashed)
	if rel.Quota == nil {
		return nil
	}
	after, err := r.askQuota(ctx)
	switch {
	case err != nil && rel.Quota.Root != "":
		return r.problem("", 0, fmt.Errorf("ask for the quota again: %w", err))
	case after == nil || err != nil:
		after = &state.Quota{Used: rel.Quota.Used - rel.Freed, Limit: rel.Quota.Limit}
	}
	rel.After = after
	return nil
}
