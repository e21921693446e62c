package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailsync/state"
)

// maxText is how much of one text is shown, in bytes.
const maxText = 1000

// Clean makes a text of a server safe to show, for those who do not show it by a Report.
func Clean(text string) string { return clean(text) }

// clean makes a text of a server safe to show: on one line, cut, and with everything escaped
// that cannot be seen.
func clean(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		if b.Len() > maxText {
			b.WriteString("…")
			break
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n': // of errors that were joined
			b.WriteString("; ")
		case r != ' ' && !unicode.IsPrint(r): // control characters, and those that change the direction of the text
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// Size is a number of bytes for people: "512 B", "1.5 MiB".
func Size(n int64) string { return state.Size(n) }

// Seconds is a duration for people: "80 ms", "1.2 s", "12 s", "3 min 20 s", "2 h 5 min".
func Seconds(d time.Duration) string {
	switch rounded := d.Round(time.Second); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case rounded < time.Minute:
		return fmt.Sprintf("%d s", rounded/time.Second)
	case rounded < time.Hour:
		return fmt.Sprintf("%d min %d s", rounded/time.Minute, rounded%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%d h %d min", rounded/time.Hour, rounded%time.Hour/time.Minute)
	}
}

// Plural is a count and its noun.
func Plural(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "x"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// some is a number of things, and what they are.
type some struct {
	n    int
	what string
}

// counts adds those that are not 0 to a text, with commas between them.
func counts(text string, all ...some) string {
	for _, s := range all {
		if s.n > 0 {
			if text != "" {
				text += ", "
			}
			text += fmt.Sprintf("%d %s", s.n, s.what)
		}
	}
	return text
}

// Cut cuts a text to so many columns, with "…" in place of its end.
func Cut(text string, columns int) string {
	if Columns(text) <= columns {
		return text
	}
	if columns < 1 {
		return ""
	}
	for Columns(text) > columns-1 {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text + "…"
}

// Columns is the width of a text on a terminal, as far as it can be known: East Asian letters and
// most pictures take two columns.
func Columns(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r) || r == 0x200d: // on top of the letter before
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
			r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
			r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
			n += 2
		default:
			n++
		}
	}
	return n
}
