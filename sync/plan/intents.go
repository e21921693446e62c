package plan

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"mailsync/state"
)

// MovedKey begins the key of an intent to move a message to where its file lies.
const MovedKey = "move "

func Moved(key string) bool { return strings.HasPrefix(key, MovedKey) }

// FileOf is the name that the file of an intent had.
func FileOf(key string) string { return strings.TrimPrefix(key, MovedKey) }

// Bare is a file's name without its folder and its flags, which a mail program may change.
func Bare(name string) string {
	base := path.Base(name)
	for _, sep := range state.InfoSeps {
		base, _, _ = strings.Cut(base, sep+"2,")
	}
	return base
}

// A file that a new one replaces goes to the trash once the base knows the new one. A run that breaks
// off between the two would leave both, and nothing about them says that they are one message. So
// what is to go is noted in the commit that records the new file.

// Replacing begins the key of an intent to move a file to the trash that another took the place of.
const Replacing = "replaced "

// Replaced is the note that a file with those flags is to go to the trash.
func Replaced(name string, uid state.UID, flags state.Flags) state.Intent {
	return state.Intent{Key: Replacing + Bare(name), UID: uid, Flags: flags}
}

func IsReplacing(in state.Intent) bool { return strings.HasPrefix(in.Key, Replacing) }

func Settling(notes []state.Intent) (c state.Commit) {
	for _, in := range notes {
		c.Settle = append(c.Settle, in.Key)
	}
	return c
}

// What we moved to the server's trash, and could not expunge there, is nothing new: an archive
// has it, or a user who removed it here. It has a new UID that no server without UIDPLUS tells, so it
// is known by what it is, as in a move: size, date and Message-ID, as a multiset. Found, it is
// kept away from here like any message that the user removed.

// Trashing are the words that begin the key of an intent to move a message to the trash. It lies with
// the trash mailbox, and is there before the command that moves. Its key tells whose it is, and what
// it is: generation, UID, INTERNALDATE and a digest of its Message-ID.
const Trashing = "trash "

func IsTrashing(in state.Intent) bool { return strings.HasPrefix(in.Key, Trashing) }

func TrashingKey(gen state.GenID, rec state.Record, messageID string) string {
	return fmt.Sprint(Trashing, gen, " ", rec.UID, " ", rec.Date, " ", messageID)
}

// UndoKey names the intent to put a message back, by the UID that it had.
func UndoKey(uid state.UID) string { return fmt.Sprintf("undo %d", uid) }

// Undone is the UID in an undoKey, 0 for the key of another intent.
func Undone(key string) state.UID {
	digits, ok := strings.CutPrefix(key, "undo ")
	uid, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil {
		return 0
	}
	return state.UID(uid)
}
