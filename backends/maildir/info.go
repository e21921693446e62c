package maildir

import (
	"path"
	"runtime"
	"strings"

	"mailsync/state"
)

// The info part of a name is what mail programs change of it: a colon, "2," and the flag
// letters. A file system without colons puts something else in their place, or cuts the
// name there, when a tree is copied to it. Where that is something that programs are known
// to write on purpose, the letters are read; where it is anything else, the name says
// nothing about flags, and that is not the same as saying that there are none.

const infoTwo = "2,"

// infoSep stands before the info part, as the Maildir specification says. Windows allows no colon.
var infoSep = sepOn(runtime.GOOS)

func sepOn(system string) byte {
	if system == "windows" {
		return ';'
	}
	return ':'
}

// maxMangled is the longest that stands in place of a separator, "\x3a" and the like.
const maxMangled = 6

// parts is a base name taken apart.
type parts struct {
	key     string // what stays the same when flags change
	letters string
	has     bool // there is an info part of version 2 that can be read
	odd     bool // by us, for its separator is not the one of mail programs here, or something follows the letters
	mangled bool // there was one that cannot be read any more; of a name of ours only
}

// partsOf takes a base name apart. Whatever a file system did to the separator, files of
// ours that differ in their flags alone have one key.
func partsOf(base string) parts {
	p := parts{key: base}
	for i := strings.LastIndex(base, infoTwo); i > 0; i = strings.LastIndex(base[:i], infoTwo) {
		if key, ok := cutSep(base[:i]); ok && key != "" {
			info := base[i+len(infoTwo):]
			p.key, p.letters, p.has = key, leadingLetters(info), true
			p.odd = base[i-1] != infoSep || p.letters != info
			break
		}
	}
	p.key, p.mangled = cutMangled(p.key)
	if key, ok := unfold(p.key); ok {
		since := "" // what mail programs wrote after a copy into lower case
		if !strings.Contains(p.key, markUpper) {
			since = upperLetters(p.letters)
		}
		p.key, p.letters, p.mangled = key, since, true
	}
	return p
}

// leadingLetters are those at the beginning of an info part. What follows, as ".TXT" of a
// program that gives each file an ending, are no flags.
func leadingLetters(info string) string {
	for i := range len(info) {
		if !onlyLetters(info[i : i+1]) {
			return info[:i]
		}
	}
	return info
}

// unfold undoes what a copy did that put a name of ours into lower case, or into upper. Nothing
// in such a name tells keywords and flags apart any more.
func unfold(key string) (own string, folded bool) {
	dot := strings.IndexByte(key, '.')
	if dot < 1 || dot+1 == len(key) {
		return "", false
	}
	switch key[dot+1] {
	case 'u', 'p':
	case 'U', 'P':
		if !strings.Contains(key, markUpper) {
			return "", false
		}
	default:
		return "", false
	}
	own = strings.Replace(strings.ToUpper(key), markUpper, mark, 1)
	_, folded = ParseName(own)
	return own, folded
}

func upperLetters(letters string) string {
	return strings.Map(func(c rune) rune {
		if c < 'A' || c > 'Z' {
			return -1
		}
		return c
	}, letters)
}

func cutSep(s string) (key string, ok bool) {
	for _, sep := range state.InfoSeps {
		if key, ok = strings.CutSuffix(s, sep); ok {
			return key, true
		}
	}
	return s, false
}

// cutMangled takes an info part whose separator is none off a name of ours.
func cutMangled(base string) (key string, cut bool) {
	comma := strings.LastIndexByte(base, ',')
	if comma < 1 || base[comma-1] != '2' || !onlyLetters(base[comma+1:]) {
		return base, false
	}
	key, rest := cutRest(base[:comma-1])
	if len(rest) > maxMangled {
		return base, false
	}
	if _, ours := ParseName(key); !ours {
		return base, false
	}
	return key, true
}

// cutRest takes off what stands behind the last field of a name of ours and is no part of it.
func cutRest(key string) (own, rest string) {
	end := len(key)
	comma := strings.LastIndexByte(key, ',')
	switch field := key[comma+1:]; {
	case comma < 0:
		if i := strings.LastIndex(key, mark); i >= 0 {
			end = i + len(mark)
		}
	case strings.HasPrefix(field, "S="), strings.HasPrefix(field, "W="):
		digits, _ := leadingDigits(field[2:])
		end = comma + 3 + len(digits)
	case strings.HasPrefix(field, "H=") && len(field) > 2+hashSize && isBase32(field[2:2+hashSize]):
		end = comma + 3 + hashSize
	}
	return key[:end], key[end:]
}

func onlyLetters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// silent reports whether a name, of a file in that folder, says nothing about the flags that
// it does not show. Only a name with our identity can: what is agreed on of its message is
// known. Fresh mail in new/ has no info part, and a name there that is just as we, or a
// program that marks mail as new again, write it says that there are no flags.
func (p parts) silent(dir string) bool {
	if p.has && !p.mangled {
		return false
	}
	n, ours := ParseName(p.key)
	return ours && (p.mangled || dir != dirNew || n.String() != p.key)
}

// hidden reports whether mail programs here see no flags in the name of a file in cur/, whether
// or not it has any: they would write what they do not see.
func (p parts) hidden() bool { return !p.has || p.odd || p.mangled }

// splitInfo takes a base name apart into what stays the same when flags change, and
// the flag letters.
func splitInfo(base string) (key, letters string) {
	p := partsOf(base)
	return p.key, p.letters
}

// keyOf is a name without its folder and its flags, which mail programs change.
func keyOf(name string) string { return partsOf(path.Base(name)).key }

// joinInfo is the reverse of splitInfo for a name in cur/.
func joinInfo(key, flags string) string { return key + string(infoSep) + infoTwo + flags }
