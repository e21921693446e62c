package state

import (
	"slices"
	"strings"
)

// UID is a message's unique identifier within one generation of one mailbox
// (RFC 9051 section 2.3.1.1). Zero is never a UID. POP3 backends number their
// UIDLs, so that the engine sees UIDs there too.
type UID uint32

// Flags is a set of flags: the low eight bits are the system flags below, each
// of the other 56 is a keyword of the message's mailbox, known by name through
// that mailbox's Keywords.
type Flags uint64

// The system flags, with the letter each has in a Maildir file name.
const (
	Seen      Flags = 1 << iota // \Seen, S
	Answered                    // \Answered, R
	Flagged                     // \Flagged, F
	Draft                       // \Draft, D
	Forwarded                   // $Forwarded, P
	Deleted                     // \Deleted, T

	// System is every flag that needs no Keywords table.
	System = Seen | Answered | Flagged | Draft | Forwarded | Deleted
)

const (
	firstKeyword = 8
	// MaxKeywords is how many keywords one mailbox can have in a Flags word.
	// Those beyond are left where they are, on the server.
	MaxKeywords = 64 - firstKeyword
)

var systemNames = []struct {
	flag Flags
	name string
}{
	{Seen, `\Seen`}, {Answered, `\Answered`}, {Flagged, `\Flagged`},
	{Draft, `\Draft`}, {Forwarded, `$Forwarded`}, {Deleted, `\Deleted`},
}

// Merge is the three-way merge of flags: for each flag the side that changed it
// since base wins. A flag has two values, so two sides that both changed it
// changed it to the same value, and no conflict is possible.
func Merge(base, a, b Flags) Flags { return a&b | (a|b)&^base }

// Pick takes the flags inside mask from a and those outside it from b.
func Pick(mask, a, b Flags) Flags { return a&mask | b&^mask }

// Keywords names the keyword bits of one mailbox. A name once given a bit keeps
// it for the life of the mailbox. The zero value is an empty table. Names compare
// without regard to ASCII case, as IMAP keywords do (RFC 9051 section 2.3.2).
// It is not safe for concurrent use: a mailbox has one goroutine at a time.
type Keywords struct {
	names []string
}

// NewKeywords returns a table in which names[i] has the i-th keyword bit. Names
// beyond MaxKeywords are left out.
func NewKeywords(names []string) *Keywords {
	return &Keywords{names: slices.Clone(names[:min(len(names), MaxKeywords)])}
}

// Names returns the names in the order of their bits.
func (k *Keywords) Names() []string { return slices.Clone(k.names) }

// Len returns how many keywords have a bit.
func (k *Keywords) Len() int { return len(k.names) }

// Bit returns the flag for a name as a server or a Maildir spells it: a system
// flag, a known keyword, or a keyword that gets the next free bit now. It returns
// false where no bit is left.
func (k *Keywords) Bit(name string) (Flags, bool) {
	for _, s := range systemNames {
		if strings.EqualFold(s.name, name) {
			return s.flag, true
		}
	}
	for i, n := range k.names {
		if strings.EqualFold(n, name) {
			return 1 << (firstKeyword + i), true
		}
	}
	if len(k.names) == MaxKeywords {
		return 0, false
	}
	k.names = append(k.names, name)
	return 1 << (firstKeyword + len(k.names) - 1), true
}

// NamesOf spells every flag of f that has a name, system flags first.
func (k *Keywords) NamesOf(f Flags) []string {
	var out []string
	for _, s := range systemNames {
		if f&s.flag != 0 {
			out = append(out, s.name)
		}
	}
	for i, n := range k.names {
		if f&(1<<(firstKeyword+i)) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// All is every flag the table can name.
func (k *Keywords) All() Flags {
	return System | (1<<len(k.names)-1)<<firstKeyword
}

// String spells the system flags of f as in a Maildir file name: sorted, keywords
// left out, "-" where there is none. It is for people and tests.
func (f Flags) String() string {
	var b strings.Builder
	for _, s := range []struct {
		flag   Flags
		letter byte
	}{{Draft, 'D'}, {Flagged, 'F'}, {Forwarded, 'P'}, {Answered, 'R'}, {Seen, 'S'}, {Deleted, 'T'}} {
		if f&s.flag != 0 {
			b.WriteByte(s.letter)
		}
	}
	for i := range MaxKeywords {
		if f&(1<<(firstKeyword+i)) != 0 {
			b.WriteByte('+')
			b.WriteByte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"[i])
		}
	}
	if b.Len() == 0 {
		return "-"
	}
	return b.String()
}
