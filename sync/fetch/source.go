package fetch

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

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

// store is a Maildir that this run did not have to scan, and its names.
type store struct {
	md   port.Maildir
	disk *state.DiskSnapshot
}

// sourcesOf returns, for each message of a mailbox, the files that the server says are the
// same message.
func (r *Run) sourcesOf(ctx context.Context, box int, ops []plan.Op, ids map[state.UID]state.Ident) (map[state.UID][]source, error) {
	groups := map[state.UID][]match.Alike{}
	asked := map[int][]state.UID{}
	for _, o := range ops {
		if _, told := ids[o.UID]; !told {
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

// named returns what is proven of messages, with the words by which the server knows them. It
// is asked for those that are not recorded yet, and they are.
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
	if st.disk == nil {
		return s, false
	}
	name, there := plan.NameIn(st.disk, a.UID, a.Variant)
	s.md, s.name = st.md, name
	return s, there
}

// storeOf opens a Maildir and reads its names, once a run.
func (r *Run) storeOf(ctx context.Context, b *mailbox.Box) *store {
	if b.MD != nil {
		return &store{b.MD, b.Disk}
	}
	if st := r.stores[b]; st != nil {
		return st
	}
	st := &store{}
	if r.stores == nil {
		r.stores = map[*mailbox.Box]*store{}
	}
	r.stores[b] = st
	var err error
	if st.md, err = r.Tree.Open(b.Row.Path); err != nil {
		return st
	}
	st.disk, _ = st.md.Scan(ctx, b.Gen().Token, nil, state.NewKeywords(b.Row.Keywords))
	return st
}
