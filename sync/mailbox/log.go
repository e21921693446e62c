package mailbox

import (
	"context"
	"log/slog"
	"strings"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// Did is where all that a run does about messages is counted, for the run and for the mailbox, and logged: a debug
// record each. octets is the message's size, 0 where its record has it.
func (r *Run) Did(b *Box, did port.Did, uid state.UID, octets int64) {
	r.Mu.Lock()
	r.Result.Done.Count(did, 1, octets)
	b.Done.Count(did, 1, octets)
	r.Mu.Unlock()
	if !r.Logs(slog.LevelDebug) {
		return
	}
	if octets <= 0 && uid != 0 {
		octets = b.Record(uid).Size
	}
	r.LogMessage(b.Name, did.Op(), did.String(), uid, octets)
}

// Undid takes back what was counted: the server confirmed it, and it did not happen.
func (r *Run) Undid(b *Box, did port.Did) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Result.Done.Count(did, -1, 0)
	b.Done.Count(did, -1, 0)
}

// DonePast reports whether a mailbox has no operation of a later kind.
func (b *Box) DonePast(kind plan.OpKind) bool { return !b.Ops.Past(kind) }

// LogMailbox logs what was done in a mailbox, once: when nothing more is to be done there, or the run ends.
func (r *Run) LogMailbox(b *Box) {
	if b.logged || r.DryRun || !r.Logs(slog.LevelInfo) {
		return
	}
	r.Mu.Lock()
	done := b.Done
	r.Mu.Unlock()
	left := b.Left
	if r.Undoing {
		left = nil // every other operation is
	}
	if done == (port.Done{}) && len(left) == 0 {
		return
	}
	b.logged = true
	attrs := []slog.Attr{slog.String("account", r.Name), slog.String("mailbox", b.Name), slog.Any("done", done)}
	if len(left) > 0 {
		why := make([]string, len(left))
		for i, reason := range left {
			why[i] = string(reason)
		}
		attrs = append(attrs, slog.String("left", strings.Join(why, ", ")))
	}
	r.Log.LogAttrs(context.Background(), slog.LevelInfo, "mailbox done", attrs...)
}
