package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mailsync/state"
)

// resolve settles what earlier appends left open, because the run broke off or the server
// told no UID: each message is looked for among those that came since, and appended again
// only where a complete listing lacks it. Equal messages are counted: each is found once.
func (r *run) resolve(ctx context.Context, b *box) error {
	if r.DryRun || b.gen().ID == 0 {
		return nil
	}
	intents, err := r.Base.Intents(ctx, b.gen().ID)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	intents = slices.DeleteFunc(intents, isTrashing) // knowTrashed settles those
	if len(intents) == 0 {
		return nil
	}
	slices.SortFunc(intents, func(x, y state.Intent) int {
		return cmp.Or(cmp.Compare(x.UIDNext, y.UIDNext), cmp.Compare(x.Key, y.Key))
	})
	s := &searching{run: r, b: b, used: map[state.UID]bool{}}
	if err := s.look(ctx, intents); err != nil {
		return fmt.Errorf("look for what was appended: %w", err)
	}
	var found []outgoing
	var c state.Commit
	files := s.pair(intents)
	for _, in := range intents {
		f, here := files[in.Key]
		uid, err := s.message(ctx, in, f, here)
		if err != nil {
			return fmt.Errorf("look for what was appended: %w", err)
		}
		_, listed := b.find(uid)
		switch {
		case here && !listed && b.server != nil && !b.server.Complete:
			b.hold(f.name)
		case !here && (!b.disk.Still || s.unread[bare(in.Key)]):
			if in.UID == 0 { // fetched now, its message would not be looked for any more
				return fmt.Errorf("a mail program keeps renaming %q, which was appended: the next run looks for its message", in.Key)
			}
			b.hold(in.Key) // where its file is, or that there is none, the next run sees
		case here && uid != 0:
			f.got.UID, f.got.Flags, f.lost = uid, in.Flags, !listed
			found = append(found, f)
		case !here && uid != 0 && b.went(in.Key, uid):
			// The file went before it was tied: whoever removed or moved it meant this message.
			// As of one that has its record, the scan sees that it is gone, and the policy decides.
			rec := b.record(uid)
			rec.Status, rec.Variant, rec.Agreed = state.Live, 1, rec.Seen
			c.Put = append(c.Put, rec)
			c.Proofs = append(c.Proofs, state.Proof{UID: uid, Digest: in.Digest, Bytes: in.Bytes})
			c.Settle = append(c.Settle, in.Key)
		default: // it never came, or there is no file to tie to it any more
			c.Settle = append(c.Settle, in.Key)
		}
	}
	if err := r.tie(ctx, b, found); err != nil {
		return err
	}
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.commit(ctx, b, c); err != nil || len(found) == 0 {
		return err
	}
	return r.readDisk(ctx, b)
}

// went reports whether nothing is left of a file that was appended as a message: neither the
// message's own, nor one under the file's name that was written anew meanwhile.
func (b *box) went(key string, uid state.UID) bool {
	if _, tied := nameIn(b.disk, uid, 1); tied || undone(key) != 0 || b.record(uid).Status.HasFile() {
		return false
	}
	return !slices.ContainsFunc(b.disk.Foreign, func(f state.Foreign) bool { return bare(f.Name) == bare(key) })
}

// bare is a file's name without its folder and its flags, which a mail program may change.
func bare(name string) string {
	base := path.Base(name)
	for _, info := range []string{":2,", ";2,", "!2,", "\uf03a2,"} {
		base, _, _ = strings.Cut(base, info)
	}
	return base
}

// hold keeps a file from being appended in this run, whatever flags it has by then.
func (b *box) hold(name string) {
	if b.held == nil {
		b.held = map[string]bool{}
	}
	b.held[bare(name)] = true
	b.undone = true
}

// searching is the search for the messages of open intents.
type searching struct {
	*run
	b      *box
	files  map[[state.DigestSize]byte][]outgoing // that no message on the server is known to be, by what would be sent
	unread map[string]bool                       // bare names of those that were gone, or had another name, when they were to be read
	idents map[state.UID]state.Ident
	used   map[state.UID]bool
	sums   map[state.UID][state.DigestSize]byte // of bodies that had to be fetched to tell
}

// look reads the files that may be meant, and asks the server about the messages.
func (s *searching) look(ctx context.Context, intents []state.Intent) error {
	s.files, s.unread = map[[state.DigestSize]byte][]outgoing{}, map[string]bool{}
	for _, f := range append(s.b.onlyHere(), s.b.strangers(s.b.disk)...) {
		if f.Size >= 0 && !slices.ContainsFunc(intents, func(in state.Intent) bool { return in.Bytes == f.Size }) {
			continue
		}
		got, err := s.b.md.Inspect(f.Name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			s.unread[bare(f.Name)] = true
			continue
		}
		if err != nil {
			return err
		}
		out := outgoing{name: f.Name, got: got}
		out.own()
		s.files[got.Digest] = append(s.files[got.Digest], out)
	}
	if err := s.lookBack(intents); err != nil {
		return err
	}
	lowest := ^uint32(0)
	for _, in := range intents {
		if in.UID == 0 {
			lowest = min(lowest, in.UIDNext)
		}
	}
	var uids []state.UID
	for _, rec := range s.b.records {
		if uint64(rec.UID) >= uint64(lowest) && rec.Status == state.Outstanding {
			uids = append(uids, rec.UID)
		}
	}
	s.idents = map[state.UID]state.Ident{}
	if len(uids) == 0 {
		return nil
	}
	idents, err := s.Server.Idents(ctx, s.b.listed.Raw, s.b.gen().Mark.UIDValidity, uids)
	for _, uid := range uids {
		s.idents[uid] = state.Ident{UID: uid} // a server may tell nothing of it
	}
	for _, id := range idents {
		s.idents[id.UID] = id
	}
	return err
}

// lookBack reads the files that an undo of an archive run was putting back, and those that
// had got the identity of their new message, of which nothing is recorded yet.
func (s *searching) lookBack(intents []state.Intent) error {
	for _, in := range intents {
		uid, status := undone(in.Key), state.OnlyHere
		if uid == 0 {
			uid, status = in.UID, state.Outstanding
		}
		rec := s.b.record(uid)
		name, there := nameIn(s.b.disk, uid, max(1, rec.Variant))
		if uid == 0 || !there || rec.Status != status {
			continue
		}
		got, err := s.b.md.Inspect(name, nil)
		if err != nil {
			return err
		}
		s.files[got.Digest] = append(s.files[got.Digest], outgoing{name: name, got: got, key: in.Key})
	}
	return nil
}

// strangers are the files of a box's Maildir that carry the token of another mailbox.
func (b *box) strangers(disk *state.DiskSnapshot) []state.Foreign {
	return slices.DeleteFunc(slices.Clone(disk.Foreign), func(f state.Foreign) bool { return !b.strange(f.Token) })
}

// strange reports whether a token is that of another mailbox's file.
func (b *box) strange(token string) bool {
	return token != "" && !slices.ContainsFunc(b.row.Generations, func(g state.Generation) bool { return g.Token == token })
}

// pair finds the file of each intent: the one that has its name still, else another one
// of the same bytes. Each is used once.
func (s *searching) pair(intents []state.Intent) map[string]outgoing {
	files := map[string]outgoing{}
	for _, byName := range []bool{true, false} {
		for _, in := range intents {
			if _, done := files[in.Key]; done {
				continue
			}
			left := s.files[in.Digest]
			i := slices.IndexFunc(left, func(f outgoing) bool { return !byName || in.Key == f.name || in.Key == f.key })
			if i < 0 {
				continue
			}
			f := left[i]
			f.key = in.Key
			files[in.Key], s.files[in.Digest] = f, slices.Delete(left, i, i+1)
		}
	}
	return files
}

// message is the UID of the message that an intent became, 0 if there is none.
func (s *searching) message(ctx context.Context, in state.Intent, f outgoing, here bool) (state.UID, error) {
	if in.UID != 0 || !here {
		return in.UID, nil
	}
	file, err := s.b.md.Ident(f.name)
	if err != nil {
		return 0, err
	}
	for _, rec := range s.b.records {
		id, there := s.idents[rec.UID]
		if !there || s.used[rec.UID] || uint64(rec.UID) < uint64(in.UIDNext) || id.MessageID != "" && id.MessageID != file.MessageID {
			continue
		}
		told := id.MessageID == file.MessageID
		sized, dated := rec.Size == in.Bytes, rec.Date != state.NoDate && rec.Date == f.got.Date
		same := told && (sized && dated || file.MessageID != "" && (sized || dated))
		if !same && sized {
			sum, err := s.sum(ctx, rec.UID)
			if err != nil {
				return 0, err
			}
			same = sum == in.Digest
		}
		if same {
			s.used[rec.UID] = true
			return rec.UID, nil
		}
	}
	return 0, nil
}

// sum fetches a body to digest it.
func (s *searching) sum(ctx context.Context, uid state.UID) ([state.DigestSize]byte, error) {
	if sum, ok := s.sums[uid]; ok {
		return sum, nil
	}
	w := &digesting{raw: s.b.listed.Raw, mark: s.b.gen().Mark, uids: []state.UID{uid}, turn: newTurn(), sums: map[state.UID]*sums{}}
	if err := errors.Join(s.Server.Fetch(ctx, w), w.err); err != nil {
		return [state.DigestSize]byte{}, err
	}
	if s.sums == nil {
		s.sums = map[state.UID][state.DigestSize]byte{}
	}
	if got := w.sums[uid]; got != nil {
		s.sums[uid] = got.exact
	}
	return s.sums[uid], nil
}
