package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// claim is a directory that an account needs for itself.
type claim struct {
	account *Account
	key     string
	path    string // as configured
	at      *dir   // of an archive: as much of it as is the same for every message
	begins  string // of an archive whose last fixed name is not complete: how its folders begin, else ""
}

// rootKey is a key that sets such a directory.
type rootKey struct {
	account *Account
	key     string
}

// isRoot reports whether a key of an account sets such a directory.
func isRoot(key string) bool { return key == "maildir" || key == "state_dir" || key == "into" }

// CheckRoots returns an error where the trees of two accounts are the same, or one is inside the
// other. Load did so; this is for accounts that were changed since.
func CheckRoots(accounts []*Account) error {
	r := &reading{}
	var all Problems
	for _, clash := range r.clashes(accounts) {
		clash.File = "the command line"
		all = append(all, clash.Problem)
	}
	if len(all) > 0 {
		return all
	}
	return nil
}

// clashOf is a mistake of an account.
type clashOf struct {
	of *Account
	Problem
}

// clashes are the trees that are the same, or inside one another: mail of one account would be seen as the other's. Each is a
// mistake of the account that was read later, and fails its file. What such a file claims takes nothing from the files behind it:
// their claims are compared again without it.
func (r *reading) clashes(accounts []*Account) (all []clashOf) {
	claims := claimsOf(accounts)
	for found := findClashes(claims); len(found) > 0; found = findClashes(claims) {
		doubtful, failed := map[string]bool{}, map[string]bool{} // files
		for i := range found {
			doubtful[claims[i].account.file] = true
		}
		for i, c := range claims {
			clash, has := found[i]
			if !has {
				continue
			}
			earlier, file := claims[clash.earlier], c.account.file
			if earlier.account.file == file || !doubtful[earlier.account.file] {
				all = append(all, clashOf{c.account, r.clash(earlier, c, clash.how)})
				failed[file] = true // at least the first doubtful one
			}
		}
		claims = slices.DeleteFunc(claims, func(c claim) bool { return failed[c.account.file] })
	}
	return all
}

// claimsOf are the directories of all accounts. Each folder on the way to them is looked at once.
func claimsOf(accounts []*Account) []claim {
	dirs := dirs{}
	claims := make([]claim, 0, len(accounts))
	for _, a := range accounts {
		if a.Maildir != "" {
			claims = append(claims, claim{account: a, key: "maildir", path: a.Maildir, at: dirs.of(a.Maildir)})
		}
		if a.StateDir != "" {
			claims = append(claims, claim{account: a, key: "state_dir", path: a.StateDir, at: dirs.of(a.StateDir)})
		}
		if a.Archive != nil && a.Archive.Into != "" {
			c := claim{account: a, key: "into", path: a.Archive.Into}
			fixed, _, varies := strings.Cut(a.Archive.Into, "{")
			if varies && !os.IsPathSeparator(fixed[len(fixed)-1]) {
				c.at = dirs.of(filepath.Dir(fixed)).child(filepath.Base(fixed)) // of a folder of just this name nothing is known
				c.begins = c.at.path
			} else {
				c.at = dirs.of(fixed)
			}
			claims = append(claims, c)
		}
	}
	return claims
}

// clash is how a directory clashes with one that was claimed before it.
type clash struct {
	earlier int
	how     string
}

// clashes are the first clash of each claim, by the claim's number.
type clashes map[int]clash

// note keeps a clash of two claims; reversed is how the second one has to do with the first.
func (c clashes) note(a, b int, how, reversed string) {
	if a < b {
		a, b, how = b, a, reversed
	}
	if known, has := c[a]; !has || b < known.earlier {
		c[a] = clash{b, how}
	}
}

// findClashes walks from each directory up to the root of the file system, and looks whether
// another one is on the way.
func findClashes(claims []claim) clashes {
	trees, archives := map[string][]int{}, map[string][]int{}
	for i, c := range claims {
		if c.key == "into" {
			archives[c.at.id] = append(archives[c.at.id], i)
		} else {
			trees[c.at.id] = append(trees[c.at.id], i)
		}
	}
	found := clashes{}
	for i, c := range claims {
		look := func(at *dir, others []int) {
			j := slices.IndexFunc(others, func(j int) bool { return j != i && !mayMeet(claims[j], c) })
			switch {
			case j < 0:
			case at.id == c.at.id:
				found.note(i, others[j], "is the same directory as", "is the same directory as")
			default:
				found.note(i, others[j], "is inside", "contains")
			}
		}
		for at := c.at; at != nil; at = at.parent {
			look(at, trees[at.id])
			if c.key != "into" { // many archives may be the same
				look(at, archives[at.id])
			}
		}
	}
	findBeginnings(claims, found)
	return found
}

// mayMeet reports whether two directories may be the same, or one in the other: archives hold mail of
// many accounts, and an account's state may lie where it does by default.
func mayMeet(a, b claim) bool {
	return a.key == "into" && b.key == "into" || a.account == b.account && (stateInside(a, b) || stateInside(b, a))
}

// findBeginnings finds trees that may be what an archive's path becomes.
func findBeginnings(claims []claim, found clashes) {
	first := map[string]int{} // the first archive that begins so
	for i, c := range claims {
		if _, has := first[c.begins]; c.begins != "" && !has {
			first[c.begins] = i
		}
	}
	if len(first) == 0 {
		return
	}
	var trees []int
	for i, c := range claims {
		if c.key != "into" {
			trees = append(trees, i)
		}
	}
	slices.SortFunc(trees, func(a, b int) int { return cmp.Compare(claims[a].at.path, claims[b].at.path) })
	earliest := map[string]int{} // the first tree that may be what an archive becomes
	for begins, archive := range first {
		from, _ := slices.BinarySearchFunc(trees, begins, func(i int, text string) int { return cmp.Compare(claims[i].at.path, text) })
		for _, tree := range trees[from:] {
			if !strings.HasPrefix(claims[tree].at.path, begins) {
				break
			}
			if known, has := earliest[begins]; !has || tree < known {
				earliest[begins] = tree
			}
			if _, has := found[max(tree, archive)]; !has {
				found.note(tree, archive, "may be", "may be")
			}
		}
	}
	for i, c := range claims {
		if tree, has := earliest[c.begins]; has && tree < i {
			if _, has := found[i]; !has {
				found.note(tree, i, "may be", "may be")
			}
		}
	}
}

func (r *reading) clash(a, b claim, how string) Problem {
	at := r.roots[rootKey{b.account, b.key}]
	return Problem{at.file, at.line, fmt.Sprintf("accounts.%s.%s", b.account.Name, b.key),
		fmt.Sprintf("%s %s accounts.%s.%s (%s)", b.path, how, a.account.Name, a.key, a.path),
		`give each its own directory; "{account}" in a default is replaced by the account's name`}
}

// stateInside reports whether b is the state directory where a's tree has it by default.
func stateInside(a, b claim) bool {
	return a.key == "maildir" && b.key == "state_dir" && b.path == filepath.Join(a.path, a.account.MaildirLayout().StateDir())
}

// dir is a folder, which need not exist, by its path without links.
type dir struct {
	path   string
	parent *dir   // nil for the root of the file system
	id     string // the same for one folder under two names (bind mounts, case): its number, or its name in its parent
}

// child is a folder in it that is not known to exist.
func (d *dir) child(name string) *dir {
	return &dir{path: filepath.Join(d.path, name), parent: d, id: filepath.Join(d.id, name)}
}

// dirs are folders that were looked at, each once, by a path without links or one that leads there.
type dirs map[string]*dir

// of finds the folder of a path.
func (d dirs) of(path string) *dir {
	path = filepath.Clean(path)
	if known, has := d[path]; has {
		return known
	}
	found := d.find(path)
	d[path] = found
	return found
}

func (d dirs) find(path string) *dir {
	found := &dir{path: path, id: path}
	if up := filepath.Dir(path); up != path {
		found = d.of(up).child(filepath.Base(path))
	}
	if found.path != path {
		return d.of(found.path) // a link is on the way
	}
	info, err := os.Lstat(path)
	if err != nil {
		return found
	}
	if info.Mode()&os.ModeSymlink != 0 {
		if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
			return d.of(real)
		}
	}
	if number := fileNumber(path, info); number != "" {
		found.id = number
	}
	return found
}
