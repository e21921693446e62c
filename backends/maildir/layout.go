package maildir

import (
	"fmt"
	"strings"
)

// Layout is how mailboxes lie in a tree.
type Layout int

// The layouts.
const (
	FS       Layout = iota // INBOX/{cur,new,tmp}, Archive/2024/{cur,new,tmp}
	PlusPlus               // {cur,new,tmp} is INBOX, .Archive.2024/{cur,new,tmp}
)

// Where the state lies: in maildir++ a leading dot is a mailbox.
const (
	stateDirFS       = ".mailsync"
	stateDirPlusPlus = "mailsync.state"
)

// ParseLayout reads a layout as the configuration spells it.
func ParseLayout(s string) (Layout, error) {
	switch s {
	case "fs":
		return FS, nil
	case "maildir++":
		return PlusPlus, nil
	}
	return 0, fmt.Errorf("unknown layout %q", s)
}

// String spells the layout as the configuration does.
func (l Layout) String() string {
	if l == PlusPlus {
		return "maildir++"
	}
	return "fs"
}

// StateDir is the folder for state file, lock and trash, relative to the root.
func (l Layout) StateDir() string {
	if l == PlusPlus {
		return stateDirPlusPlus
	}
	return stateDirFS
}

// join makes a path of escaped levels.
func (l Layout) join(levels []string) string {
	if l == PlusPlus {
		if len(levels) == 1 && levels[0] == inbox {
			return "."
		}
		return "." + strings.Join(levels, ".")
	}
	return strings.Join(levels, "/")
}

// Read returns the levels that a Maildir of another program's making stands for: those that
// Levels returns, else the names of its folders as they are, for others escape nothing. It reports
// false where the layout has no mailbox at all, and for a hash, which only a marker can read.
func (l Layout) Read(path string) ([]string, bool) {
	if levels, ok := l.Levels(path); ok {
		return levels, true
	}
	sep := "/"
	if l == PlusPlus {
		rest, ok := strings.CutPrefix(path, ".")
		if !ok || strings.Contains(rest, "/") {
			return nil, false
		}
		path, sep = rest, "."
	}
	levels := strings.Split(path, sep)
	for _, level := range levels {
		if level == "" || level[0] == '.' || strings.Contains(level, hashMark) {
			return nil, false
		}
	}
	return levels, true
}

// Levels is the reverse of what Place does with a mailbox's levels. It reports false
// for a path with a hash in it, from which only the marker knows the way back, and for
// one that Place does not make.
func (l Layout) Levels(path string) ([]string, bool) {
	sep := "/"
	if l == PlusPlus {
		if path == "." {
			return []string{inbox}, true
		}
		rest, ok := strings.CutPrefix(path, ".")
		if !ok {
			return nil, false
		}
		path, sep = rest, "."
	}
	levels := strings.Split(path, sep)
	for i, level := range levels {
		plain, ok := unescape(level)
		if !ok || l.escape(plain) != level {
			return nil, false
		}
		levels[i] = plain
	}
	return levels, true
}
