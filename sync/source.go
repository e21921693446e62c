package sync

import (
	"context"
	"fmt"

	"mailsync/state"
)

// source is the file of a message whose bytes came from the server, to be linked into
// another mailbox.
type source struct {
	of      copyOf
	md      Maildir
	path    string
	name    string
	proof   state.Proof
	arrived bool // in this run
}

// store is a Maildir that this run did not have to scan, and its names.
type store struct {
	md   Maildir
	disk *state.DiskSnapshot
}

// sourcesOf returns, for each message of a mailbox, the files that the server says are the
// same message.
func (r *run) sourcesOf(ctx context.Context, box int, ops []Op, ids map[state.UID]state.Ident) (map[state.UID][]source, error) {
	groups := map[state.UID][]Alike{}
	asked := map[int][]state.UID{}
	for _, o := range ops {
		if _, told := ids[o.UID]; !told {
			continue
		}
		for _, a := range alikeTo(r.groups, bySizeAndDate(o.Size, o.Date, "")) {
			if a.Box != box && (a.gives() || r.boxes[a.Box].arrived[a.UID] != "") {
				groups[o.UID] = append(groups[o.UID], a)
				asked[a.Box] = append(asked[a.Box], a.UID)
			}
		}
	}
	proofs := map[int]map[state.UID]state.Proof{}
	for i, uids := range asked {
		var err error
		if proofs[i], err = r.named(ctx, r.boxes[i], uids); err != nil {
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
func (r *run) named(ctx context.Context, b *box, uids []state.UID) (map[state.UID]state.Proof, error) {
	gen := b.gen().ID
	proofs, err := r.Base.Proofs(ctx, gen, uids)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	var ask []state.UID
	for uid, p := range proofs {
		if p.ByServer && p.EmailID == "" && (b.records == nil || b.record(uid).Status.OnServer()) {
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
	if err := r.commitTo(ctx, c, "commit %s: what the server calls %d messages", b.name, len(c.Proofs)); err != nil {
		return nil, err
	}
	return proofs, nil
}

// fileAlike finds the file of a message that is here, also in a mailbox that this run had no
// need to look at. One that cannot be found is fetched.
func (r *run) fileAlike(ctx context.Context, a Alike) (source, bool) {
	b := r.boxes[a.Box]
	s := source{of: copyOf{b, a.UID}, path: b.row.Path}
	if name := b.arrived[a.UID]; name != "" {
		s.md, s.name, s.arrived = b.md, name, true
		return s, true
	}
	st := r.storeOf(ctx, b)
	if st.disk == nil {
		return s, false
	}
	name, there := nameIn(st.disk, a.UID, a.Variant)
	s.md, s.name = st.md, name
	return s, there
}

// storeOf opens a Maildir and reads its names, once a run.
func (r *run) storeOf(ctx context.Context, b *box) *store {
	if b.md != nil {
		return &store{b.md, b.disk}
	}
	if st := r.stores[b]; st != nil {
		return st
	}
	st := &store{}
	if r.stores == nil {
		r.stores = map[*box]*store{}
	}
	r.stores[b] = st
	var err error
	if st.md, err = r.Tree.Open(b.row.Path); err != nil {
		return st
	}
	st.disk, _ = st.md.Scan(ctx, b.gen().Token, nil, state.NewKeywords(b.row.Keywords))
	return st
}
