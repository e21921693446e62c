package mailbox

import (
	"mailsync/state"
	"mailsync/sync/plan"
)

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

// KeepsBack remembers that a file is not on the server. What it may be is not expunged in this run.
// got is what was read of it, nil for one that nobody read.
func (r *Run) KeepsBack(b *Box, name string, got *state.Received) {
	u := unsent{Box: b, Name: name}
	if got != nil {
		u.Is, _ = b.Likeness(name, got) // else it is read again where it matters
	}
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Unsent = append(r.Unsent, u)
}

// KeepsBackOps is keepsBack of the files of operations.
func (r *Run) KeepsBackOps(b *Box, ops []plan.Op) {
	for _, o := range ops {
		r.KeepsBack(b, o.Name, nil)
	}
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
