package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// claim is a directory that an account needs for itself.
type claim struct {
	account *Account
	key     string
	path    string // as configured
	real    string // with the links of what exists of it followed
}

// CheckRoots returns an error where the trees of two accounts are the same, or one is inside the
// other. Load did so; this is for accounts that were changed since.
func CheckRoots(accounts []*Account) error {
	r := &reading{file: "the command line", lines: map[string]int{}}
	r.checkRoots(accounts)
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// checkRoots reports trees that are the same, or inside one another: mail of one account would be
// seen as the other's.
func (r *reading) checkRoots(accounts []*Account) {
	var claims []claim
	for _, a := range accounts {
		for _, c := range []claim{{key: "maildir", path: a.Maildir}, {key: "state_dir", path: a.StateDir}} {
			if c.path != "" {
				c.account, c.real = a, realPath(c.path)
				claims = append(claims, c)
			}
		}
		if a.Archive != nil && a.Archive.Into != "" {
			fixed, _, _ := strings.Cut(a.Archive.Into, "{")
			claims = append(claims, claim{a, "into", a.Archive.Into, realPath(fixed)})
		}
	}
	for i, c := range claims {
		for _, earlier := range claims[:i] {
			r.clash(earlier, c)
		}
	}
}

func (r *reading) clash(a, b claim) {
	if a.key == "into" && b.key == "into" || a.account == b.account && stateInside(a, b) {
		return
	}
	how := ""
	switch {
	case within(a.real, b.real) && within(b.real, a.real):
		how = "is the same directory as"
	case within(b.real, a.real):
		how = "is inside"
	case within(a.real, b.real):
		how = "contains"
	case beginsAs(a, b), beginsAs(b, a):
		how = "may be"
	default:
		return
	}
	key := fmt.Sprintf("accounts.%s.%s", b.account.Name, b.key)
	r.add(r.lines[b.account.Name+"."+b.key], key,
		fmt.Sprintf("%s %s accounts.%s.%s (%s)", b.path, how, a.account.Name, a.key, a.path),
		`give each its own directory; "{account}" in a default is replaced by the account's name`)
}

// beginsAs reports whether a tree's path may be what an archive's becomes.
func beginsAs(tree, into claim) bool {
	return into.key == "into" && strings.Contains(into.path, "{") && strings.HasPrefix(tree.real, into.real)
}

// stateInside reports whether b is the state directory where a's tree has it by default.
func stateInside(a, b claim) bool {
	return a.key == "maildir" && b.key == "state_dir" && b.path == filepath.Join(a.path, a.account.MaildirLayout().StateDir())
}

// realPath follows the links of as much of a path as exists.
func realPath(path string) string {
	rest := ""
	for at := filepath.Clean(path); ; {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(at)
		if parent == at {
			return filepath.Clean(path)
		}
		rest = filepath.Join(filepath.Base(at), rest)
		at = parent
	}
}

// within reports whether path is root or below it, by name or because one of its parents is the
// same directory under another name (bind mounts, case).
func within(path, root string) bool {
	info, err := os.Stat(root)
	for at := path; ; {
		if at == root {
			return true
		}
		if err == nil {
			if here, err := os.Stat(at); err == nil && os.SameFile(info, here) {
				return true
			}
		}
		parent := filepath.Dir(at)
		if parent == at {
			return false
		}
		at = parent
	}
}
