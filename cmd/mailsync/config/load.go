package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"mailsync/state"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 16 << 20

// Path returns the configuration file: flag if it is not "", else $MAILSYNC_CONFIG, expanded as
// a path in a configuration is, else mailsync/config.toml in $XDG_CONFIG_HOME (~/.config).
func Path(flag string, env func(string) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if p := env("MAILSYNC_CONFIG"); p != "" {
		p, err := Expand(p, env)
		if err != nil {
			return "", state.Faultf(state.Usage, "$MAILSYNC_CONFIG: %w", err)
		}
		return p, nil
	}
	if dir := env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mailsync", "config.toml"), nil
	}
	home := env("HOME")
	if home == "" {
		return "", state.Faultf(state.Usage, "no configuration: neither $XDG_CONFIG_HOME nor $HOME is set").
			WithHint("name the file with --config")
	}
	return filepath.Join(home, ".config", "mailsync", "config.toml"), nil
}

// Load reads a configuration file. Its mistakes are returned as Problems, all at once; for a
// file that cannot be read the error is a state.Fault of kind Usage.
func Load(path string, env func(string) string) (*Config, error) {
	text, mode, err := readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, state.Faultf(state.Usage, "no configuration at %s", path).
			WithHint(`"mailsync init" asks for what it needs and writes one; "mailsync demo" needs none`)
	case err != nil:
		return nil, unreadable(path, err)
	}
	return Parse(path, text, mode, env)
}

// unreadable is the error for a configuration file that is there and cannot be read.
func unreadable(path string, err error) error {
	f := state.Faultf(state.Usage, "the configuration %s cannot be read: %w", path, reason(err))
	info, stat := os.Stat(path)
	switch {
	case stat == nil && info.IsDir():
		f = state.Faultf(state.Usage, "the configuration %s is a folder", path).WithHint("name a file in it")
		if inside := filepath.Join(path, "config.toml"); isFile(inside) {
			f = f.WithHint("did you mean %s?", inside)
		}
	case errors.Is(err, fs.ErrPermission):
		f = f.WithHint("it belongs to another user, or its mode forbids it")
	}
	return f
}

// reason is an error of the file system without what was called and for which path.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func readFile(path string) (string, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	mode := info.Mode()
	if runtime.GOOS == "windows" {
		mode = 0 // its mode bits do not show who can read the file
	}
	return string(text), mode, err
}

// Problem is one mistake in a configuration file.
type Problem struct {
	File string // "" where it is in an account that is not written yet
	Line int    // 0 where it has none
	Key  string // "accounts.work.host", "" for the file
	What string // what is wrong
	Cure string // what to do about it, "" where What shows it
}

func (p Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at += fmt.Sprintf(":%d", p.Line)
	}
	var parts []string
	for _, part := range []string{at, p.Key, p.What} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Hint is the cure.
func (p Problem) Hint() string { return p.Cure }

// Problems are all mistakes of one file, by line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts problems in the file's order and drops duplicates: a default is read once for
// each account.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	seen := map[Problem]bool{}
	return slices.DeleteFunc(ps, func(p Problem) bool {
		duplicate := seen[p]
		seen[p] = true
		return duplicate
	})
}

// Guess is a hint about a word that is not one of the names that exist: the name that was
// probably meant, or all of them.
func Guess(word string, names []string) string {
	if hint := didYouMean(word, names); hint != "" {
		return hint
	}
	return "there is " + strings.Join(names, ", ")
}

// didYouMean asks whether the name that is nearest to word was meant; "" where none is near.
func didYouMean(word string, names []string) string {
	if near := Nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// Nearest returns the candidate that word most likely means, "" if none is near: at most one
// letter in three may be wrong, missing, added or swapped, whatever their case.
func Nearest(word string, candidates []string) string {
	best, bestAt := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// distance is the number of edits from a to b: letters added, removed, replaced, or two
// neighbours swapped (Damerau's, each place edited once).
func distance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row = old, row, older
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
