package mailbox

import (
	"context"
	"fmt"
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
	if octets <= 0 && uid != 0 && r.logs(slog.LevelDebug) {
		octets = b.Record(uid).Size
	}
	r.LogMessage(b.Name, did.Op(), did.String(), uid, octets)
}

// LogMessage logs what was done about one message, of which octets is the size, 0 where it is not known.
func (r *Run) LogMessage(mailbox, op, text string, uid state.UID, octets int64) {
	if !r.logs(slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{slog.String("account", r.Name), slog.String("mailbox", mailbox)}
	if uid != 0 {
		attrs = append(attrs, slog.Uint64("uid", uint64(uid)))
	}
	attrs = append(attrs, slog.String("op", op))
	if octets > 0 {
		attrs = append(attrs, slog.Int64("bytes", octets))
	}
	r.Log.LogAttrs(context.Background(), slog.LevelDebug, text, attrs...)
}

// Undid takes back what was counted: the server confirmed it, and it did not happen.
func (r *Run) Undid(b *Box, did port.Did) {
	r.Mu.Lock()
	defer r.Mu.Unlock()
	r.Result.Done.Count(did, -1, 0)
	b.Done.Count(did, -1, 0)
}

// LogPast logs what was done in a mailbox if it has no operation of a later kind.
func (r *Run) LogPast(b *Box, kind plan.OpKind) {
	if n := len(b.Ops); n == 0 || b.Ops[n-1].Kind <= kind {
		r.LogMailbox(b)
	}
}

// LogMailbox logs what was done in a mailbox, once: when nothing more is to be done there, or the run ends.
func (r *Run) LogMailbox(b *Box) {
	if b.logged || r.DryRun || !r.logs(slog.LevelInfo) {
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

// Infof logs something about a mailbox, "" for the account.
func (r *Run) Infof(mailbox, format string, args ...any) {
	r.logf(slog.LevelInfo, mailbox, format, args)
}

// Debugf logs a detail about a mailbox.
func (r *Run) Debugf(mailbox, format string, args ...any) {
	r.logf(slog.LevelDebug, mailbox, format, args)
}

func (r *Run) logf(level slog.Level, mailbox, format string, args []any) {
	if !r.logs(level) {
		return
	}
	about := []slog.Attr{slog.String("account", r.Name)}
	if mailbox != "" {
		about = append(about, slog.String("mailbox", mailbox))
	}
	r.Log.LogAttrs(context.Background(), level, fmt.Sprintf(format, args...), about...)
}

// logs reports whether records of a level are wanted: without -v nothing is made for them.
func (r *Run) logs(level slog.Level) bool {
	return r.Log != nil && r.Log.Enabled(context.Background(), level)
}
