// Package match finds out which of two things are the same message: of what was sent and what came, of what went in
// one mailbox and came in another, of files and of what a server lists.
package match

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mailsync/state"
	"mailsync/sync/port"
)

// Where a server numbered a mailbox anew, or the base lost what it knew, a UID does not
// show which file is its message. Tie finds out by content, so that nothing is
// fetched that is here, and nothing is here twice.

// Sought is a message on the server for which no file is known.
type Sought struct {
	UID       state.UID
	Size      int64 // RFC822.SIZE, -1 unknown
	Date      int64 // INTERNALDATE, or NoDate
	MessageID string
}

// Candidate is a file that no message on the server is known to be, or a record of a message
// whose file is not here: kept away, accepted, skipped, released.
type Candidate struct {
	Size      int64
	Date      int64
	MessageID string
	Digest    [state.DigestSize]byte // zero: not known
	Fileless  bool
}

// Tie pairs sought messages with candidates and returns for each sought one the index of its
// candidate, or -1. Both are multisets: a candidate is used once, and of equal candidates the
// first sought gets the first candidate, so they are sorted by UID. It compares, in this
// order: size, date and Message-ID; Message-ID and date, where a single message on either
// side has them; for records without a file, size and date. What it leaves can only be
// recognized by its digest, once it was fetched.
//
// compared: the bytes of what is left are compared with the candidates that are left.
// Then, where more are sought than could be here, only their bytes show which of them are
// here: a message that took another one's file would be missing. Messages without any
// Message-ID differ by size and date alone; they are paired only where
// there is one of each, or where all the files have the same bytes.
func Tie(sought []Sought, candidates []Candidate, compared bool) []int {
	t := tying{sought: sought, candidates: candidates, to: Unpaired(len(sought)), used: make([]bool, len(candidates))}
	away := t.fileless()
	t.pass(byContent, false, func(want, have []int) bool {
		s := sought[want[0]]
		if !compared {
			return s.MessageID != "" || len(want) == len(have) || t.sameBytes(have)
		}
		if s.MessageID != "" {
			return len(want) <= len(have)+away[BySizeAndDate(s.Size, s.Date, "")]
		}
		return len(want) == 1 && len(have) == 1 || len(want) <= len(have) && t.sameBytes(have)
	})
	t.byMessageID()
	t.pass(BySizeAndDate, true, func(want, have []int) bool { return len(want) <= len(have) })
	return t.to
}

type tying struct {
	sought     []Sought
	candidates []Candidate
	to         []int
	used       []bool
}

// Content is what two things have in common that are taken for one message.
type Content struct {
	Size, Date int64
	MessageID  string
}

func byContent(size, date int64, messageID string) Content { return Content{size, date, messageID} }

// BySizeAndDate is a content of which a size and a date are known.
func BySizeAndDate(size, date int64, _ string) Content { return Content{size, date, ""} }

func byDateAndID(_, date int64, messageID string) Content { return Content{0, date, messageID} }

// key is what a pass compares.
type key func(size, date int64, messageID string) Content

// pass pairs those that are left and equal by a key, in order, where may allows it for all
// that are.
func (t *tying) pass(by key, fileless bool, may func(want, have []int) bool) {
	candidates := map[Content][]int{}
	for i, s := range t.candidates {
		if !t.used[i] && s.Fileless == fileless && s.Size >= 0 {
			k := by(s.Size, s.Date, s.MessageID)
			candidates[k] = append(candidates[k], i)
		}
	}
	want := map[Content][]int{}
	var order []Content
	for i, s := range t.sought {
		k := by(s.Size, s.Date, s.MessageID)
		if t.to[i] >= 0 || s.Size < 0 || len(candidates[k]) == 0 {
			continue
		}
		if s.Date == state.NoDate && (fileless || s.MessageID == "") {
			continue // all that they have in common is a size
		}
		if want[k] == nil {
			order = append(order, k)
		}
		want[k] = append(want[k], i)
	}
	for _, k := range order {
		if !may(want[k], candidates[k]) {
			continue
		}
		for n := range min(len(want[k]), len(candidates[k])) {
			t.pair(want[k][n], candidates[k][n])
		}
	}
}

// fileless counts the records without a file by size and date.
func (t *tying) fileless() map[Content]int {
	n := map[Content]int{}
	for _, s := range t.candidates {
		if s.Fileless {
			n[BySizeAndDate(s.Size, s.Date, "")]++
		}
	}
	return n
}

func (t *tying) pair(sought, candidate int) {
	t.to[sought], t.used[candidate] = candidate, true
}

// sameBytes reports whether files are known to hold the same bytes.
func (t *tying) sameBytes(files []int) bool {
	first := t.candidates[files[0]].Digest
	return first != [state.DigestSize]byte{} &&
		!slices.ContainsFunc(files, func(i int) bool { return t.candidates[i].Digest != first })
}

// byMessageID pairs what has one Message-ID and one date, whatever the sizes say, where
// nothing else on either side has both.
func (t *tying) byMessageID() {
	type side struct{ n, last int }
	sought, candidates := map[Content]side{}, map[Content]side{}
	for i, s := range t.sought {
		k := byDateAndID(0, s.Date, s.MessageID)
		sought[k] = side{sought[k].n + 1, i}
	}
	for i, s := range t.candidates {
		if !s.Fileless {
			k := byDateAndID(0, s.Date, s.MessageID)
			candidates[k] = side{candidates[k].n + 1, i}
		}
	}
	for i, s := range t.sought {
		k := byDateAndID(0, s.Date, s.MessageID)
		one, other := sought[k], candidates[k]
		if s.MessageID != "" && s.Date != state.NoDate && t.to[i] < 0 && one.n == 1 && other.n == 1 && !t.used[other.last] {
			t.pair(i, other.last)
		}
	}
}

// Identify asks the server for the Message-IDs of what is sought in a mailbox. Of a message for which it has no answer
// nothing is known, not its size either: it is recognized by its bytes.
func Identify(ctx context.Context, server port.Server, raw string, uidValidity uint32, sought []Sought) error {
	if len(sought) == 0 {
		return nil
	}
	uids := make([]state.UID, len(sought))
	for i, s := range sought {
		uids[i] = s.UID
	}
	idents, err := server.Idents(ctx, raw, uidValidity, uids)
	if err != nil {
		return err
	}
	ids := MessageIDs(idents)
	for i := range sought {
		id, known := ids[sought[i].UID]
		if sought[i].MessageID = id; !known {
			sought[i].Size = -1
		}
	}
	return nil
}

// MessageIDs are the Message-IDs that a server answered, "" for a message without one.
func MessageIDs(idents []state.Ident) map[state.UID]string {
	ids := make(map[state.UID]string, len(idents))
	for _, id := range idents {
		ids[id.UID] = id.MessageID
	}
	return ids
}

// What we moved to the server's trash, and could not expunge there, is not new: an archive
// has it, or the user removed it here. It has a new UID that no server without UIDPLUS reports, so it
// is recognized as in a move, by size, date and Message-ID, as a multiset. Found, it is
// kept away from here like any message that the user removed.

// TrashingKey names the intent to move a message to the trash. It is recorded with the trash mailbox, before
// the command that moves. It has generation, UID and INTERNALDATE of the message, and a digest of its Message-ID.
func TrashingKey(gen state.GenID, rec state.Record, messageID string) state.IntentKey {
	return state.IntentKey{Kind: state.Trashing, Name: fmt.Sprint(gen, " ", rec.UID, " ", rec.Date, " ", ShortID(messageID))}
}

// Announced reads such an intent.
func Announced(in state.Intent) (s Candidate, ok bool) {
	f := strings.Split(in.Key.Name, " ")
	if len(f) != 4 {
		return s, false
	}
	date, err := strconv.ParseInt(f[2], 10, 64)
	return Candidate{Size: in.Bytes, Date: date, MessageID: f[3], Digest: in.Digest}, err == nil
}

// ShortID stands for a Message-ID of any length; "" for none.
func ShortID(messageID string) string {
	if messageID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(messageID))
	return base32.StdEncoding.EncodeToString(sum[:15])
}
