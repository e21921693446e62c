package mailbox

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// FileOf returns the first file of an identity, as the scan saw it.
func (b *Box) FileOf(uid state.UID, variant uint8) (string, bool) {
	return plan.NameIn(b.Disk, uid, variant)
}

// SyncDirs makes durable what was changed in a mailbox's Maildir, if anything was.
func (r *Run) SyncDirs(b *Box) error {
	if !b.Wrote {
		return nil
	}
	if err := r.Step("sync directories of %s", b.Name); err != nil {
		return err
	}
	return b.MD.Sync()
}

// Add counts into the result.
func (r *Run) Add(counter *int, really bool) {
	if really {
		r.AddN(counter, 1)
	}
}

// AddN counts n into the result.
func (r *Run) AddN(counter *int, n int) {
	r.Mu.Lock()
	*counter += n
	r.Mu.Unlock()
}

// Since is the MODSEQ of this run's scan of the server, 0 without one.
func (b *Box) Since() uint64 {
	if b.Server == nil {
		return 0
	}
	return b.Server.Mark.ModSeq
}

// Hold keeps a file from being appended in this run, whatever flags it has by then.
func (b *Box) Hold(name string) {
	if b.Sent.Held == nil {
		b.Sent.Held = map[string]bool{}
	}
	b.Sent.Held[plan.Bare(name)] = true
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

// Strangers are the files of a box's Maildir that carry the token of another mailbox.
func (b *Box) Strangers(disk *state.DiskSnapshot) []state.Foreign {
	return slices.DeleteFunc(slices.Clone(disk.Foreign), func(f state.Foreign) bool { return !b.Strange(f.Token) })
}

// Strange reports whether a token is that of another mailbox's file.
func (b *Box) Strange(token string) bool { return token != "" && !plan.HasToken(&b.Row, token) }

// OnlyHere are the files of a mailbox that no message on the server is known to be: what
// the server had once, in this generation or an earlier one, and files of other programs.
func (b *Box) OnlyHere() []state.Foreign {
	var files []state.Foreign
	for _, m := range b.Disk.Messages {
		if rec, known := plan.RecordOf(b.Records, m.UID, m.Variant); known && rec.Status != state.OnlyHere && rec.Status != state.Gone {
			continue
		}
		files = append(files, state.Foreign{Token: b.Gen().Token, UID: m.UID, Variant: m.Variant, Flags: m.Flags, Silent: m.Silent, Size: m.Size, Name: b.Disk.NameAt(m.Name)})
	}
	for _, f := range b.Disk.Foreign {
		if !b.Strange(f.Token) {
			files = append(files, f)
		}
	}
	return files
}
