package maildir

import (
	"strconv"
	"strings"

	"mailsync/state"
)

// Name is what the name of a fetched message's file says:
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
	mark    = ".mailsync"
	keySize = 26
	// markUpper is what a copy into upper case makes of the mark.
	markUpper = ".MAILSYNC"
	// hashSize is how many base32 characters of the digest stand in a name.
	hashSize = 20
	maxToken = 64
)

// String spells the name without the info part. A field that cannot stand in a file
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
	b = append(b, mark...)
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
// name that is not of our making; hints that make no sense are left out.
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
	n.Token, rest, ok = strings.Cut(rest, mark)
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

// validToken reports whether a token can stand in a file name: 1 to 64 ASCII letters
// and digits.
func validToken(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// isBase32 is RFC 4648 section 6, upper case, without padding.
func isBase32(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func leadingDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
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
