package destroy

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// trashBox is the server's trash mailbox where the run is about it, else nil.
func (r *Run) trashBox() *mailbox.Box {
	for _, b := range r.Boxes {
		if state.RawKey(b.Listed.Raw) == state.RawKey(r.Trash) {
			return b
		}
	}
	return nil
}

// trashGen is the generation of the server's trash mailbox, nil where the base has none: then
// nothing of it is here.
func (r *Run) trashGen() *state.Generation {
	if b := r.trashBox(); b != nil {
		return b.Gen()
	}
	for i := range r.Rows {
		if r.Rows[i].Role == state.RoleMailbox && state.RawKey(r.Rows[i].Raw) == state.RawKey(r.Trash) {
			return r.Rows[i].Current()
		}
	}
	return nil
}

// announce notes, with the trash mailbox, that messages are about to be moved there because the
// user removed them here: the run that finds them there does not fetch them.
func (r *Run) announce(ctx context.Context, b *mailbox.Box, uids []state.UID) error {
	g := r.trashGen()
	if g == nil || g.ID == 0 || len(uids) == 0 {
		return nil
	}
	idents, err := r.Server.Idents(ctx, b.Listed.Raw, b.Gen().Mark.UIDValidity, uids)
	if err != nil {
		return fmt.Errorf("ask for Message-IDs: %w", err)
	}
	ids := match.MessageIDs(idents)
	proofs, err := r.Base.Proofs(ctx, b.Gen().ID, uids)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	c := state.Commit{Gen: g.ID}
	for _, uid := range uids {
		rec := b.Record(uid)
		in := state.Intent{Key: match.TrashingKey(b.Gen().ID, rec, ids[uid]), UIDNext: g.Mark.UIDNext, Bytes: rec.Size}
		if proofs[uid].Bytes == rec.Size { // else it is known by its Message-ID alone
			in.Digest = proofs[uid].Digest
		}
		c.Intents = append(c.Intents, in)
	}
	return r.CommitTo(ctx, c, "announce %d of %s in the trash", len(uids), b.Name)
}

// InTrash is how many octets are in the server's trash: emptying it frees them.
func (r *Run) InTrash(ctx context.Context) (octets int64, err error) {
	sn, err := r.TrashListing(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range sn.Messages {
		octets += max(0, m.Size)
	}
	return octets, nil
}

// TrashListing lists the server's trash, which may be no mailbox of this run.
func (r *Run) TrashListing(ctx context.Context) (*state.ServerSnapshot, error) {
	return r.Server.Scan(ctx, state.ScanRequest{Raw: r.Trash, Full: true, Keywords: state.NewKeywords(nil)})
}

// leavesTrash reports whether what leaves the account may stay in the server's trash.
func (r *Run) leavesTrash() bool {
	return r.Trash != "" && (!r.Can.UIDPlus || r.Can.Labels || r.Release != nil && r.Release.Via == port.ViaTrash)
}

// KnowTrashed finds in the trash mailbox what was moved there by us, before anything of it is fetched.
func (r *Run) KnowTrashed(ctx context.Context) error {
	b := r.trashBox()
	if b == nil || b.Failed || b.Idle || b.MD == nil || b.Gen() == nil || b.Server == nil {
		return nil
	}
	t := &trash{Run: r, b: b, scans: map[place]*state.DiskSnapshot{}}
	if err := t.know(ctx); err != nil {
		b.Fail() // it is not known what the new messages in it are
		return r.Problem(b.Name, 0, fmt.Errorf("look for what was moved to the trash: %w", err))
	}
	return nil
}

// trash is the search in the trash mailbox.
type trash struct {
	*Run
	b     *mailbox.Box
	scans map[place]*state.DiskSnapshot
}

// place is one generation in one Maildir, below the root of an archive or of the account ("").
type place struct{ root, path, token string }

// inTheTrash is a message that should be in the trash.
type inTheTrash struct {
	match.Candidate
	proof state.Proof // UID 0: none
}

func (t *trash) know(ctx context.Context) error {
	fresh := map[int64]bool{} // sizes of new messages without a file
	var sought []match.Sought
	for _, rec := range t.b.Records {
		if _, here := t.b.FileOf(rec.UID, max(1, rec.Variant)); rec.Status == state.Outstanding && !here {
			fresh[rec.Size] = true
			sought = append(sought, match.Sought{UID: rec.UID, Size: rec.Size, Date: rec.Date})
		}
	}
	meant, c, err := t.meantFor(ctx, fresh)
	if err != nil {
		return err
	}
	sizes := map[int64]bool{}
	for _, m := range meant {
		sizes[m.Size] = true
	}
	sought = slices.DeleteFunc(sought, func(s match.Sought) bool { return !sizes[s.Size] })
	if err := match.Identify(ctx, t.Server, t.b.Listed.Raw, t.b.Gen().Mark.UIDValidity, sought); err != nil {
		return err
	}
	for i, s := range sought {
		sought[i].MessageID = match.ShortID(s.MessageID)
	}
	t.pair(sought, meant, &c)
	if t.DryRun {
		t.b.Records = plan.Apply(t.b.Records, c.Put, nil)
		return nil
	}
	return t.Commit(ctx, t.b, c)
}

// meantFor returns what should be in the trash and has one of these sizes, and a commit that
// settles what was announced: what is not among the new messages never got there, or is gone again.
func (t *trash) meantFor(ctx context.Context, fresh map[int64]bool) (meant []inTheTrash, c state.Commit, err error) {
	intents, err := t.Intents(ctx, t.b, state.Trashing)
	if err != nil {
		return nil, c, err
	}
	for _, in := range intents {
		s, ok := match.Announced(in)
		if !ok || !fresh[s.Size] {
			continue
		}
		m := inTheTrash{Candidate: s}
		if in.Digest != [state.DigestSize]byte{} {
			m.proof = state.Proof{UID: 1, Digest: in.Digest, Bytes: in.Bytes}
		}
		meant = append(meant, m)
	}
	if t.b.Server.Complete {
		c = plan.Settling(intents)
	}
	if len(fresh) > 0 && t.leavesTrash() {
		archived, err := t.archived(ctx, fresh)
		if err != nil {
			return nil, c, err
		}
		meant = append(meant, archived...)
	}
	return meant, c, nil
}

// archived are the messages of those sizes that archive runs took off the account's other
// mailboxes, but for those that are known in the trash already.
func (t *trash) archived(ctx context.Context, fresh map[int64]bool) (all []inTheTrash, err error) {
	known := map[match.Content]int{}
	for _, rec := range t.b.Records {
		if rec.Status == state.KeptAway {
			known[match.ContentOf(rec)]++
		}
	}
	for i := range t.Rows {
		row := &t.Rows[i]
		if row.Role == state.RoleArchive || state.RawKey(row.Raw) == state.RawKey(t.Trash) {
			continue
		}
		var b *mailbox.Box
		for _, other := range t.Boxes {
			if other.Row.ID == row.ID && !other.Idle {
				b, row = other, &other.Row
			}
		}
		for k := range row.Generations {
			g := &row.Generations[k]
			some, err := t.archivedOf(ctx, row, g, b, fresh, known)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

func (t *trash) archivedOf(ctx context.Context, row *state.MailboxRow, g *state.Generation, b *mailbox.Box, fresh map[int64]bool, known map[match.Content]int) (all []inTheTrash, err error) {
	if g.ID == 0 {
		return nil, nil
	}
	list, err := t.Base.Departures(ctx, g.ID)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	list = slices.DeleteFunc(list, func(d state.Departure) bool { return d.Run == 0 && d.Root == "" })
	if len(list) == 0 {
		return nil, nil
	}
	records, err := t.RecordsNow(ctx, g, b)
	if err != nil {
		return nil, err
	}
	var uids []state.UID
	for _, d := range list {
		rec := plan.RecordAt(records, d.UID)
		left := rec.Status == state.OnlyHere || rec.Status == state.Archived || rec.Status == state.Released
		if !left || !fresh[rec.Size] {
			continue
		}
		if k := match.ContentOf(rec); known[k] > 0 {
			known[k]--
			continue
		}
		id, err := t.messageID(ctx, row, g, d, rec)
		if err != nil {
			return nil, err
		}
		uids = append(uids, d.UID)
		all = append(all, inTheTrash{Candidate: match.Candidate{Size: rec.Size, Date: rec.Date, MessageID: match.ShortID(id)}})
	}
	if len(all) == 0 {
		return nil, nil
	}
	proofs, err := t.Base.Proofs(ctx, g.ID, uids)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	for i, uid := range uids {
		all[i].proof = proofs[uid]
		all[i].Digest = all[i].proof.Digest
	}
	return all, nil
}

// messageID reads the Message-ID of a message from its file, where that can be read; else "".
func (t *trash) messageID(ctx context.Context, row *state.MailboxRow, g *state.Generation, d state.Departure, rec state.Record) (string, error) {
	in, root, at := t.Tree, "", row.Path
	if rec.Status == state.Archived {
		if t.Release == nil || t.Release.Folder == nil {
			return "", nil
		}
		tree, err := t.folder.Root(d.Root, false)
		if err != nil {
			return "", nil // not mounted: its bytes decide
		}
		in, root, at = tree, d.Root, d.Path
	}
	md, err := in.Open(at)
	if err != nil {
		return "", port.Ignore(err)
	}
	key := place{root, at, g.Token}
	if t.scans[key] == nil {
		if t.scans[key], err = md.Scan(ctx, g.Token, nil, state.NewKeywords(row.Keywords)); err != nil {
			return "", port.Ignore(err)
		}
	}
	name, there := plan.NameIn(t.scans[key], d.UID, max(1, rec.Variant))
	if !there {
		return "", nil
	}
	id, err := md.Ident(name)
	return id.MessageID, port.Ignore(err)
}

// pair notes what is found as kept away. A message that was not found may still prove by its
// bytes to be one that is fetched: then that is not delivered either.
func (t *trash) pair(sought []match.Sought, meant []inTheTrash, c *state.Commit) {
	plain := make([]match.Candidate, len(meant))
	for i, m := range meant {
		plain[i] = m.Candidate
	}
	used := map[int]bool{}
	for i, n := range match.Tie(sought, plain, false) {
		if n < 0 || sought[i].Size != meant[n].Size {
			continue
		}
		used[n] = true
		rec := t.b.Record(sought[i].UID)
		rec.Status, rec.Agreed = state.KeptAway, rec.Seen
		c.Put = append(c.Put, rec)
		if p := meant[n].proof; p.UID != 0 {
			p.UID = rec.UID
			c.Proofs = append(c.Proofs, p)
		}
	}
	for i, m := range meant {
		if used[i] || m.proof.UID == 0 {
			continue
		}
		s := &mailbox.Candidate{Candidate: match.Candidate{Size: m.Size, Date: m.Date, Digest: m.proof.Digest, Fileless: true}, Known: true, Bytes: m.proof.Bytes}
		s.Rec = state.Record{Status: state.KeptAway, Size: m.Size, Date: m.Date}
		t.b.Tie.Candidates = append(t.b.Tie.Candidates, s)
	}
}
