package plan

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"mailsync/state"
)

// Bare is a file's name without its folder and its flags, which a mail program may change.
func Bare(name string) string {
	base := path.Base(name)
	for _, sep := range state.InfoSeps {
		base, _, _ = strings.Cut(base, sep+"2,")
	}
	return base
}

// A file that a new one replaces is moved to the trash once the base knows the new one. A run that is
// interrupted between the two would leave both, and nothing shows that they are one message. So
// the move is noted in the commit that records the new file.

// Replaced is the note that a file with those flags is to be moved to the trash.
func Replaced(name string, uid state.UID, flags state.Flags) state.Intent {
	return state.Intent{Key: ReplacedKey(name), UID: uid, Flags: flags}
}

// ReplacedKey names the intent to move a file to the trash.
func ReplacedKey(name string) state.IntentKey {
	return state.IntentKey{Kind: state.Replacing, Name: Bare(name)}
}

// Settling settles intents.
func Settling(notes []state.Intent) (c state.Commit) {
	for _, in := range notes {
		c.Settle = append(c.Settle, in.Key)
	}
	return c
}

// AppendKey names the intent to append a file.
func AppendKey(name string) state.IntentKey {
	return state.IntentKey{Kind: state.Appending, Name: name}
}

// UndoKey names the intent to put a message back, by the UID that it had.
func UndoKey(uid state.UID) state.IntentKey {
	return state.IntentKey{Kind: state.PuttingBack, Name: fmt.Sprint(uid)}
}

// Undone is the UID in an UndoKey, 0 for the key of another intent.
func Undone(key state.IntentKey) state.UID {
	uid, err := strconv.ParseUint(key.Name, 10, 32)
	if key.Kind != state.PuttingBack || err != nil {
		return 0
	}
	return state.UID(uid)
}
