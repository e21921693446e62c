package program

import (
	"regexp"
	"strings"
)

// jargon are words that mean something to programmers only: of the language, of its packages, of system calls.
var jargon = regexp.MustCompile(`(?i)\b(sqlite|goroutine|openat|mkdirat|renameat2?|unlinkat|linkat|f?statat|newfstatat|fork/exec|syscall|strconv|errno)\b` +
	`|context (canceled|deadline)|i/o timeout|(dial|read|write) tcp|->|lookup \S+ on |x509:|(?-i:[ (]tls: )|unexpected EOF|: EOF\b|use of closed|%!|<nil>|: l?stat /`)

// quoted is what somebody else says, a server for instance.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// Jargon returns the lines of a program's output that no user understands, and those that say something twice. What is
// in quotes is not the program's. A log is for whoever asked for it.
func Jargon(output string) (bad []string) {
	before := map[string]bool{}
	for line := range strings.Lines(output) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "time=") || strings.HasPrefix(line, "{") {
			continue
		}
		text := quoted.ReplaceAllString(line, `"…"`)
		isError := strings.HasPrefix(line, "mailsync: ") && !strings.HasPrefix(line, "mailsync: hint: ")
		if jargon.MatchString(text) || isError && (before[line] || saysTwice(text)) {
			bad = append(bad, line)
		}
		before[line] = true
	}
	return bad
}

// saysTwice reports whether a part of an error is in it twice.
func saysTwice(line string) bool {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(line, ": ") {
		part = strings.Trim(part, " ()")
		if len(part) > 8 && seen[part] {
			return true
		}
		seen[part] = true
	}
	return false
}
