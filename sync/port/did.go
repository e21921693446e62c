package port

import (
	"context"
	"fmt"
	"log/slog"

	"mailsync/state"
)

// Log logs a problem of an account, once; log may be nil.
func (p *Problem) Log(log *slog.Logger, account string) {
	if p.logged || log == nil || !log.Enabled(context.Background(), slog.LevelError) {
		return
	}
	p.logged = true
	attrs := append(about(account, p.Mailbox, p.UID), slog.Any("err", p.Err))
	if hint := state.HintOf(p.Err); hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	log.LogAttrs(context.Background(), slog.LevelError, "failure", attrs...)
}

// NotAppended is why a message is not on the server. Many messages are refused for one reason, as by a full mailbox:
// whoever prints failures counts those.
type NotAppended struct {
	Name string // of its file
	Err  error
}

func (n *NotAppended) Error() string { return fmt.Sprintf("append %q: %v", n.Name, n.Err) }
func (n *NotAppended) Unwrap() error { return n.Err }

// Did is what a run can do about one message.
type Did uint8

// What Done counts, and what only the log knows.
const (
	Fetched        Did = iota + 1 // its body came from the server
	Linked                        // its file is one that was here, in another mailbox
	Appended                      // its file was sent to the server
	FlaggedHere                   // its file carries other flags
	FlaggedThere                  // the server has other flags
	MovedHere                     // its file followed it to another mailbox
	MovedThere                    // it followed its file to another mailbox
	DeletedHere                   // its file is in the trash
	DeletedThere                  // it was expunged
	MovedToTrash                  // it was to be deleted, and is in the server's trash
	MovedFromTrash                // an undo moved it back from there
	KeptAway                      // its file was removed here; it is not fetched again
	Forgotten                     // nobody has it any more
)

// didWords are the words of the log: op, and what people read.
var didWords = [...][2]string{
	Fetched: {"fetch", "fetched"}, Linked: {"link", "fetched, as a link to its copy in another mailbox"},
	Appended: {"append", "appended"}, FlaggedHere: {"flag disk", "flagged here"}, FlaggedThere: {"flag server", "flagged on the server"},
	MovedHere: {"move disk", "moved here"}, MovedThere: {"move server", "moved on the server"},
	DeletedHere: {"remove", "deleted here"}, DeletedThere: {"expunge", "deleted on the server"},
	MovedToTrash: {"trash server", "moved to the server's trash"}, MovedFromTrash: {"untrash server", "moved back from the server's trash"},
	KeptAway: {"keep away", "removed here, kept away from now on"}, Forgotten: {"forget", "forgotten: neither side has it"},
}

// Op is the log's word for it.
func (d Did) Op() string { return didWords[d][0] }

// String is what people read.
func (d Did) String() string { return didWords[d][1] }

// Count adds n messages, with their octets.
func (c *Done) Count(did Did, n int, octets int64) {
	switch did {
	case Fetched, Linked:
		c.Fetched += n
		c.FetchedBytes += octets
	case Appended:
		c.Appended += n
	case FlaggedHere:
		c.FlagsToDisk += n
	case FlaggedThere:
		c.FlagsToServer += n
	case MovedHere:
		c.MovedOnDisk += n
	case MovedThere:
		c.MovedOnServer += n
	case DeletedHere:
		c.DeletedOnDisk += n
	case DeletedThere:
		c.DeletedOnServer += n
	case MovedToTrash:
		c.MovedToTrash += n
	case MovedFromTrash:
		c.MovedBack += n
	case KeptAway, Forgotten: // nothing of the message was changed
	}
}

// LogValue is what was counted and is not 0, under the names that the report uses.
func (c Done) LogValue() slog.Value {
	var attrs []slog.Attr
	add := func(key string, n int64) {
		if n != 0 {
			attrs = append(attrs, slog.Int64(key, n))
		}
	}
	add("fetched", int64(c.Fetched))
	add("fetched_bytes", c.FetchedBytes)
	add("appended", int64(c.Appended))
	add("flags_to_disk", int64(c.FlagsToDisk))
	add("flags_to_server", int64(c.FlagsToServer))
	add("deleted_on_disk", int64(c.DeletedOnDisk))
	add("deleted_on_server", int64(c.DeletedOnServer))
	add("moved_on_disk", int64(c.MovedOnDisk))
	add("moved_on_server", int64(c.MovedOnServer))
	add("moved_to_trash", int64(c.MovedToTrash))
	add("moved_back", int64(c.MovedBack))
	add("cannot_delete", int64(c.Undeletable))
	return slog.GroupValue(attrs...)
}
