package match

import (
	"slices"
	"strings"
	"testing"

	"mailsync/state"
)

// table writes what letters mean: "a Holiday, b Work".
func table(s string) (w state.Words) {
	for part := range strings.SplitSeq(s, ",") {
		if f := strings.Fields(part); len(f) == 2 {
			w[f[0][0]-'a'] = f[1]
		}
	}
	return w
}

func TestMovedKeywords(t *testing.T) {
	const here, there = "a Holiday, b Work", "a Paid, b Holiday"
	for _, c := range []struct {
		name, letters, agreed, old, now, want string
		unknown                               bool
	}{
		{name: "moved as it is", letters: "a", agreed: "Holiday", old: here, now: there, want: "Holiday"},
		{name: "moved by a program that knows the letters", letters: "b", agreed: "Holiday", old: here, now: there, want: "Holiday"},
		{name: "without keywords", old: here, now: there},
		{name: "several, moved as they are", letters: "ab", agreed: "Holiday Work", old: here, now: there, want: "Holiday Work"},
		{name: "both places would do", letters: "a", agreed: "x", old: "a x", now: "a X", want: "x"},
		{name: "into a place without letters", letters: "a", agreed: "Holiday", old: here, want: "Holiday"},
		{name: "taken off, in a place that has no letter for it", agreed: "Holiday", old: here, now: "a Paid"},
		{name: "a keyword that no letter can carry stays", letters: "a", agreed: "Holiday Beyond", old: here, now: there, want: "Holiday Beyond"},
		{name: "a keyword was added before", letters: "ab", agreed: "Holiday", old: here, now: "a Paid, c Holiday", want: "Holiday Work"},
		{name: "a keyword was added after", letters: "ab", agreed: "Holiday", old: "a x, b y, c Holiday", now: there, want: "Holiday Paid"},
		{name: "a keyword was added, and nobody can tell where", letters: "ab", agreed: "Holiday", old: here, now: there, want: "Holiday"},
		{name: "a keyword was added before, into a place that has no letter for the other", letters: "ab", agreed: "Holiday", old: here, now: "a Paid, b Urgent", want: "Holiday Work"},
		{name: "a keyword was taken off", agreed: "Holiday", old: here, now: there},
		{name: "all were taken off that a letter can carry", agreed: "Holiday Work Beyond", old: here, now: there, want: "Beyond"},
		{name: "one of two was taken off", letters: "a", agreed: "Holiday Work", old: here, now: there, want: "Holiday"},
		{name: "one of two was taken off, and what is left means the other in the new place", letters: "b", agreed: "Holiday Work", old: here, now: there, want: "Holiday Work"},
		{name: "one of two was taken off, by a program that knows the letters", letters: "c", agreed: "Holiday Work", old: here, now: "c Work, d Holiday", want: "Work"},
		{name: "letters that are no agreement anywhere", letters: "c", agreed: "Holiday", old: here, now: "c Other, b Holiday", want: "Holiday"},
		{name: "nothing agreed on, and two meanings", letters: "a", old: here, now: there, want: "Paid"},
		{name: "nothing agreed on, and the same meaning", letters: "a", old: "a x", now: "a x, b y", want: "x"},
		{name: "a keyword was added, in places that mean the same by the others", letters: "ab", agreed: "x", old: "a x, b y", now: "a x, b z", want: "x z"},
		{name: "one of two was taken off, in places that mean the same", letters: "b", agreed: "x y", old: "a x, b y", now: "a x, b y", want: "y"},
		{name: "nothing agreed on, and a meaning in the old place only", letters: "a", old: here, now: "b Paid", want: "Holiday"},
		{name: "nothing agreed on, and a meaning in the new place only", letters: "b", old: "a Holiday", now: "b Paid", want: "Paid"},
		{name: "the old place lost its words", letters: "a", agreed: "Holiday", now: "a Paid", want: "Holiday"},
		{name: "letters that nothing names", letters: "z", agreed: "Holiday", old: here, now: there, want: "Holiday"},
		{name: "words in another case", letters: "a", agreed: "holiday", old: here, now: there, want: "holiday"},
		{name: "of a message that nobody knows", letters: "ab", old: here, now: there, want: "Holiday Work", unknown: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := MovedKeywords(c.letters, strings.Fields(c.agreed), !c.unknown, table(c.old), table(c.now))
			slices.Sort(got)
			if s := strings.Join(got, " "); s != strings.Join(sorted(strings.Fields(c.want)), " ") {
				t.Errorf("keywords %q, want %q", s, c.want)
			}
		})
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
