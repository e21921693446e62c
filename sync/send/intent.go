package send

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// Resolve settles what earlier appends and moves left open, because the run broke off or the
// server told no UID: each message is looked for among those that came since. One that was
// never answered is sent again where a complete listing lacks it; one that the server
// confirmed never is, its file waits for it. It returns how many such there are; with final they
// are reported.
func (r *Run) Resolve(ctx context.Context, b *mailbox.Box, final bool) (missing int, err error) {
	if r.DryRun {
		return 0, nil
	}
	intents, err := r.Intents(ctx, b, state.Appending, state.Moving, state.PuttingBack)
	if err != nil || len(intents) == 0 {
		return 0, err
	}
	slices.SortStableFunc(intents, func(x, y state.Intent) int { return cmp.Compare(x.UIDNext, y.UIDNext) })
	s := &Searching{Run: r, B: b}
	if err := s.look(ctx, intents); err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	files := s.pair(intents)
	became, err := s.Messages(ctx, intents, files, final)
	if err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	var found []Outgoing
	var now, c state.Commit
	for _, in := range intents {
		f, here := files[in.Key]
		uid := cmp.Or(in.UID, became[in.Key])
		_, listed := b.Find(uid)
		switch {
		case here && !listed && (b.Server != nil && !b.Server.Complete || s.dark[in.Key]):
			b.Hold(f.Name)
		case !here && (!b.Disk.Still || s.unread[plan.Bare(in.Key.File())]):
			if in.UID == 0 { // fetched now, its message would not be looked for any more
				return missing, fmt.Errorf("a mail program keeps renaming %q, which was appended: the next run looks for its message", in.Key.Name)
			}
			b.Hold(in.Key.File()) // where its file is, or that there is none, the next run sees
		case here && uid != 0:
			f.Got.UID, f.Got.Flags, f.agreed, f.lost = uid, in.Flags, in.Agreed, !listed
			found = append(found, f)
			if in.UID == 0 { // once the file has its identity, this tells that it is the one that was sent
				in.UID = uid
				now.Intents = append(now.Intents, in)
			}
		case !here && uid != 0 && went(b, in.Key, uid):
			// The file went before it was tied: whoever removed or moved it meant this message.
			// As of one that has its record, the scan sees that it is gone, and the policy decides.
			rec := b.Record(uid)
			rec.Status, rec.Variant, rec.Agreed = state.Live, 1, rec.Seen
			c.Put = append(c.Put, rec)
			c.Proofs = append(c.Proofs, state.Proof{UID: uid, Digest: in.Digest, Bytes: in.Bytes})
			c.Settle = append(c.Settle, in.Key)
		case here && in.Confirmed && (b.Sent.Has(in.Key) || !r.Anyway):
			b.Hold(f.Name)
			missing++
			if in.Key.Kind == state.Moving { // it may have gone on to another mailbox
				b.Expect(f.Name, in.Key)
			} else if final {
				if err := r.LostThere(b, in.Key, 0, f.Name); err != nil {
					return missing, err
				}
			}
		default: // it never came, or there is no file to tie to it any more
			if here && !in.Confirmed {
				b.SendLast(f.Name)
			}
			c.Settle = append(c.Settle, in.Key)
		}
	}
	if err := r.Commit(ctx, b, now); err != nil {
		return missing, err
	}
	if err := r.Tie(ctx, b, found); err != nil {
		return missing, err
	}
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.Commit(ctx, b, c); err != nil || len(found) == 0 {
		return missing, err
	}
	return missing, r.ReadDisk(ctx, b)
}

// went reports whether nothing is left of a file that was appended as a message: neither the
// message's own, nor one under the file's name that was written anew meanwhile.
func went(b *mailbox.Box, key state.IntentKey, uid state.UID) bool {
	if _, tied := plan.NameIn(b.Disk, uid, 1); tied || key.Kind == state.PuttingBack || b.Record(uid).Status.HasFile() {
		return false
	}
	return !slices.ContainsFunc(b.Disk.Foreign, func(f state.Foreign) bool { return plan.Bare(f.Name) == plan.Bare(key.Name) })
}

// Searching is the search for the messages of open intents.
type Searching struct {
	*Run
	B      *mailbox.Box
	files  map[[state.DigestSize]byte][]Outgoing // that no message on the server is known to be, by what would be sent
	unread map[string]bool                       // bare names of those that were gone, or had another name, when they were to be read
	came   []match.Newcomer
	dark   map[state.IntentKey]bool // keys of intents whose message may be one that could not be read
}

// look reads the files that may be meant, and asks the server about the messages.
func (s *Searching) look(ctx context.Context, intents []state.Intent) error {
	s.files, s.unread = map[[state.DigestSize]byte][]Outgoing{}, map[string]bool{}
	for _, f := range append(s.B.OnlyHere(), s.B.Strangers(s.B.Disk)...) {
		if f.Size >= 0 && !slices.ContainsFunc(intents, func(in state.Intent) bool { return in.Bytes == f.Size }) {
			continue
		}
		got, err := s.B.MD.Inspect(f.Name, nil)
		if errors.Is(err, fs.ErrNotExist) {
			s.unread[plan.Bare(f.Name)] = true
			continue
		}
		if err != nil {
			return err
		}
		out := Outgoing{Name: f.Name, Got: got}
		out.Own()
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
	return s.asking(ctx, func(rec state.Record) bool { return uint64(rec.UID) >= uint64(lowest) })
}

// asking asks the server who those of the messages are that are not here yet.
func (s *Searching) asking(ctx context.Context, which func(state.Record) bool) error {
	var uids []state.UID
	for _, rec := range s.B.Records {
		if rec.Status == state.Outstanding && which(rec) {
			uids = append(uids, rec.UID)
			s.came = append(s.came, match.Newcomer{Uid: rec.UID, Size: rec.Size, Date: rec.Date})
		}
	}
	if len(uids) == 0 {
		return nil
	}
	idents, err := s.Server.Idents(ctx, s.B.Listed.Raw, s.B.Gen().Mark.UIDValidity, uids)
	for _, id := range idents { // a server may tell nothing of some
		if i, ok := slices.BinarySearch(uids, id.UID); ok {
			s.came[i].MessageID = id.MessageID
		}
	}
	return err
}

// lookBack reads the files that an undo of an archive run was putting back, and those that
// had got the identity of their new message, of which nothing is recorded yet.
func (s *Searching) lookBack(intents []state.Intent) error {
	for _, in := range intents {
		for _, as := range []struct {
			uid    state.UID
			status state.Status
		}{{plan.Undone(in.Key), state.OnlyHere}, {in.UID, state.Outstanding}} {
			rec := s.B.Record(as.uid)
			name, there := plan.NameIn(s.B.Disk, as.uid, max(1, rec.Variant))
			if as.uid == 0 || !there || rec.Status != as.status {
				continue
			}
			got, err := s.B.MD.Inspect(name, nil)
			if err != nil {
				return err
			}
			s.files[got.Digest] = append(s.files[got.Digest], Outgoing{Name: name, Got: got, Key: in.Key})
			break
		}
	}
	return nil
}

// pair finds the file of each intent: the one that has its name still, else another one
// of the same bytes. Each is used once.
func (s *Searching) pair(intents []state.Intent) map[state.IntentKey]Outgoing {
	files := map[state.IntentKey]Outgoing{}
	for _, byName := range []bool{true, false} {
		for _, in := range intents {
			if _, done := files[in.Key]; done {
				continue
			}
			left := s.files[in.Digest]
			i := slices.IndexFunc(left, func(f Outgoing) bool { return !byName || in.Key.File() == f.Name || in.Key == f.Key })
			if i < 0 {
				continue
			}
			f := left[i]
			f.Key = in.Key
			files[in.Key], s.files[in.Digest] = f, slices.Delete(left, i, i+1)
		}
	}
	return files
}

// Messages finds the messages that intents became, by key. With final all that came is shown by now.
func (s *Searching) Messages(ctx context.Context, intents []state.Intent, files map[state.IntentKey]Outgoing, final bool) (map[state.IntentKey]state.UID, error) {
	var keys []state.IntentKey
	var sent []match.Dispatched
	for _, in := range intents {
		f, here := files[in.Key]
		if in.UID != 0 || !here {
			continue
		}
		file, err := s.B.MD.Ident(f.Name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, in.Key)
		sent = append(sent, match.Dispatched{Next: in.UIDNext, Bytes: in.Bytes, Date: f.Got.Date, MessageID: file.MessageID, Confirmed: in.Confirmed})
	}
	least := match.AlikeBody // the message may be one that is not shown yet
	if final {
		least = match.AlikeHeader
	}
	to, err := match.PairSent(ctx, s.Server, s.B.Listed.Raw, s.B.Gen().Mark, sent, s.came, least, func(i int) (*match.Sums, error) {
		f := files[keys[i]]
		return match.SumsOfFile(s.B.MD, f.Name, f.Got.Form)
	})
	if err != nil {
		return nil, err
	}
	became := map[state.IntentKey]state.UID{}
	s.dark = map[state.IntentKey]bool{}
	for i, k := range to {
		if k >= 0 {
			became[keys[i]] = s.came[k].Uid
			continue
		}
		s.dark[keys[i]] = slices.ContainsFunc(match.Undecided(sent[i:i+1], s.came, to[i:i+1]), func(k int) bool {
			return s.came[k].Sums == nil && !slices.Contains(to, k)
		})
	}
	return became, nil
}
