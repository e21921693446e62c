package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is one line of a table that is written: a key with its value, or only a comment.
type Line struct {
	Key     string
	Value   any // string, int, bool or []string
	Comment string
}

// Table is an account's table as text, with its keys in a column.
func Table(name string, head []string, lines []Line) string {
	var b strings.Builder
	for _, h := range head {
		b.WriteString(strings.TrimRight("# "+comment(h), " ") + "\n")
	}
	b.WriteString("[accounts." + tableKey(name) + "]\n")
	b.WriteString(keyLines(lines))
	return b.String()
}

// SubTable is a table in an account's, e.g. oauth2.
func SubTable(account, name string, lines []Line) string {
	return "\n[accounts." + tableKey(account) + "." + name + "]\n" + keyLines(lines)
}

// comment is a text on one line, without what TOML does not take in a comment.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
}

func keyLines(lines []Line) string {
	width := 0
	for _, l := range lines {
		width = max(width, len(l.Key))
	}
	var b strings.Builder
	for _, l := range lines {
		switch {
		case l.Key == "":
			b.WriteString("# " + comment(l.Comment) + "\n")
		case l.Comment == "":
			fmt.Fprintf(&b, "%-*s = %s\n", width, l.Key, tomlOf(l.Value))
		default:
			fmt.Fprintf(&b, "%-*s = %s  # %s\n", width, l.Key, tomlOf(l.Value), comment(l.Comment))
		}
	}
	return b.String()
}

// tableKey is a name in a table's header: bare where TOML allows it.
func tableKey(name string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	if name != "" && !strings.ContainsFunc(name, special) {
		return name
	}
	return quote(name)
}

func tomlOf(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprint(value)
}

// quote is a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Short writes a path with ~ for the user's home, as people write it, where that means the same.
func Short(path string, env func(string) string) string {
	home := filepath.Clean(env("HOME"))
	below, err := filepath.Rel(home, path)
	if !filepath.IsAbs(home) || !filepath.IsAbs(path) || err != nil || below == "." || !filepath.IsLocal(below) {
		return path
	}
	return "~/" + filepath.ToSlash(below)
}
