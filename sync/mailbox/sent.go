package mailbox

import (
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// UIDNext is the lowest UID that a message appended now can get.
func (b *Box) UIDNext() uint32 {
	if b.Server != nil {
		return b.Server.Mark.UIDNext
	}
	return b.Gen().Mark.UIDNext
}

// Answered reports whether the server answered with a UID that can be true: of this generation,
// and of no message that is known already.
func (b *Box) Answered(a state.Appended) bool {
	_, known := b.Find(a.UID)
	return a.UID != 0 && a.UIDValidity == b.Gen().Mark.UIDValidity && !known
}

// Sent is what the server confirmed of a mailbox's appends in this run, until a listing
// shows it.
type Sent struct {
	Keys  map[state.IntentKey]int64     // octets, by the key of the intent
	named map[state.UID]state.IntentKey // keys, by the UID that the server answered
	Bytes int64

	HeldBack map[string]bool            // bare names of files not to be appended in this run
	Doubtful map[string]bool            // bare names of files that an earlier run sent and got no answer for
	Expected map[string]state.IntentKey // files whose messages were moved here and are not listed, to the keys of their intents
	Lost     map[state.IntentKey]bool   // keys of what the server confirmed and does not list, once it was reported
}

func (s *Sent) Add(key state.IntentKey, uid state.UID, bytes int64) {
	if s.Keys == nil {
		s.Keys, s.named = map[state.IntentKey]int64{}, map[state.UID]state.IntentKey{}
	}
	s.Keys[key] = bytes
	s.Bytes += bytes
	if uid != 0 {
		s.named[uid] = key
	}
}

func (s *Sent) Has(key state.IntentKey) bool {
	_, sent := s.Keys[key]
	return sent
}

// Lacks reports whether a complete scan does not show a message whose UID was answered.
func (s *Sent) Lacks(sn *state.ServerSnapshot) bool {
	for uid := range s.named {
		if !sn.Has(uid) {
			return true
		}
	}
	return false
}

// lose finds among the records to be put those of messages which the server confirmed in this
// run and does not list. Nobody deleted them: they are only here.
func (s *Sent) lose(put []state.Record) (uids []state.UID) {
	for i := range put {
		rec := &put[i]
		if _, sent := s.named[rec.UID]; sent && rec.Status == state.Gone && plan.NeverSeen(*rec) {
			rec.Status = state.OnlyHere
			uids = append(uids, rec.UID)
		}
	}
	return uids
}

// Expect remembers a file whose message was moved to this mailbox and is not listed.
func (b *Box) Expect(name string, key state.IntentKey) {
	if b.Sent.Expected == nil {
		b.Sent.Expected = map[string]state.IntentKey{}
	}
	b.Sent.Expected[name] = key
}

// LostThere reports, once a run, that the server confirmed a message and does not list it. Its
// file stays, and is not sent again by itself.
func (r *Run) LostThere(b *Box, key state.IntentKey, uid state.UID, name string) error {
	if b.Sent.Lost[key] {
		return nil
	}
	if b.Sent.Lost == nil {
		b.Sent.Lost = map[state.IntentKey]bool{}
	}
	b.Sent.Lost[key] = true
	r.NoteUnsent(b, name, nil)
	if b.Sent.Has(key) {
		r.Undid(b, port.Appended)
		b.Sent.Bytes -= b.Sent.Keys[key]
	}
	return r.Problem(b.Name, uid, state.Faultf(state.Other, "the server confirmed %q and does not list it; the file stays here and is not sent again", name).
		WithHint("\"mailsync restore %s\" sends again what is not there; a filter of the server may also have moved it", r.Name))
}

// Hold keeps a file from being appended in this run, whatever flags it has by then.
func (b *Box) Hold(name string) {
	if b.Sent.HeldBack == nil {
		b.Sent.HeldBack = map[string]bool{}
	}
	b.Sent.HeldBack[plan.Bare(name)] = true
	b.Leave(HeldBack)
}

// SendLast has a file sent after all others: an earlier run got no answer for it, and the server does
// not have it.
func (b *Box) SendLast(name string) {
	if b.Sent.Doubtful == nil {
		b.Sent.Doubtful = map[string]bool{}
	}
	b.Sent.Doubtful[plan.Bare(name)] = true
}

// unsent is a file that should be on the server and is not: its append or its move failed, or the server
// confirmed it and does not list it. It may be all that is left of a message whose file was
// removed elsewhere.
type unsent struct {
	Box  *Box
	Name string
	Is   *likeness // once it was read
}

// likeness is what a file and a message on the server have in common if they are one message.
type likeness struct {
	Digest    [state.DigestSize]byte
	Bytes     int64
	MessageID string
}

// NoteUnsent remembers that a file is not on the server. What it may be is not expunged in this run.
// got is what was read of it, nil for one that nobody read.
func (r *Run) NoteUnsent(b *Box, name string, got *state.Received) {
	u := unsent{Box: b, Name: name}
	if got != nil {
		u.Is, _ = b.Likeness(name, got) // else it is read again where it matters
	}
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Unsent = append(r.Unsent, u)
}

// Likeness reads a file, or what of it is not in got.
func (b *Box) Likeness(name string, got *state.Received) (*likeness, error) {
	ident, err := b.MD.Ident(name)
	if err != nil {
		return nil, err
	}
	if got == nil {
		read, err := b.MD.Inspect(name, nil)
		if err != nil {
			return nil, err
		}
		got = &read
	}
	return &likeness{got.Digest, got.Bytes, ident.MessageID}, nil
}
