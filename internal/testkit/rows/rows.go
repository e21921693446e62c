// Package rows reads the words in which tests of pure functions write messages: "1 live S F" is a record
// with its uid, status, seen flags and agreed flags.
package rows

import (
	"strconv"
	"strings"
	"testing"

	"mailsync/state"
)

// Every message has this size and date (in seconds since 1970) unless a column says "size=…".
const (
	Size = 100
	Date = 1700000000
)

// Flags reads "SF", "-" is none, digits are keywords.
func Flags(t testing.TB, s string) (f state.Flags) {
	t.Helper()
	for _, c := range strings.TrimPrefix(s, "-") {
		i := strings.IndexRune("SRFDPT", c)
		switch {
		case i >= 0:
			f |= 1 << i
		case c >= '0' && c <= '9':
			f |= 1 << (8 + c - '0') // a keyword
		default:
			t.Fatalf("bad flags %q", s)
		}
	}
	return f
}

// Records reads records that are parted by semicolons.
func Records(t testing.TB, s string) (recs []state.Record) {
	t.Helper()
	for _, w := range Split(s) {
		rec := state.Record{UID: UID(t, w[0]), Variant: Variant(t, w[0]), Status: Status(t, w[1]), Size: Size, Date: Date}
		if n, ok := strings.CutPrefix(w[len(w)-1], "size="); ok {
			rec.Size, _ = strconv.ParseInt(n, 10, 64)
			w = w[:len(w)-1]
		}
		if len(w) > 2 {
			rec.Seen = Flags(t, w[2])
			rec.Agreed = rec.Seen
		}
		if len(w) > 3 {
			rec.Agreed = Flags(t, w[3])
		}
		recs = append(recs, rec)
	}
	return recs
}

// Split parts rows into words.
func Split(s string) (out [][]string) {
	for part := range strings.SplitSeq(s, ";") {
		if w := strings.Fields(part); len(w) > 0 {
			out = append(out, w)
		}
	}
	return out
}

// UID reads a uid, without the variant behind its point.
func UID(t testing.TB, s string) state.UID {
	t.Helper()
	s, _, _ = strings.Cut(s, ".")
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatalf("bad uid %q", s)
	}
	return state.UID(n)
}

// Variant reads what stands behind the point of a uid, 0 without one.
func Variant(t testing.TB, s string) uint8 {
	t.Helper()
	_, v, _ := strings.Cut(s, ".")
	n, _ := strconv.Atoi(v)
	return uint8(n)
}

// Status reads a state, with hyphens for blanks.
func Status(t testing.TB, s string) state.Status {
	t.Helper()
	for st := state.Live; st <= state.Archived; st++ {
		if strings.ReplaceAll(st.String(), " ", "-") == s {
			return st
		}
	}
	t.Fatalf("bad status %q", s)
	return 0
}
