package maildir

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A level that a file system, a Maildir reader or we could misread is escaped: bytes
// become %XX, an empty level %_ . The percent sign itself is always escaped, so the way
// back is unique.

const (
	forbidden  = `/\:*?"<>|%`
	emptyLevel = "%_"
	hexDigits  = "0123456789ABCDEF"
)

// Names that mean something to mail programs inside a Maildir or its parent: whole, or
// as the beginning of a name. Compared in lower case.
var (
	reserved = map[string]bool{
		dirCur: true, dirNew: true, dirTmp: true,
		"subscriptions": true, "maildirfolder": true, "maildirsize": true, "maildirfilter": true,
		"shared-maildirs": true, "shared-folders": true, "shared-timestamp": true, "quotawarn": true,
	}
	reservedBeginnings = []string{
		"mailsync.", "dovecot.", "dovecot-", "courierimap", "courierpop3", "sqwebmail-", "maildirfilter.",
	}
	// Windows keeps these for devices, with any ending.
	devices = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true, "clock$": true}
)

// escape makes a level a safe file name, reversibly.
func (l Layout) escape(level string) string {
	if level == "" {
		return emptyLevel
	}
	var b strings.Builder
	last := len(level) - 1
	for i := 0; i < len(level); {
		r, n := utf8.DecodeRuneInString(level[i:])
		bad := r == utf8.RuneError && n == 1 ||
			unicode.IsControl(r) ||
			r < utf8.RuneSelf && strings.IndexByte(forbidden, byte(r)) >= 0 ||
			r == '.' && (i == 0 || i == last || l == PlusPlus) ||
			r == ' ' && i == last ||
			i == 0 && (isReserved(level) || l == PlusPlus && strings.EqualFold("."+level, stateDirFS))
		for _, c := range []byte(level[i : i+n]) {
			if bad {
				b.WriteByte('%')
				b.WriteByte(hexDigits[c>>4])
				b.WriteByte(hexDigits[c&15])
			} else {
				b.WriteByte(c)
			}
		}
		i += n
	}
	return b.String()
}

// isReserved reports whether a name means something to a program as it is.
func isReserved(level string) bool {
	s := strings.ToLower(level)
	if reserved[s] {
		return true
	}
	for _, beginning := range reservedBeginnings {
		if strings.HasPrefix(s, beginning) {
			return true
		}
	}
	stem, _, _ := strings.Cut(s, ".")
	stem = strings.TrimRight(stem, " ")
	return devices[stem] || isPort(stem)
}

// isPort is com0 to com9 and lpt0 to lpt9, whose digit may be a superscript.
func isPort(stem string) bool {
	digit, ok := strings.CutPrefix(stem, "com")
	if !ok {
		digit, ok = strings.CutPrefix(stem, "lpt")
	}
	if !ok {
		return false
	}
	switch digit {
	case "¹", "²", "³":
		return true
	}
	return len(digit) == 1 && digit[0] >= '0' && digit[0] <= '9'
}

// unescape is the reverse of escape. It reports false where a percent sign does not
// begin an escape of ours.
func unescape(s string) (string, bool) {
	if s == emptyLevel {
		return "", true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b.WriteByte(byte(hi<<4 | lo))
		i += 2
	}
	return b.String(), true
}
