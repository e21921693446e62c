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

// resolve settles what earlier appends and moves left open, because the run broke off or the
// server told no UID: each message is looked for among those that came since. One that was
// never answered is sent again where a complete listing lacks it; one that the server
// confirmed never is, its file waits for it. It returns how many such there are; with final they
// are reported.
func (r *run) resolve(ctx context.Context, b *box, final bool) (missing int, err error) {
	if r.DryRun || b.gen().ID == 0 {
		return 0, nil
	}
	intents, err := r.Base.Intents(ctx, b.gen().ID)
	if err != nil {
		return 0, fmt.Errorf("read state: %w", err)
	}
	intents = slices.DeleteFunc(intents, func(in state.Intent) bool { return isTrashing(in) || isReplacing(in) }) // settled elsewhere
	if len(intents) == 0 {
		return 0, nil
	}
	slices.SortFunc(intents, func(x, y state.Intent) int {
		return cmp.Or(cmp.Compare(x.UIDNext, y.UIDNext), cmp.Compare(x.Key, y.Key))
	})
	s := &searching{run: r, b: b}
	if err := s.look(ctx, intents); err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	files := s.pair(intents)
	became, err := s.messages(ctx, intents, files, final)
	if err != nil {
		return 0, fmt.Errorf("look for what was appended: %w", err)
	}
	var found []outgoing
	var now, c state.Commit
	for _, in := range intents {
		f, here := files[in.Key]
		uid := cmp.Or(in.UID, became[in.Key])
		_, listed := b.find(uid)
		switch {
		case here && !listed && (b.server != nil && !b.server.Complete || s.dark[in.Key]):
			b.hold(f.name)
		case !here && (!b.disk.Still || s.unread[bare(fileOf(in.Key))]):
			if in.UID == 0 { // fetched now, its message would not be looked for any more
				return missing, fmt.Errorf("a mail program keeps renaming %q, which was appended: the next run looks for its message", fileOf(in.Key))
			}
			b.hold(fileOf(in.Key)) // where its file is, or that there is none, the next run sees
		case here && uid != 0:
			f.got.UID, f.got.Flags, f.agreed, f.lost = uid, in.Flags, in.Agreed, !listed
			found = append(found, f)
			if in.UID == 0 { // once the file has its identity, this tells that it is the one that was sent
				in.UID = uid
				now.Intents = append(now.Intents, in)
			}
		case !here && uid != 0 && b.went(in.Key, uid):
			// The file went before it was tied: whoever removed or moved it meant this message.
			// As of one that has its record, the scan sees that it is gone, and the policy decides.
			rec := b.record(uid)
			rec.Status, rec.Variant, rec.Agreed = state.Live, 1, rec.Seen
			c.Put = append(c.Put, rec)
			c.Proofs = append(c.Proofs, state.Proof{UID: uid, Digest: in.Digest, Bytes: in.Bytes})
			c.Settle = append(c.Settle, in.Key)
		case here && in.Confirmed && (b.sending.has(in.Key) || !r.anyway):
			b.hold(f.name)
			missing++
			if moved(in.Key) { // it may have gone on to another mailbox
				b.expect(f.name, in.Key)
			} else if final {
				if err := r.lostThere(b, in.Key, 0, f.name); err != nil {
					return missing, err
				}
			}
		default: // it never came, or there is no file to tie to it any more
			if here && !in.Confirmed {
				b.sendLast(f.name)
			}
			c.Settle = append(c.Settle, in.Key)
		}
	}
	if err := r.commit(ctx, b, now); err != nil {
		return missing, err
	}
	if err := r.tie(ctx, b, found); err != nil {
		return missing, err
	}
	slices.SortFunc(c.Put, func(x, y state.Record) int { return cmp.Compare(x.UID, y.UID) })
	if err := r.commit(ctx, b, c); err != nil || len(found) == 0 {
		return missing, err
	}
	return missing, r.readDisk(ctx, b)
}

// went reports whether nothing is left of a file that was appended as a message: neither the
// message's own, nor one under the file's name that was written anew meanwhile.
func (b *box) went(key string, uid state.UID) bool {
	if _, tied := nameIn(b.disk, uid, 1); tied || undone(key) != 0 || b.record(uid).Status.HasFile() {
		return false
	}
	return !slices.ContainsFunc(b.disk.Foreign, func(f state.Foreign) bool { return bare(f.Name) == bare(fileOf(key)) })
}

// movedKey begins the key of an intent to move a message to where its file lies.
const movedKey = "move "

func moved(key string) bool { return strings.HasPrefix(key, movedKey) }

// fileOf is the name that the file of an intent had.
func fileOf(key string) string { return strings.TrimPrefix(key, movedKey) }

// bare is a file's name without its folder and its flags, which a mail program may change.
func bare(name string) string {
	base := path.Base(name)
	for _, sep := range state.InfoSeps {
		base, _, _ = strings.Cut(base, sep+"2,")
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

// sendLast has a file sent after all others: an earlier run got no answer for it, and the server does
// not have it.
func (b *box) sendLast(name string) {
	if b.doubtful == nil {
		b.doubtful = map[string]bool{}
	}
	b.doubtful[bare(name)] = true
}

// searching is the search for the messages of open intents.
type searching struct {
	*run
	b      *box
	files  map[[state.DigestSize]byte][]outgoing // that no message on the server is known to be, by what would be sent
	unread map[string]bool                       // bare names of those that were gone, or had another name, when they were to be read
	came   []newcomer
	dark   map[string]bool // keys of intents whose message may be one that could not be read
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
	return s.asking(ctx, func(rec state.Record) bool { return uint64(rec.UID) >= uint64(lowest) })
}

// asking asks the server who those of the messages are that are not here yet.
func (s *searching) asking(ctx context.Context, which func(state.Record) bool) error {
	var uids []state.UID
	for _, rec := range s.b.records {
		if rec.Status == state.Outstanding && which(rec) {
			uids = append(uids, rec.UID)
			s.came = append(s.came, newcomer{uid: rec.UID, size: rec.Size, date: rec.Date})
		}
	}
	if len(uids) == 0 {
		return nil
	}
	idents, err := s.Server.Idents(ctx, s.b.listed.Raw, s.b.gen().Mark.UIDValidity, uids)
	for _, id := range idents { // a server may tell nothing of some
		if i, ok := slices.BinarySearch(uids, id.UID); ok {
			s.came[i].messageID = id.MessageID
		}
	}
	return err
}

// lookBack reads the files that an undo of an archive run was putting back, and those that
// had got the identity of their new message, of which nothing is recorded yet.
func (s *searching) lookBack(intents []state.Intent) error {
	for _, in := range intents {
		for _, as := range []struct {
			uid    state.UID
			status state.Status
		}{{undone(in.Key), state.OnlyHere}, {in.UID, state.Outstanding}} {
			rec := s.b.record(as.uid)
			name, there := nameIn(s.b.disk, as.uid, max(1, rec.Variant))
			if as.uid == 0 || !there || rec.Status != as.status {
				continue
			}
			got, err := s.b.md.Inspect(name, nil)
			if err != nil {
				return err
			}
			s.files[got.Digest] = append(s.files[got.Digest], outgoing{name: name, got: got, key: in.Key})
			break
		}
	}
	return nil
}

// strangers are the files of a box's Maildir that carry the token of another mailbox.
func (b *box) strangers(disk *state.DiskSnapshot) []state.Foreign {
	return slices.DeleteFunc(slices.Clone(disk.Foreign), func(f state.Foreign) bool { return !b.strange(f.Token) })
}

// strange reports whether a token is that of another mailbox's file.
func (b *box) strange(token string) bool { return token != "" && !hasToken(&b.row, token) }

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
			i := slices.IndexFunc(left, func(f outgoing) bool { return !byName || fileOf(in.Key) == f.name || in.Key == f.key })
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

// messages finds the messages that intents became, by key. With final all that came is shown by now.
func (s *searching) messages(ctx context.Context, intents []state.Intent, files map[string]outgoing, final bool) (map[string]state.UID, error) {
	var keys []string
	var sent []dispatched
	for _, in := range intents {
		f, here := files[in.Key]
		if in.UID != 0 || !here {
			continue
		}
		file, err := s.b.md.Ident(f.name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, in.Key)
		sent = append(sent, dispatched{next: in.UIDNext, bytes: in.Bytes, date: f.got.Date, messageID: file.MessageID, confirmed: in.Confirmed})
	}
	least := alikeBody // the message may be one that is not shown yet
	if final {
		least = alikeHeader
	}
	to, err := pairSent(ctx, s.Server, s.b.listed.Raw, s.b.gen().Mark, sent, s.came, least, func(i int) (*sums, error) {
		f := files[keys[i]]
		return sumsOfFile(s.b.md, f.name, f.got.Form)
	})
	if err != nil {
		return nil, err
	}
	became := map[string]state.UID{}
	s.dark = map[string]bool{}
	for i, k := range to {
		if k >= 0 {
			became[keys[i]] = s.came[k].uid
			continue
		}
		s.dark[keys[i]] = slices.ContainsFunc(undecided(sent[i:i+1], s.came, to[i:i+1]), func(k int) bool {
			return s.came[k].sums == nil && !slices.Contains(to, k)
		})
	}
	return became, nil
}
