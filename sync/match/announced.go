package match

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"

	"mailsync/state"
)

// What we moved to the server's trash, and could not expunge there, is nothing new: an archive
// has it, or a user who removed it here. It has a new UID that no server without UIDPLUS tells, so it
// is known by what it is, as in a move: size, date and Message-ID, as a multiset. Found, it is
// kept away from here like any message that the user removed.

// TrashingKey names the intent to move a message to the trash. It lies with the trash mailbox, and is
// there before the command that moves. It tells whose the message is, and what it is: generation,
// UID, INTERNALDATE and a digest of its Message-ID.
func TrashingKey(gen state.GenID, rec state.Record, messageID string) state.IntentKey {
	return state.IntentKey{Kind: state.Trashing, Name: fmt.Sprint(gen, " ", rec.UID, " ", rec.Date, " ", ShortID(messageID))}
}

// Announced reads what such an intent tells.
func Announced(in state.Intent) (s Spare, ok bool) {
	f := strings.Split(in.Key.Name, " ")
	if len(f) != 4 {
		return s, false
	}
	date, err := strconv.ParseInt(f[2], 10, 64)
	return Spare{Size: in.Bytes, Date: date, MessageID: f[3], Digest: in.Digest}, err == nil
}

// ShortID stands for a Message-ID of any length; "" for none.
func ShortID(messageID string) string {
	if messageID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(messageID))
	return base32.StdEncoding.EncodeToString(sum[:15])
}
