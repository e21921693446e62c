package match

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// A letter a to z in a file's name has a meaning only together with a Maildir: that in which
// the file was when both sides last agreed on it. Programs that move a file keep its name,
// with the letters of the old place; one that knows dovecot-keywords gives it letters of the new
// one. Nothing in the name shows which it was.

// MovedKeywords decides which keywords a file has that is in another Maildir than the one of its
// identity. agreed are those that both sides last agreed on, and known is false where no
// agreement is known; old and now are what letters mean where it was then and where it is now. It is
// a pure function, and this is the rule:
//
//  1. Letters that stand for the same in both places, and no letters, are read as in any place: what is
//     there was added, what had a letter and is missing was taken off.
//  2. Letters that stand for what was agreed on in the old place, or in the new one, are those of
//     that place. No keyword changed.
//  3. Else, letters that stand for that and more in one of the places, and less likely so in the
//     other, are those of that place: the user added a keyword before the move, or after it. Where both
//     are as likely, and what was agreed on has the same letters in both, a keyword was added by a
//     program that knows what letters mean, and it knows those of the place where the file is.
//  4. Else, where all letters stand for something that was agreed on in one of the places, and in the
//     other not: what else had a letter there was taken off.
//  5. Else it cannot be decided, and what was agreed on stays.
//
// A keyword that no letter stands for in a place cannot be missed there, and stays. Without an
// agreement to hold them against, letters are the old place's.
func MovedKeywords(letters string, agreed []string, known bool, old, now state.Words) []string {
	was, wasAll := read(letters, old)
	is, isAll := read(letters, now)
	if !known {
		return was
	}
	switch {
	case wasAll && isAll && sameWords(was, is):
		return both(lettered(agreed, old, false), was)
	case wasAll && sameWords(was, lettered(agreed, old, true)), isAll && sameWords(is, lettered(agreed, now, true)):
		return agreed
	}
	before, after := likely(was, wasAll, lettered(agreed, old, true)), likely(is, isAll, lettered(agreed, now, true))
	switch {
	case before > after:
		return both(agreed, was)
	case after > before && (after == shown || len(agreed) == 0), after == before && after > unlikely && coincide(agreed, old, now):
		return both(agreed, is)
	}
	fewerWas, fewerIs := wasAll && holds(agreed, was), isAll && holds(agreed, is)
	switch {
	case fewerWas && !fewerIs:
		return both(lettered(agreed, old, false), was)
	case fewerIs && !fewerWas:
		return both(lettered(agreed, now, false), is)
	}
	return agreed
}

// coincide reports whether words have the same letters in two places, or none.
func coincide(words []string, a, b state.Words) bool {
	for i := range a {
		if a[i] != b[i] && (plan.Has(words, a[i]) || plan.Has(words, b[i])) {
			return false
		}
	}
	return true
}

// How likely letters are to be of one place.
const (
	unlikely = iota // a letter has no meaning there, or one of an agreed keyword is missing
	possible
	shown // by a letter of what was agreed on
)

func likely(words []string, all bool, agreed []string) int {
	switch {
	case !all || !holds(words, agreed):
		return unlikely
	case len(agreed) == 0:
		return possible
	}
	return shown
}

// read returns the words of letters, and whether all letters have one.
func read(letters string, in state.Words) (words []string, all bool) {
	all = true
	for i := range len(letters) {
		if w := in[letters[i]-'a']; w != "" {
			words = append(words, w)
		} else {
			all = false
		}
	}
	return words, all
}

// AsRead reports whether letters stand for those of the words that have one in a place.
func AsRead(letters string, words []string, in state.Words) bool {
	got, all := read(letters, in)
	return all && sameWords(got, lettered(words, in, true))
}

// lettered are those of the words that a letter stands for, or those that none does.
func lettered(words []string, in state.Words, yes bool) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return plan.Has(in[:], w) != yes })
}

func holds(words, all []string) bool {
	return !slices.ContainsFunc(all, func(w string) bool { return !plan.Has(words, w) })
}

func sameWords(a, b []string) bool { return holds(a, b) && holds(b, a) }

func both(a, b []string) []string {
	out := slices.Clone(a)
	for _, w := range b {
		if !plan.Has(out, w) {
			out = append(out, w)
		}
	}
	return out
}
