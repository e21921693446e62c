package send

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/match"
	"mailsync/sync/plan"
)

// searching is the search for the messages of open intents.
type searching struct {
	*Run
	b      *mailbox.Box
	files  map[[state.DigestSize]byte][]Outgoing // that no known message on the server is, by what would be sent
	unread map[string]bool                       // bare names of those that were removed or renamed before they were read
	newer  []match.Newcomer
	unsure map[state.IntentKey]bool // keys of intents of which the message may be one that could not be read
}

// look reads the files that may be meant, and asks the server about the messages.
func (s *searching) look(ctx context.Context, intents []state.Intent) error {
	s.files, s.unread = map[[state.DigestSize]byte][]Outgoing{}, map[string]bool{}
	for _, f := range append(s.b.OnlyHere(), s.b.FilesOfOthers(s.b.Disk)...) {
		if f.Size >= 0 && !slices.ContainsFunc(intents, func(in state.Intent) bool { return in.Bytes == f.Size }) {
			continue
		}
		got, err := s.b.MD.Inspect(f.Name, nil)
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

// asking asks the server for the Message-IDs of those of the messages that are not here yet.
func (s *searching) asking(ctx context.Context, which func(state.Record) bool) error {
	var uids []state.UID
	for _, rec := range s.b.Records {
		if rec.Status == state.Outstanding && which(rec) {
			uids = append(uids, rec.UID)
			s.newer = append(s.newer, match.Newcomer{UID: rec.UID, Size: rec.Size, Date: rec.Date})
		}
	}
	if len(uids) == 0 {
		return nil
	}
	idents, err := s.Server.Idents(ctx, s.b.Listed.Raw, s.b.Gen().Mark.UIDValidity, uids)
	for _, id := range idents { // a server may leave some out
		if i, ok := slices.BinarySearch(uids, id.UID); ok {
			s.newer[i].MessageID = id.MessageID
		}
	}
	return err
}

// FindBack finds the messages that another client put back on the server already, of files that are to be sent, by the
// keys of their intents.
func (r *Run) FindBack(ctx context.Context, b *mailbox.Box, batch []*Outgoing) (map[state.IntentKey]state.UID, error) {
	sizes, files := map[int64]bool{}, map[state.IntentKey]Outgoing{}
	var intents []state.Intent
	for _, f := range batch {
		sizes[f.Got.Bytes] = true
		files[f.Key] = *f
		intents = append(intents, state.Intent{Key: f.Key, Bytes: f.Got.Bytes, Digest: f.Got.Digest})
	}
	s := &searching{Run: r, b: b}
	err := s.asking(ctx, func(rec state.Record) bool {
		_, here := b.FileOf(rec.UID, max(1, rec.Variant))
		return sizes[rec.Size] && !here
	})
	if err != nil {
		return nil, err
	}
	return s.messages(ctx, intents, files, false)
}

// lookBack reads the files that an undo of an archive run was putting back, and those that have
// the identity of their new message already, without a record.
func (s *searching) lookBack(intents []state.Intent) error {
	for _, in := range intents {
		for _, as := range []struct {
			uid    state.UID
			status state.Status
		}{{plan.Undone(in.Key), state.OnlyHere}, {in.UID, state.Outstanding}} {
			rec := s.b.Record(as.uid)
			name, there := plan.NameIn(s.b.Disk, as.uid, max(1, rec.Variant))
			if as.uid == 0 || !there || rec.Status != as.status {
				continue
			}
			got, err := s.b.MD.Inspect(name, nil)
			if err != nil {
				return err
			}
			s.files[got.Digest] = append(s.files[got.Digest], Outgoing{Name: name, Got: got, Key: in.Key})
			break
		}
	}
	return nil
}

// pair finds the file of each intent: the one that still has its name, else another one
// of the same bytes. Each is used once.
func (s *searching) pair(intents []state.Intent) map[state.IntentKey]Outgoing {
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

// messages finds the messages that intents became, by key. With final all messages are shown by now.
func (s *searching) messages(ctx context.Context, intents []state.Intent, files map[state.IntentKey]Outgoing, final bool) (map[state.IntentKey]state.UID, error) {
	var keys []state.IntentKey
	var sent []match.Dispatched
	for _, in := range intents {
		f, here := files[in.Key]
		if in.UID != 0 || !here {
			continue
		}
		file, err := s.b.MD.Ident(f.Name)
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
	to, err := match.PairSent(ctx, s.Server, s.b.Listed.Raw, s.b.Gen().Mark, sent, s.newer, least, func(i int) (*match.Sums, error) {
		f := files[keys[i]]
		return match.SumsOfFile(s.b.MD, f.Name, f.Got.Form)
	})
	if err != nil {
		return nil, err
	}
	became := map[state.IntentKey]state.UID{}
	s.unsure = map[state.IntentKey]bool{}
	for i, k := range to {
		if k >= 0 {
			became[keys[i]] = s.newer[k].UID
			continue
		}
		s.unsure[keys[i]] = slices.ContainsFunc(match.Undecided(sent[i:i+1], s.newer, to[i:i+1]), func(k int) bool {
			return s.newer[k].Sums == nil && !slices.Contains(to, k)
		})
	}
	return became, nil
}
