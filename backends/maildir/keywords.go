package maildir

import (
	"bytes"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"mailsync/state"
)

// Keywords are the letters a to z in a file's name. The file dovecot-keywords, which is Dovecot's, too, has
// a line of number and name for each. Where a line was lost, the letter's name is lost with it: the
// letter stays in names as it is, and is not given to another keyword.
const (
	keywordsFile    = "dovecot-keywords"
	maxLetters      = 26
	maxKeywordsFile = 1 << 20
)

// words are the names of the letters in dovecot-keywords, "" for one without a name.
type words [maxLetters]string

// parseKeywords leaves out lines that it cannot read and numbers beyond z. Of two lines
// for one letter the last counts, as for Dovecot.
func parseKeywords(text []byte) words {
	var w words
	for line := range strings.SplitSeq(string(text), "\n") {
		number, name, ok := strings.Cut(strings.TrimRight(line, "\r"), " ")
		i, err := strconv.Atoi(number)
		if ok && err == nil && i >= 0 && i < maxLetters && name != "" {
			w[i] = name
		}
	}
	return w
}

// format spells the file.
func (w words) format() []byte {
	var b bytes.Buffer
	for i, name := range w {
		if name != "" {
			b.WriteString(strconv.Itoa(i) + " " + name + "\n")
		}
	}
	return b.Bytes()
}

// meant are the words that are keywords.
func (w words) meant() (known state.Words) {
	for i, name := range w {
		if spellable(name) {
			known[i] = name
		}
	}
	return known
}

// letters maps between the letters in a name and flags, by the words of one moment.
type letters struct {
	read     bool                    // the words were looked at
	keyword  [maxLetters]state.Flags // 0: a letter without a keyword, or one beyond the table
	unnamed  letterSet               // nothing shows what they mean; free, unless a file carries one
	orphaned letterSet               // of the unnamed those that a file carries
}

// letterSet has a bit for each of the letters a to z.
type letterSet uint32

// keywordsIn are the letters of keywords in an info part.
func keywordsIn(info string) (set letterSet) {
	for i := range len(info) {
		if isKeyword(info[i]) {
			set |= 1 << (info[i] - 'a')
		}
	}
	return set
}

// letters gives each named letter its flag; new names get bits in kw.
func (w words) letters(kw *state.Keywords) letters {
	l := letters{read: true}
	for i, name := range w {
		switch {
		case name == "":
			l.unnamed |= 1 << i
		case standIn(name):
			l.unnamed |= 1 << i
			l.orphaned |= 1 << i
		case atom(name):
			if bit, ok := kw.Bit(name); ok {
				l.keyword[i] = bit
			}
		}
	}
	return l
}

// standIn reports whether a name is one that Dovecot gives to a letter after its own was lost.
func standIn(name string) bool {
	number, ok := strings.CutPrefix(name, "unknown-")
	_, err := strconv.Atoi(strings.TrimRight(number, "a"))
	return ok && err == nil
}

// atom reports whether a name can be a keyword (RFC 9051 section 9). Any other would
// be refused by every server, together with the command that has it.
func atom(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return name != ""
}

// spellable reports whether a keyword can get a letter.
func spellable(name string) bool { return atom(name) && !standIn(name) }

// wonders reports whether a file has letters without a name.
func (l *letters) wonders(info string) bool { return keywordsIn(info)&l.unnamed != 0 }

// carried notes the letters that a file has.
func (l *letters) carried(info string) { l.orphaned |= keywordsIn(info) & l.unnamed }

// free is how many letters can still be given. Once a file carries a letter that lost its
// name, no letter can: a keyword that seems to have no letter may be that one.
func (l *letters) free() int {
	if l.orphaned != 0 {
		return 0
	}
	return bits.OnesCount32(uint32(l.unnamed))
}

func isKeyword(letter byte) bool { return letter >= 'a' && letter <= 'z' }

// apart are the letters of keywords in an info part, and all others.
func apart(info string) (keywords, others string) {
	only := func(are bool) string {
		return strings.Map(func(c rune) rune {
			if isKeyword(byte(c)) == are {
				return c
			}
			return -1
		}, info)
	}
	return only(true), only(false)
}

// flagOf is a letter's flag, 0 for one without a meaning here.
func (l *letters) flagOf(c byte) state.Flags {
	switch c {
	case 'D':
		return state.Draft
	case 'F':
		return state.Flagged
	case 'P':
		return state.Forwarded
	case 'R':
		return state.Answered
	case 'S':
		return state.Seen
	case 'T':
		return state.Deleted
	}
	if isKeyword(c) {
		return l.keyword[c-'a']
	}
	return 0
}

// flags reads the letters of a name.
func (l *letters) flags(info string) state.Flags {
	var f state.Flags
	for i := range len(info) {
		f |= l.flagOf(info[i])
	}
	return f
}

// named is every flag that has a letter.
func (l *letters) named() state.Flags {
	f := state.System
	for _, bit := range l.keyword {
		f |= bit
	}
	return f
}

// can is every flag that has a letter or can get one of those that are free.
func (l *letters) can(kw *state.Keywords) state.Flags {
	f := l.named()
	rest, free := kw.All()&^f, l.free()
	for free > 0 && rest != 0 {
		lowest := rest & -rest
		rest &^= lowest
		if spellable(kw.NamesOf(lowest)[0]) {
			f |= lowest
			free--
		}
	}
	return f
}

// set returns the letters with the flags in mask as in want and all other letters as
// they were, sorted by ASCII. Flags without a letter are left out.
func (l *letters) set(info string, want, mask state.Flags) string {
	var out []byte
	var has state.Flags
	for i := range len(info) {
		flag := l.flagOf(info[i])
		if flag&mask != 0 && flag&want == 0 {
			continue
		}
		has |= flag
		out = append(out, info[i])
	}
	missing := want & mask &^ has
	for c := byte('A'); c <= 'z'; c++ {
		if flag := l.flagOf(c); missing&flag != 0 {
			out = append(out, c)
			missing &^= flag
		}
	}
	slices.Sort(out)
	return string(slices.Compact(out))
}
