package imapscript

import "strings"

// Dice make choices out of a fuzzer's octets: which of the ways to say a thing a server
// takes. When the octets are used up, each choice is the first.
type Dice []byte

// Of returns a number below n, which is at most 256.
func (d *Dice) Of(n int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % n
}

// Pick returns one of some texts.
func (d *Dice) Pick(from ...string) string { return from[d.Of(len(from))] }

// Shuffle puts texts into any order.
func (d *Dice) Shuffle(words []string) {
	for i := range words {
		j := i + d.Of(len(words)-i)
		words[i], words[j] = words[j], words[i]
	}
}

// Case spells a word of the protocol, which has no case.
func (d *Dice) Case(word string) string {
	if d.Of(4) == 3 {
		return strings.ToLower(word)
	}
	return word
}
