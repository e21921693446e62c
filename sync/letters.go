package sync

import (
	"slices"
	"strings"

	"mailsync/state"
)

// A letter a to z in a file's name means something only together with a Maildir: that in which
// the file was when both sides last agreed on it. Programs that move a file move its name as it is,
// letters of the old place and all; one that knows dovecot-keywords gives it letters of the new
// one. Nothing in the name says which it was.

// movedKeywords decides which keywords a file has that lies in another Maildir than the one of its
// identity. agreed are those that both sides last agreed on, and known is false where nobody knows
// of an agreement; old and now are what letters mean where it was then and where it lies now. It is
// a pure function, and this is the rule:
//
//  1. Letters that stand for what was agreed on in the old place, or in the new one, are those of
//     that place. No keyword changed.
//  2. Else, letters that stand for that and more in one of the places, and less likely so in the
//     other, are those of that place: the user added a keyword before the move, or after it. After it
//     only where a letter of what was agreed on shows it, for other letters may have come from the
//     old place without a name.
//  3. Else nobody can tell, and what was agreed on stays.
//
// A keyword that no letter stands for in a place cannot be missed there, and stays. Without an
// agreement to hold them against, letters are the old place's.
func movedKeywords(letters string, agreed []string, known bool, old, now state.Words) []string {
	was, wasAll := read(letters, old)
	is, isAll := read(letters, now)
	if !known {
		return was
	}
	switch {
	case wasAll && sameWords(was, lettered(agreed, old)), isAll && sameWords(is, lettered(agreed, now)):
		return agreed
	}
	before, after := likely(was, wasAll, lettered(agreed, old)), likely(is, isAll, lettered(agreed, now))
	switch {
	case before > after:
		return both(agreed, was)
	case after > before && after == shown:
		return both(agreed, is)
	}
	return agreed
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

// lettered are those of the words that a letter stands for.
func lettered(words []string, in state.Words) (out []string) {
	for _, w := range words {
		if has(in[:], w) {
			out = append(out, w)
		}
	}
	return out
}

// has compares as IMAP does (RFC 9051 section 2.3.2).
func has(words []string, w string) bool {
	return slices.ContainsFunc(words, func(x string) bool { return strings.EqualFold(x, w) })
}

func holds(words, all []string) bool {
	return !slices.ContainsFunc(all, func(w string) bool { return !has(words, w) })
}

func sameWords(a, b []string) bool { return holds(a, b) && holds(b, a) }

func both(a, b []string) []string {
	out := slices.Clone(a)
	for _, w := range b {
		if !has(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// carriedFlags are the flags, in the bits of to, of a file that takes a message from one mailbox to
// another: the system flags that its name shows, and its keywords. What was agreed on of the
// message stands in where the name is silent, and of flags that no name can carry.
func carriedFlags(f lying, owner, in, to *box) state.Flags {
	i, known := owner.find(f.of.uid)
	var agreed state.Flags
	if known = known && max(1, owner.records[i].Variant) == f.of.variant; known {
		agreed = owner.records[i].Agreed
		if owner.records[i].Status == state.Outstanding {
			agreed = owner.records[i].Seen // nothing was agreed on, but that is what is known of it
		}
	}
	flags := state.Pick(owner.disk.Can, state.Spoken(f.silent, f.flags, agreed), agreed)
	if in == owner {
		return translate(flags, owner.kw, to.kw)
	}
	flags = state.Spoken(f.silent, f.flags, agreed) & state.System
	words := owner.kw.NamesOf(agreed &^ state.System)
	if !f.silent {
		words = movedKeywords(f.letters, words, known, owner.disk.Words, in.disk.Words)
	}
	for _, w := range words {
		if bit, ok := to.kw.Bit(w); ok {
			flags |= bit
		}
	}
	return flags
}
