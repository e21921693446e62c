package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration file.
type Problem struct {
	File string
	Line int    // 0 where it has none
	Key  string // "accounts.work.host", "" for the file
	What string // what is wrong
	Cure string // what to do about it, "" where What says it
}

func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	return b.String() + ": " + p.What
}

// Hint is the cure.
func (p Problem) Hint() string { return p.Cure }

// Problems are all mistakes of one file, by line. It is what Load returns for a file that
// it could read.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts problems in the file's order and drops what is said twice: a default is
// read once for each account.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	seen := map[Problem]bool{}
	return slices.DeleteFunc(ps, func(p Problem) bool {
		double := seen[p]
		seen[p] = true
		return double
	})
}
