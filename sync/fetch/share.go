package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// link is a message whose file was linked into a mailbox.
type link struct {
	of mailbox.CopyOf
	to *mailbox.Box
}

// shareBatch is how many messages are asked about, linked and committed at once.
const shareBatch = 500

// Share links what waits, now that what it waited for was fetched. What has another EMAILID on the server,
// or no intact file here, is left to be fetched as any other. more reports whether there is such a message.
func (r *Run) Share(ctx context.Context) (more bool, err error) {
	for i, b := range r.Boxes {
		var links []plan.Op
		b.Ops.Without(func(o plan.Op) bool {
			link := o.Kind == plan.OpLink && o.From != ""
			if link {
				links = append(links, o)
			}
			return link || o.Kind == plan.OpFetch // that was done
		})
		var left []plan.Op
		for batch := range slices.Chunk(links, shareBatch) {
			others := batch
			if !b.Failed && !r.Stopped() && ctx.Err() == nil {
				if others, err = r.shareBatch(ctx, i, batch); err != nil {
					b.Fail()
					if err := r.Problem(b.Name, 0, fmt.Errorf("link messages that are in other mailboxes, too: %w", err)); err != nil {
						return false, err
					}
				}
			}
			left = append(left, others...)
		}
		for k := range left {
			left[k].Kind, left[k].From = plan.OpFetch, ""
		}
		more = more || len(left) > 0
		b.Ops.Add(left...)
		b.Ops.Sort()
	}
	return more, ctx.Err()
}

// shareBatch links those of some messages of a mailbox that have the EMAILID of one that is
// here, and returns the others. As with what is fetched, the files are durable before their records.
func (r *Run) shareBatch(ctx context.Context, box int, ops []plan.Op) (left []plan.Op, err error) {
	b := r.Boxes[box]
	ids, err := r.identsAbout(ctx, b, mailbox.UIDsOf(ops))
	if err != nil {
		return ops, err
	}
	sources, err := r.sourcesOf(ctx, box, ops, ids)
	if err != nil {
		return ops, err
	}
	b.Bodies.Pulling = true
	defer func() { b.Bodies.Pulling = false }()
	var c state.Commit
	var found []state.UID
	for _, o := range ops {
		linked := false
		for _, s := range sources[o.UID] {
			if r.given[link{s.of, b}] {
				continue // two messages of one Maildir share no file
			}
			rec, placed, err := r.linkFrom(ctx, b, o, s, ids[o.UID].MessageID)
			if err != nil {
				return ops, err
			}
			if linked = placed.Name != ""; !linked {
				continue
			}
			r.given[link{s.of, b}] = true
			c.Put = append(c.Put, rec)
			c.Proofs = append(c.Proofs, state.Proof{UID: o.UID, Digest: s.proof.Digest, Bytes: s.proof.Bytes, EmailID: s.proof.EmailID})
			if placed.Found {
				found = append(found, o.UID)
			}
			break
		}
		if !linked {
			left = append(left, o)
		}
	}
	if len(c.Put) == 0 {
		return left, nil
	}
	if err := r.SyncDirs(b); err != nil {
		return ops, err
	}
	if err := r.DateProofs(ctx, b, c.Proofs, found); err != nil {
		return ops, err
	}
	if err := r.Commit(ctx, b, c); err != nil {
		return ops, err
	}
	for _, rec := range c.Put {
		r.Did(b, port.Linked, rec.UID, 0)
	}
	r.Planned(len(c.Put), 0)
	r.Arrived(len(c.Put), 0)
	return left, nil
}

// linkFrom gives a message the file of one with the same EMAILID, if that is intact:
// it has the bytes that the server sent, the date of both, and the Message-ID that this one has
// on the server. The place is empty where it is not.
func (r *Run) linkFrom(ctx context.Context, b *mailbox.Box, o plan.Op, s source, messageID string) (rec state.Record, placed state.Placed, err error) {
	file, err := s.md.Inspect(s.name, &s.proof)
	if err != nil || !s.proof.Proves(&file) || file.Bytes != o.Size || file.Date != o.Date {
		return rec, placed, nil
	}
	if id, err := s.md.Ident(s.name); err != nil || id.MessageID != messageID {
		return rec, placed, nil
	}
	if known, _, err := r.tie.AlreadyHere(ctx, b, file); known != nil || err != nil {
		return rec, placed, err // it is tied to that once it was fetched
	}
	if err := r.Step("link %s of %s to uid %d of %s", s.name, s.path, o.UID, b.Name); err != nil {
		return rec, placed, err
	}
	as := file
	as.Incoming = state.Incoming{UID: o.UID, Variant: max(1, o.Variant), Token: b.Gen().Token, Date: o.Date,
		Size: file.Bytes, Flags: r.firstFlags(b, o.Flags)}
	as.Fresh, as.Durable = true, s.arrived
	as.Confirmed = false // no bytes of this message were ever compared with it
	b.Wrote = true
	placed, err = b.MD.Link(s.path, s.name, as, b.KW)
	if err != nil {
		if state.KindOf(err) != state.Storage {
			err = nil // its file is gone, or other bytes have this identity: fetching it finds out
		}
		return rec, state.Placed{}, err
	}
	rec = b.Record(o.UID)
	rec.Status, rec.Tries, rec.Variant, rec.Form = state.Live, 0, as.Variant, file.Form
	rec.Seen, rec.Date = o.Flags, o.Date
	rec.Agreed = plan.Agreement(rec.Seen&placed.Flags, rec.Seen, placed.Flags)
	if placed.Found { // what it carries beyond the server's flags is merged in the next run
		b.Leave(mailbox.Unmerged)
	}
	return rec, placed, nil
}

// identsAbout asks the server what identifies messages. Those of which it does not answer that are
// fetched; it is not a failure.
func (r *Run) identsAbout(ctx context.Context, b *mailbox.Box, uids []state.UID) (map[state.UID]state.Ident, error) {
	idents, err := r.Server.Idents(ctx, b.Listed.Raw, b.Gen().Mark.UIDValidity, uids)
	if err != nil && (port.Ends(err) || ctx.Err() != nil) {
		return nil, errors.Join(err, ctx.Err())
	}
	ids := make(map[state.UID]state.Ident, len(idents))
	for _, id := range idents {
		if id.EmailID != "" && id.MessageID != "" {
			ids[id.UID] = id
		}
	}
	return ids, nil
}

// source is the file of a message whose bytes came from the server, to be linked into
// another mailbox.
type source struct {
	of      mailbox.CopyOf
	md      port.Maildir
	path    string
	name    string
	proof   state.Proof
	arrived bool // in this run
}

// sourcesOf returns, for each message of a mailbox, the files of messages with the same EMAILID.
func (r *Run) sourcesOf(ctx context.Context, box int, ops []plan.Op, ids map[state.UID]state.Ident) (map[state.UID][]source, error) {
	groups := map[state.UID][]match.Alike{}
	asked := map[int][]state.UID{}
	for _, o := range ops {
		if _, known := ids[o.UID]; !known {
			continue
		}
		for _, a := range match.AlikeTo(r.groups, match.BySizeAndDate(o.Size, o.Date, "")) {
			if a.Box != box && (a.Gives() || r.Boxes[a.Box].Bodies.Arrived[a.UID] != "") {
				groups[o.UID] = append(groups[o.UID], a)
				asked[a.Box] = append(asked[a.Box], a.UID)
			}
		}
	}
	proofs := map[int]map[state.UID]state.Proof{}
	for i, uids := range asked {
		var err error
		if proofs[i], err = r.named(ctx, r.Boxes[i], uids); err != nil {
			return nil, err
		}
	}
	sources := map[state.UID][]source{}
	for uid, group := range groups {
		for _, a := range group {
			p := proofs[a.Box][a.UID]
			if p.EmailID != ids[uid].EmailID || !p.ByServer || p.Bytes != a.Size {
				continue
			}
			if s, ok := r.fileAlike(ctx, a); ok {
				s.proof = p
				sources[uid] = append(sources[uid], s)
			}
		}
	}
	return sources, nil
}

// named returns what is proven of messages, with their EMAILIDs. The server is asked for those
// that are not recorded yet, and they are recorded.
func (r *Run) named(ctx context.Context, b *mailbox.Box, uids []state.UID) (map[state.UID]state.Proof, error) {
	gen := b.Gen().ID
	proofs, err := r.Base.Proofs(ctx, gen, uids)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	var ask []state.UID
	for uid, p := range proofs {
		if p.ByServer && p.EmailID == "" && (b.Records == nil || b.Record(uid).Status.OnServer()) {
			ask = append(ask, uid)
		}
	}
	if len(ask) == 0 {
		return proofs, nil
	}
	ids, err := r.identsAbout(ctx, b, ask)
	if err != nil {
		return nil, err
	}
	c := state.Commit{Gen: gen}
	for uid, id := range ids {
		p := proofs[uid]
		p.EmailID = id.EmailID
		proofs[uid] = p
		c.Proofs = append(c.Proofs, p)
	}
	if c.Empty() {
		return proofs, nil
	}
	if err := r.CommitTo(ctx, c, "commit %s: what the server calls %d messages", b.Name, len(c.Proofs)); err != nil {
		return nil, err
	}
	return proofs, nil
}

// fileAlike finds the file of a message that is here, also in a mailbox that this run had no
// need to look at. One that cannot be found is fetched.
func (r *Run) fileAlike(ctx context.Context, a match.Alike) (source, bool) {
	b := r.Boxes[a.Box]
	s := source{of: mailbox.CopyOf{Box: b, UID: a.UID}, path: b.Row.Path}
	if name := b.Bodies.Arrived[a.UID]; name != "" {
		s.md, s.name, s.arrived = b.MD, name, true
		return s, true
	}
	st := r.storeOf(ctx, b)
	if st == nil {
		return s, false
	}
	name, there := plan.NameIn(st.Disk, a.UID, a.Variant)
	s.md, s.name = st.Maildir, name
	return s, there
}

// storeOf opens a Maildir and reads its names, once a run. One that cannot be read is nil.
func (r *Run) storeOf(ctx context.Context, b *mailbox.Box) *mailbox.Scanned {
	if b.MD != nil {
		if b.Disk == nil {
			return nil
		}
		return &mailbox.Scanned{Maildir: b.MD, Disk: b.Disk}
	}
	if st, known := r.stores[b]; known {
		return st
	}
	r.stores[b] = nil
	md, err := r.Tree.Open(b.Row.Path)
	if err != nil {
		return nil
	}
	disk, err := md.Scan(ctx, b.Gen().Token, nil, state.NewKeywords(b.Row.Keywords))
	if err == nil {
		r.stores[b] = &mailbox.Scanned{Maildir: md, Disk: disk}
	}
	return r.stores[b]
}
