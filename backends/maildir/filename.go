package maildir

import (
	"path"
	"runtime"
	"strconv"
	"strings"

	"mailsync/state"
)

// Name is the name of a fetched message's file, taken apart:
//
//	<INTERNALDATE seconds>.U<uid>[-variant]T<token>.mailsync,S=<bytes on disk>,W=<bytes sent>,H=<digest>
//
// or P<key> in place of U<uid> where the server has no UIDs. Token, UID or key, and
// variant are the identity; the rest is a hint that may be missing or wrong.
type Name struct {
	Date    int64     // seconds since 1970
	UID     state.UID // 0 where there is a Key
	Key     string    // 26 characters of base32, "" where there is a UID
	Variant uint8     // 1 for the first message of a UID
	Token   string
	OnDisk  int64  // S=, octets in the file; -1 unknown
	Bytes   int64  // W=, octets the server sent; -1 unknown
	Hash    string // H=, the first 20 base32 characters of their SHA-256; "" unknown
}

const (
	ownTag  = ".mailsync"
	keySize = 26
	// ownTagUpper is what a copy into upper case makes of ownTag.
	ownTagUpper = ".MAILSYNC"
	// hashSize is how many base32 characters of the digest a name has.
	hashSize = 20
	maxToken = 64
)

// String spells the name without the info part. A field that cannot be part of a file
// name gives a name that ParseName does not take for ours.
func (n Name) String() string {
	b := make([]byte, 0, 128)
	b = strconv.AppendInt(b, n.Date, 10)
	if n.Key != "" {
		b = append(append(b, ".P"...), n.Key...)
	} else {
		b = strconv.AppendUint(append(b, ".U"...), uint64(n.UID), 10)
	}
	if n.Variant > 1 {
		b = strconv.AppendUint(append(b, '-'), uint64(n.Variant), 10)
	}
	b = append(append(b, 'T'), n.Token...)
	b = append(b, ownTag...)
	if n.OnDisk >= 0 {
		b = strconv.AppendInt(append(b, ",S="...), n.OnDisk, 10)
	}
	if n.Bytes >= 0 {
		b = strconv.AppendInt(append(b, ",W="...), n.Bytes, 10)
	}
	if n.Hash != "" {
		b = append(append(b, ",H="...), n.Hash...)
	}
	return string(b)
}

// ParseName reads a file's base name without its info part. It reports false for a
// name that is not of our making; hints that cannot be read are left out.
func ParseName(base string) (Name, bool) {
	n := Name{Variant: 1, OnDisk: -1, Bytes: -1}
	date, rest, ok := strings.Cut(base, ".")
	if !ok {
		return Name{}, false
	}
	if n.Date, ok = number(date); !ok {
		return Name{}, false
	}
	if rest, ok = n.parseID(rest); !ok {
		return Name{}, false
	}
	n.Token, rest, ok = strings.Cut(rest, ownTag)
	if !ok || !validToken(n.Token) || rest != "" && validToken(rest[:1]) { // a copy may have replaced the comma
		return Name{}, false
	}
	n.parseHints(rest)
	return n, true
}

// parseID reads U<uid> or P<key>, the variant and the T after them.
func (n *Name) parseID(s string) (rest string, ok bool) {
	switch {
	case strings.HasPrefix(s, "U"):
		digits, tail := leadingDigits(s[1:])
		uid, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || uid == 0 || digits[0] == '0' {
			return "", false
		}
		n.UID, s = state.UID(uid), tail
	case len(s) > keySize && s[0] == 'P' && isBase32(s[1:1+keySize]):
		n.Key, s = s[1:1+keySize], s[1+keySize:]
	default:
		return "", false
	}
	if strings.HasPrefix(s, "-") {
		digits, tail := leadingDigits(s[1:])
		v, err := strconv.ParseUint(digits, 10, 8)
		if err != nil || v < 2 || digits[0] == '0' {
			return "", false
		}
		n.Variant, s = uint8(v), tail
	}
	return strings.CutPrefix(s, "T")
}

func (n *Name) parseHints(s string) {
	for s != "" {
		var field string
		field, s, _ = strings.Cut(s[1:], ",")
		if s != "" {
			s = "," + s
		}
		if len(field) < 2 || field[1] != '=' {
			continue
		}
		value := field[2:]
		switch field[0] {
		case 'S':
			n.OnDisk = size(value)
		case 'W':
			n.Bytes = size(value)
		case 'H':
			if len(value) == hashSize && isBase32(value) {
				n.Hash = value
			}
		}
	}
}

// leading counts the octets of one kind that a text begins with.
func leading(s string, is func(c byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// validToken reports whether a token can be part of a file name: 1 to 64 ASCII letters
// and digits.
func validToken(s string) bool {
	return s != "" && len(s) <= maxToken && leading(s, func(c byte) bool { return isDigit(c) || isLetter(c) }) == len(s)
}

// isBase32 is RFC 4648 section 6, upper case, without padding.
func isBase32(s string) bool {
	return leading(s, func(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '2' && c <= '7' }) == len(s)
}

func leadingDigits(s string) (digits, rest string) {
	n := leading(s, isDigit)
	return s[:n], s[n:]
}

// number parses a decimal as String writes it, so that a name has one spelling.
func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || s[0] == '+' || len(s) > 1 && (s[0] == '0' || s[:2] == "-0") {
		return 0, false
	}
	return n, true
}

func size(s string) int64 {
	if n, ok := number(s); ok && n >= 0 {
		return n
	}
	return -1
}

// The info part of a name is what mail programs change of it: a colon, "2," and the flag
// letters. A file system without colons puts something else in their place, or cuts the
// name there, when a tree is copied to it. Where that is something that programs are known
// to write on purpose, the letters are read; where it is anything else, the flags of the file
// are unknown, which is not the same as a file without flags.

const infoTwo = "2,"

// infoSep is before the info part, as the Maildir specification has it. Windows allows no colon.
var infoSep byte = ':'

func init() {
	if runtime.GOOS == "windows" {
		infoSep = ';'
	}
}

// maxMangled is the length of the longest replacement of a separator, as "\x3a".
const maxMangled = 6

// parts is a base name taken apart.
type parts struct {
	key     string // what stays the same when flags change
	name    Name   // that the key spells, if it is one of ours
	ours    bool
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
		if !strings.Contains(p.key, ownTagUpper) {
			_, since = apart(p.letters)
		}
		p.key, p.letters, p.mangled = key, since, true
	}
	p.name, p.ours = ParseName(p.key)
	return p
}

// leadingLetters are those at the beginning of an info part. What follows, as ".TXT" of a
// program that gives each file an ending, are not flags.
func leadingLetters(info string) string { return info[:leading(info, isLetter)] }

// unfold undoes what a copy did that put a name of ours into lower case, or into upper. In
// such a name keywords and flags look the same.
func unfold(key string) (own string, folded bool) {
	dot := strings.IndexByte(key, '.')
	if dot < 1 || dot+1 == len(key) {
		return "", false
	}
	switch key[dot+1] {
	case 'u', 'p':
	case 'U', 'P':
		if !strings.Contains(key, ownTagUpper) {
			return "", false
		}
	default:
		return "", false
	}
	own = strings.Replace(strings.ToUpper(key), ownTagUpper, ownTag, 1)
	_, folded = ParseName(own)
	return own, folded
}

func cutSep(s string) (key string, ok bool) {
	for _, sep := range state.InfoSeps {
		if key, ok = strings.CutSuffix(s, sep); ok {
			return key, true
		}
	}
	return s, false
}

// cutMangled removes an info part without a known separator from a name of ours.
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

// cutRest parts a name of ours from what is behind its last field.
func cutRest(key string) (own, rest string) {
	end := len(key)
	comma := strings.LastIndexByte(key, ',')
	switch field := key[comma+1:]; {
	case comma < 0:
		if i := strings.LastIndex(key, ownTag); i >= 0 {
			end = i + len(ownTag)
		}
	case strings.HasPrefix(field, "S="), strings.HasPrefix(field, "W="):
		digits, _ := leadingDigits(field[2:])
		end = comma + 3 + len(digits)
	case strings.HasPrefix(field, "H=") && len(field) > 2+hashSize && isBase32(field[2:2+hashSize]):
		end = comma + 3 + hashSize
	}
	return key[:end], key[end:]
}

func onlyLetters(s string) bool { return leading(s, isLetter) == len(s) }

// silent reports whether the name of a file in that folder leaves open which flags it has beside
// those that it shows. Only a name with our identity can: what was agreed on for its message is
// known. Fresh mail in new/ has no info part; a name there that is just as we write it, or a
// program that marks mail as new again, means that there are no flags.
func (p parts) silent(dir string) bool {
	if p.has && !p.mangled {
		return false
	}
	return p.ours && (p.mangled || dir != dirNew || p.name.String() != p.key)
}

// hidden reports whether mail programs here see no flags in the name of a file in cur/, whether
// or not it has any: they would write what they do not see.
func (p parts) hidden() bool { return !p.has || p.odd || p.mangled }

// infoOf is the flag letters in a name.
func infoOf(name string) string { return partsOf(path.Base(name)).letters }

// keyOf is a name without its folder and its flags, which mail programs change.
func keyOf(name string) string { return partsOf(path.Base(name)).key }

// joinInfo is the name that a file has in cur/.
func joinInfo(key, flags string) string { return key + string(infoSep) + infoTwo + flags }
