package imap

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// modified is base64 as mailbox names have it (RFC 3501 section 5.1.3).
var modified = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// decodeName decodes one level of a mailbox name from modified UTF-7, generously: ASCII
// in base64 and 8-bit UTF-8 are read as what they mean, and a "&" that begins no base64
// stands for itself, for there are servers that send them. It returns false for a name
// that is not text.
func decodeName(raw string) (string, bool) {
	if !utf8.ValidString(raw) {
		return "", false
	}
	var b strings.Builder
	for raw != "" {
		i := strings.IndexByte(raw, '&')
		if i < 0 {
			b.WriteString(raw)
			break
		}
		b.WriteString(raw[:i])
		raw = raw[i+1:]
		if rest, ok := strings.CutPrefix(raw, "-"); ok {
			b.WriteByte('&')
			raw = rest
			continue
		}
		code, rest, ok := strings.Cut(raw, "-")
		text, valid := decodeShift(code)
		if !ok || !valid {
			b.WriteByte('&')
			continue
		}
		b.WriteString(text)
		raw = rest
	}
	s := b.String()
	return s, s != "" && strings.IndexFunc(s, isUnreadable) < 0
}

// NameOf returns a raw name's levels as people read them, without asking the server; what cannot be
// decoded stays as it is. The prefix of INBOX's namespace is still on it.
func NameOf(raw, sep string) []string {
	if levels, ok := levelsOf(raw, sep, namespace{}); ok {
		return levels
	}
	return []string{raw}
}

// isUnreadable is true for what cannot be part of a name that a command can carry.
func isUnreadable(r rune) bool { return r == 0 || r == '\r' || r == '\n' }

// encodeName encodes one level of a mailbox name in modified UTF-7 (RFC 3501 section 5.1.3).
func encodeName(text string) string {
	var b strings.Builder
	var shifted []byte // UTF-16, big-endian
	flush := func() {
		if len(shifted) > 0 {
			b.WriteString("&" + modified.EncodeToString(shifted) + "-")
			shifted = shifted[:0]
		}
	}
	for _, r := range text {
		switch {
		case r == '&':
			flush()
			b.WriteString("&-")
		case r >= ' ' && r <= '~':
			flush()
			b.WriteRune(r)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				shifted = append(shifted, byte(unit>>8), byte(unit))
			}
		}
	}
	flush()
	return b.String()
}

func decodeShift(code string) (string, bool) {
	b, err := modified.DecodeString(code)
	if err != nil || len(b) < 2 || len(b)%2 != 0 {
		return "", false
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	text := string(utf16.Decode(units))
	return text, !strings.ContainsRune(text, unicode.ReplacementChar)
}

// isPlainName reports whether imapclient sends a name as the very bytes that are given:
// it encodes names by rules of its own, and some differently for some servers.
func isPlainName(raw string) bool {
	if strings.EqualFold(raw, "INBOX") {
		return raw == "INBOX"
	}
	return raw != "" && !strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r > '~' || r == '&' })
}

// forClient returns what imapclient has to be given so that it sends a name as it is:
// the name itself, or its text where that is encoded in one way only. With IMAP4rev2
// imapclient sends UTF-8.
func forClient(raw string, rev2 bool) (string, bool) {
	if isPlainName(raw) {
		return raw, true
	}
	text, ok := decodeName(raw)
	return text, ok && !rev2 && !strings.EqualFold(text, "INBOX") && encodeName(text) == raw
}

// quoteName makes a mailbox name, byte for byte, an argument of a command.
func quoteName(raw string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(raw) + `"`
}
