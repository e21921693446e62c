package sync

import (
	"context"
	"errors"
	"maps"
	"slices"

	"mailsync/state"
)

// sending is what the server confirmed of a mailbox's appends in this run, until a listing
// shows it.
type sending struct {
	keys  map[string]int64     // octets, by the key of the intent
	told  map[state.UID]string // keys, by the UID that the server told
	bytes int64
}

func (s *sending) add(key string, uid state.UID, bytes int64) {
	if s.keys == nil {
		s.keys, s.told = map[string]int64{}, map[state.UID]string{}
	}
	s.keys[key] = bytes
	s.bytes += bytes
	if uid != 0 {
		s.told[uid] = key
	}
}

func (s *sending) has(key string) bool {
	_, sent := s.keys[key]
	return sent
}

// lookAfter looks at the mailbox again after something was appended, for what a server
// confirms is not always there: a message whose UID it did not tell is found by what it is,
// and one that is not listed is reported. What an older session knew may be old, so nothing
// is missing before a new one lacks it. failed is what else went wrong.
func (r *run) lookAfter(ctx context.Context, b *box, failed error) error {
	if len(b.sending.keys) == 0 || ends(failed) {
		return failed
	}
	return errors.Join(failed, r.listAgain(ctx, b))
}

func (r *run) listAgain(ctx context.Context, b *box) error {
	for _, anew := range []bool{false, true} {
		req := b.scanRequest(false)
		req.Anew = anew
		sn, err := r.Server.Scan(ctx, req)
		if err != nil || !sn.Complete || Compare(b.gen(), sn.Mark) != SameNumbers {
			b.undone = true
			return nil // the next run looks
		}
		if !anew && b.sending.lacks(sn) {
			continue
		}
		if missing, err := r.takeIn(ctx, b, sn, anew); err != nil || missing == 0 {
			return err
		}
	}
	return nil
}

// takeIn learns what a later listing shows, and settles what was appended or moved by it. It returns how
// many of those messages are missing, as resolve does.
func (r *run) takeIn(ctx context.Context, b *box, sn *state.ServerSnapshot, final bool) (missing int, err error) {
	b.server, b.tied = sn, nil
	if err := r.readDisk(ctx, b); err != nil {
		return 0, err
	}
	if err := r.learn(ctx, b); err != nil {
		return 0, err
	}
	return r.resolve(ctx, b, final)
}

// lacks reports whether a complete scan does not show a message whose UID was told.
func (s *sending) lacks(sn *state.ServerSnapshot) bool {
	for uid := range s.told {
		if !sn.Has(uid) {
			return true
		}
	}
	return false
}

// lose finds among the records to be put those of messages which the server confirmed in this
// run and does not list. Nobody deleted them: they are only here.
func (s *sending) lose(put []state.Record) (uids []state.UID) {
	for i := range put {
		if rec := &put[i]; s.told[rec.UID] != "" && rec.Status == state.Gone && neverSeen(*rec) {
			rec.Status = state.OnlyHere
			uids = append(uids, rec.UID)
		}
	}
	return uids
}

// expect remembers a file whose message was moved to this mailbox and is not listed.
func (b *box) expect(name, key string) {
	if b.expected == nil {
		b.expected = map[string]string{}
	}
	b.expected[name] = key
}

// unmoved reports what was moved on the server and is in no mailbox.
func (r *run) unmoved(b *box) error {
	for _, name := range slices.Sorted(maps.Keys(b.expected)) {
		if slices.ContainsFunc(r.moved, func(m *move) bool { return m.in == b && m.Name == name }) {
			continue
		}
		if err := r.lostThere(b, b.expected[name], 0, name); err != nil {
			return err
		}
	}
	return nil
}

// lostThere reports, once a run, that the server confirmed a message and does not list it. Its
// file stays, and is not sent again by itself.
func (r *run) lostThere(b *box, key string, uid state.UID, name string) error {
	if b.lost[key] {
		return nil
	}
	if b.lost == nil {
		b.lost = map[string]bool{}
	}
	b.lost[key] = true
	r.keepsBack(b, name, nil)
	if b.sending.has(key) {
		r.addN(&r.result.Appended, -1)
		b.sending.bytes -= b.sending.keys[key]
	}
	return r.problem(b.name, uid, state.Faultf(state.Other, "the server confirmed %q and does not list it; the file stays here and is not sent again", name).
		WithHint("\"mailsync restore %s\" sends again what is not there; a filter of the server may also have moved it", r.Name))
}
