package match

import (
	"slices"

	"mailsync/state"
)

// Where a server numbered a mailbox anew, or the base lost what it knew, a UID says
// nothing about which file is its message. Tie finds out by content, so that nothing is
// fetched that is here, and nothing is here twice.

// Sought is a message on the server for which no file is known.
type Sought struct {
	UID       state.UID
	Size      int64 // RFC822.SIZE, -1 unknown
	Date      int64 // INTERNALDATE, or NoDate
	MessageID string
}

// Spare is a file that no message on the server is known to be, or a record of a message
// whose file is not here: kept away, accepted, skipped, released.
type Spare struct {
	Size      int64
	Date      int64
	MessageID string
	Digest    [state.DigestSize]byte // zero: not known
	Fileless  bool
}

// Tie pairs sought messages with spares and returns for each sought one the index of its
// spare, or -1. Both are multisets: a spare is used once, and of equal candidates the
// first sought gets the first spare, so they come sorted by UID. It goes by, in this
// order: size, date and Message-ID; Message-ID and date, where a single message on either
// side has them; for records without a file, size and date. What it leaves can only be
// told by its digest, once it was fetched.
//
// compared says that the bytes of what is left are compared with the spares that are left.
// Then, where more are sought than could be here, which of them are here only their bytes can
// tell: a message that took another one's file would be missing. Messages without any
// Message-ID are told from each other by size and date alone; they are paired only where
// there is one of each, or where all the files have the same bytes.
func Tie(sought []Sought, spares []Spare, compared bool) []int {
	t := tying{sought: sought, spares: spares, to: make([]int, len(sought)), used: make([]bool, len(spares))}
	for i := range t.to {
		t.to[i] = -1
	}
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
	sought []Sought
	spares []Spare
	to     []int
	used   []bool
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

// key says what a pass goes by.
type key func(size, date int64, messageID string) Content

// pass pairs those that are left and equal by a key, in order, where may allows it for all
// that are.
func (t *tying) pass(by key, fileless bool, may func(want, have []int) bool) {
	spares := map[Content][]int{}
	for i, s := range t.spares {
		if !t.used[i] && s.Fileless == fileless && s.Size >= 0 {
			k := by(s.Size, s.Date, s.MessageID)
			spares[k] = append(spares[k], i)
		}
	}
	want := map[Content][]int{}
	var order []Content
	for i, s := range t.sought {
		k := by(s.Size, s.Date, s.MessageID)
		if t.to[i] >= 0 || s.Size < 0 || len(spares[k]) == 0 {
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
		if !may(want[k], spares[k]) {
			continue
		}
		for n := range min(len(want[k]), len(spares[k])) {
			t.pair(want[k][n], spares[k][n])
		}
	}
}

// fileless counts the records without a file by size and date.
func (t *tying) fileless() map[Content]int {
	n := map[Content]int{}
	for _, s := range t.spares {
		if s.Fileless {
			n[BySizeAndDate(s.Size, s.Date, "")]++
		}
	}
	return n
}

func (t *tying) pair(sought, spare int) {
	t.to[sought], t.used[spare] = spare, true
}

// sameBytes reports whether files are known to hold the same bytes.
func (t *tying) sameBytes(files []int) bool {
	first := t.spares[files[0]].Digest
	return first != [state.DigestSize]byte{} &&
		!slices.ContainsFunc(files, func(i int) bool { return t.spares[i].Digest != first })
}

// byMessageID pairs what has one Message-ID and one date, whatever the sizes say, where
// nothing else on either side has both.
func (t *tying) byMessageID() {
	type side struct{ n, last int }
	sought, spares := map[Content]side{}, map[Content]side{}
	for i, s := range t.sought {
		k := byDateAndID(0, s.Date, s.MessageID)
		sought[k] = side{sought[k].n + 1, i}
	}
	for i, s := range t.spares {
		if !s.Fileless {
			k := byDateAndID(0, s.Date, s.MessageID)
			spares[k] = side{spares[k].n + 1, i}
		}
	}
	for i, s := range t.sought {
		k := byDateAndID(0, s.Date, s.MessageID)
		one, other := sought[k], spares[k]
		if s.MessageID != "" && s.Date != state.NoDate && t.to[i] < 0 && one.n == 1 && other.n == 1 && !t.used[other.last] {
			t.pair(i, other.last)
		}
	}
}
