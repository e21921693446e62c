package match

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/rows"

	"pgregory.net/rapid"

	"mailsync/state"
)

// The table writes messages as "size date id", files the same with an optional digest
// after a slash, and records without a file as "size date" with a leading "-".

func parseSought(s string) (out []Sought) {
	for i, w := range rows.Split(s) {
		m := Sought{UID: state.UID(i + 1), MessageID: strings.Join(w[2:], "")}
		fmt.Sscan(w[0], &m.Size)
		m.Date = parseDay(w[1])
		out = append(out, m)
	}
	return out
}

// parseDay reads a date; "-" is none.
func parseDay(s string) (date int64) {
	if s == "-" {
		return state.NoDate
	}
	fmt.Sscan(s, &date)
	return date
}

func parseSpares(s string) (out []Candidate) {
	for part := range strings.SplitSeq(s, ";") {
		var f Candidate
		text, digest, _ := strings.Cut(part, "/")
		w := strings.Fields(text)
		if len(w) == 0 {
			continue
		}
		size, fileless := strings.CutPrefix(w[0], "-")
		f.Fileless = fileless
		fmt.Sscan(size, &f.Size)
		f.Date = parseDay(w[1])
		f.MessageID = strings.Join(w[2:], "")
		copy(f.Digest[:], digest)
		out = append(out, f)
	}
	return out
}

func TestTieTable(t *testing.T) {
	for _, c := range []struct{ name, sought, spares, want string }{
		{"nothing here", "10 1 a", "", "-1"},
		{"nothing there", "", "10 1 a", ""},
		{"the same message", "10 1 a", "10 1 a", "0"},
		{"another order", "10 1 a; 10 1 b", "10 1 b; 10 1 a", "1 0"},
		{"a new one between", "10 1 a; 10 2 n; 10 1 b", "10 1 a; 10 1 b", "0 -1 1"},
		{"one is gone there", "10 1 b", "10 1 a; 10 1 b", "1"},
		{"twice the same", "10 1 a; 10 1 a", "10 1 a; 10 1 a", "0 1"},
		{"twice there, once here: the bytes tell which", "10 1 a; 10 1 a", "10 1 a", "-1 -1"},
		{"twice there, one of them kept away", "10 1 a; 10 1 a", "10 1 a; -10 1", "0 1"},
		{"once there, twice here", "10 1 a", "10 1 a; 10 1 a", "0"},
		{"another size: single on both sides", "12 1 a", "10 1 a", "0"},
		{"another size: not single there", "12 1 a; 13 1 a", "10 1 a", "-1 -1"},
		{"another size: not single here", "12 1 a", "10 1 a; 11 1 a", "-1"},
		{"another size: a twin has the size", "10 1 a; 12 1 a", "10 1 a", "0 -1"},
		{"another date", "10 2 a", "10 1 a", "-1"},
		{"another Message-ID", "10 1 a", "10 1 b", "-1"},
		{"a Message-ID on one side only", "10 1 a", "10 1", "-1"},
		{"unknown size", "-1 1 a", "10 1 a", "0"},
		{"unknown sizes on both sides", "-1 1", "-1 1", "-1"},

		{"no Message-ID", "10 1", "10 1", "0"},
		{"no Message-ID, as many, bytes differ", "10 1; 10 1", "10 1/x; 10 1/y", "-1 -1"},
		{"no Message-ID, as many, the same bytes", "10 1; 10 1", "10 1/x; 10 1/x", "0 1"},
		{"no Message-ID, one more there", "10 1; 10 1", "10 1/x", "-1 -1"},
		{"no Message-ID, one more there, bytes unknown", "10 1; 10 1", "10 1", "-1 -1"},
		{"no Message-ID, one more there, bytes differ", "10 1; 10 1; 10 1", "10 1/x; 10 1/y", "-1 -1 -1"},
		{"no Message-ID, one more here, the same bytes", "10 1", "10 1/x; 10 1/x", "0"},
		{"no Message-ID, one more here, bytes differ", "10 1", "10 1/x; 10 1/y", "-1"},
		{"no Message-ID, another size", "12 1", "10 1", "-1"},

		{"kept away", "10 1 a", "-10 1", "0"},
		{"kept away, one more there", "10 1 a; 10 1 b", "-10 1", "-1 -1"},
		{"kept away twice, once there", "10 1 a", "-10 1; -10 1", "0"},
		{"a file goes before a record", "10 1 a", "-10 1; 10 1 a", "1"},
		{"the file takes its own, the record the other", "10 1 a; 10 1 b", "-10 1; 10 1 b", "0 1"},
		{"no date on either side", "10 - a", "10 - a", "0"},
		{"no date, another size", "12 - a", "10 - a", "-1"},
		{"no date and no Message-ID", "10 -", "10 -/x", "-1"},
		{"no date, kept away", "10 - a", "-10 -", "-1"},

		{"kept away, another date", "10 2 a", "-10 1", "-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Trim(fmt.Sprint(Tie(parseSought(c.sought), parseSpares(c.spares), true)), "[]")
			if got != c.want {
				t.Errorf("tied to %s, want %s", got, c.want)
			}
		})
	}
}

// Whatever is tied: no spare is used twice, nothing is tied across what both sides know
// and differ in, and of the messages that are the same on both sides every one is tied to
// one of them.
func TestTieKeepsItsWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		few := func(name string, n int) int { return rapid.IntRange(0, n).Draw(t, name) }
		var sought []Sought
		for i := range few("there", 8) {
			sought = append(sought, Sought{UID: state.UID(i + 1), Size: int64(few("size", 2)) - 1, Date: int64(few("date", 1)), MessageID: []string{"", "a", "b"}[few("id", 2)]})
		}
		var spares []Candidate
		for range few("here", 8) {
			s := Candidate{Size: int64(few("size", 2)) - 1, Date: int64(few("date", 1)), Fileless: few("fileless", 3) == 0}
			if !s.Fileless {
				s.MessageID = []string{"", "a", "b"}[few("id", 2)]
				s.Digest[0] = byte(few("digest", 2))
			}
			spares = append(spares, s)
		}
		to := Tie(sought, spares, true)
		used := map[int]bool{}
		for i, n := range to {
			if n < 0 {
				continue
			}
			if used[n] {
				t.Fatalf("spare %d is used twice", n)
			}
			used[n] = true
			if spares[n].Date != sought[i].Date || !spares[n].Fileless && spares[n].MessageID != sought[i].MessageID {
				t.Fatalf("%+v is tied to %+v", sought[i], spares[n])
			}
			if (spares[n].Fileless || sought[i].MessageID == "") && spares[n].Size != sought[i].Size {
				t.Fatalf("%+v is tied to %+v", sought[i], spares[n])
			}
		}
		for i, s := range sought {
			if s.MessageID == "" || s.Size < 0 {
				continue
			}
			same := func(size, date int64, id string) bool { return size == s.Size && date == s.Date && id == s.MessageID }
			want, have, left := 0, 0, false
			for _, o := range sought {
				if same(o.Size, o.Date, o.MessageID) {
					want++
				}
			}
			for n, f := range spares {
				if !f.Fileless && same(f.Size, f.Date, f.MessageID) {
					have++
					left = left || !used[n]
				}
			}
			if to[i] < 0 && left && want <= have {
				t.Fatalf("%+v would be fetched, though its file is left", s)
			}
		}
	})
}

// Messages with Message-IDs of their own find their files again however they are numbered.
func TestTieFindsEveryMessageAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "messages")
		order := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})).Draw(t, "order")
		var sought []Sought
		spares := make([]Candidate, n)
		for uid, i := range order {
			s := Sought{UID: state.UID(uid + 1), Size: int64(i % 3), Date: int64(i % 2), MessageID: fmt.Sprint(i)}
			sought = append(sought, s)
			spares[i] = Candidate{Size: s.Size, Date: s.Date, MessageID: s.MessageID}
		}
		if got := Tie(sought, spares, true); !slices.Equal(got, order) {
			t.Fatalf("tied to %v, want %v", got, order)
		}
	})
}

// Where nothing will be compared by its bytes, as many as there are spares are tied.
func TestTieWithoutComparison(t *testing.T) {
	for _, c := range []struct{ name, sought, spares, want string }{
		{"twice there, once here", "10 1 a; 10 1 a", "10 1 a", "0 -1"},
		{"no Message-ID, as many", "10 1; 10 1", "10 1/x; 10 1/y", "0 1"},
		{"no Message-ID, one more there", "10 1; 10 1", "10 1", "-1 -1"},
	} {
		if got := strings.Trim(fmt.Sprint(Tie(parseSought(c.sought), parseSpares(c.spares), false)), "[]"); got != c.want {
			t.Errorf("%s: tied to %s, want %s", c.name, got, c.want)
		}
	}
}
