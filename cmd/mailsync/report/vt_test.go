package report

import (
	"fmt"
	"strings"
)

// vt is a terminal that breaks long lines, and breaks them anew when its width changes, as most do. It obeys what the
// progress uses, and nothing else.
type vt struct {
	columns   int
	lines     [][]rune // as they were written, however many rows each takes
	line, col int      // where the cursor is
}

func newVT(columns int) *vt { return &vt{columns: columns, lines: [][]rune{nil}} }

func (v *vt) Write(p []byte) (int, error) {
	text := []rune(string(p))
	for i := 0; i < len(text); i++ {
		switch r := text[i]; r {
		case '\r':
			v.col -= v.col % v.columns
		case '\n':
			if v.line++; v.line == len(v.lines) {
				v.lines = append(v.lines, nil)
			}
			v.col = 0
		case '\x1b':
			n := 0
			for i += 2; text[i] >= '0' && text[i] <= '9'; i++ {
				n = n*10 + int(text[i]-'0')
			}
			v.escape(text[i], max(n, 1))
		default:
			v.put(r)
		}
	}
	return len(p), nil
}

func (v *vt) put(r rune) {
	l := v.lines[v.line]
	for len(l) <= v.col {
		l = append(l, ' ')
	}
	l[v.col] = r
	v.lines[v.line] = l
	v.col++
}

func (v *vt) escape(code rune, n int) {
	switch code {
	case 'K': // to the end of the row
		l, end := v.lines[v.line], v.col-v.col%v.columns+v.columns
		if end >= len(l) {
			v.lines[v.line] = l[:min(v.col, len(l))]
			break
		}
		for i := v.col; i < end; i++ {
			l[i] = ' '
		}
	case 'A':
		for range n {
			switch {
			case v.col >= v.columns:
				v.col -= v.columns
			case v.line > 0:
				v.line--
				v.col += (v.rows(v.line) - 1) * v.columns
			}
		}
	default:
		panic(fmt.Sprintf("the terminal does not know escape code %q", code))
	}
}

func (v *vt) rows(line int) int {
	return max(1, (len(v.lines[line])+v.columns-1)/v.columns)
}

// String is what the screen shows, without blanks at the ends.
func (v *vt) String() string {
	var all []string
	for _, l := range v.lines {
		all = append(all, strings.TrimRight(string(l), " "))
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n")
}
