package match

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Announced reads what the key of an intent tells.
func Announced(in state.Intent) (s Spare, ok bool) {
	f := strings.Split(strings.TrimPrefix(in.Key, plan.Trashing), " ")
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
