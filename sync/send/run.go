// Package send is the one way to send messages to a mailbox of a server, and to find out what became of them.
package send

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
)

// Run is the sending of a run.
type Run struct {
	*mailbox.Run
	// All tries every message, however many are refused: the user has asked for each.
	All bool
	// Foreseen means that those who look on were told of what is sent: each message has its Planned, each operation its Size.
	Foreseen bool

	beside map[[state.DigestSize]byte]bool // what mailboxes hold that are not views, now or at the end of the run; nil: it is not noted
}

// New returns the sending of a run.
func New(r *mailbox.Run) *Run { return &Run{Run: r} }

// NoteHeld begins to note what mailboxes hold that are not views, by their bytes; without views, nothing is noted.
func (r *Run) NoteHeld(views bool) {
	if views {
		r.beside = map[[state.DigestSize]byte]bool{}
	}
}

// NotesHeld reports whether it is noted what mailboxes hold.
func (r *Run) NotesHeld() bool { return r.beside != nil }

// NoteHeldIn notes that a mailbox, a view or not, holds a message, or will at the end of the run.
func (r *Run) NoteHeldIn(view bool, digest [state.DigestSize]byte) {
	if r.beside != nil && !view {
		r.Mu.Lock()
		defer r.Mu.Unlock()
		r.beside[digest] = true
	}
}

// HoldsProven notes what a mailbox is proven to hold.
func (r *Run) HoldsProven(b *mailbox.Box, proofs map[state.UID]state.Proof) {
	for uid, p := range proofs {
		if b.Record(uid).Status.OnServer() {
			r.NoteHeldIn(b.IsView(), p.Digest)
		}
	}
}

// ShownElsewhere reports whether a mailbox is a view that shows a message which another mailbox holds.
func (r *Run) ShownElsewhere(view bool, digest [state.DigestSize]byte) bool {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	return view && r.beside[digest]
}

// LeaveOut reports what a mail program put into a mailbox whose files are appended, and what is not a message that can
// be read.
func (r *Run) LeaveOut(b *mailbox.Box) error {
	if !r.Policy.Append || b.Disk == nil {
		return nil
	}
	passed := slices.DeleteFunc(slices.Clone(b.Disk.NotMail), func(p state.NotMail) bool { return p.Harmless })
	count, err := r.LeftOut(b.Name, b.Name, passed)
	if count > 0 {
		b.Leave(mailbox.PutOff)
	}
	return err
}

// Unpackable returns the error of a file that is compressed or encrypted in that way, nil for "".
func Unpackable(packed string) error {
	if packed == "" {
		return nil
	}
	how := map[string]string{"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zstd": "unzstd", "lz4": "unlz4", "compress": "uncompress"}[packed]
	if how == "" {
		return state.Faultf(state.Other, "the file is encrypted (%s)", packed).WithHint("fetch the mail through the server that keeps it, by an account of its own")
	}
	return state.Faultf(state.Other, "the file is compressed (%s)", packed).
		WithHint("make copies that %s has decompressed, or fetch the mail through the server that keeps it so", how)
}
