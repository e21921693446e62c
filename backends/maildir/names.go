package maildir

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	inbox      = "INBOX"
	maxName    = 240 // bytes of one file name; 255 is what file systems have
	maxPath    = 1000
	hashMark   = "%~" // begins the hash where escapes do not suffice; no escape looks so
	hashLength = 10
)

// Place returns a path, relative to the root, for a mailbox that has none yet. The same
// levels give the same path as long as it is free. A path is in use where taken says so,
// or where a Maildir or a folder has the same name but for case or Unicode normal form:
// some file systems do not tell those apart; so it is where a Maildir lies that is left
// alone, and below it. Then a level gets a short hash.
func (t *Tree) Place(levels []string, taken func(path string) bool) string {
	_ = t.others.load() // whoever makes something there has walked the tree, and knows of the error
	l := t.opts.Layout
	if len(levels) == 0 {
		levels = []string{""}
	}
	names := make([]string, len(levels))
	length := 0 // of the path so far; what goes beyond maxPath becomes one hash
	for i, level := range levels {
		if i == 0 && strings.EqualFold(level, inbox) {
			level = inbox
		}
		names[i] = shorten(l.escape(level), maxName, level)
		if length += len(names[i]) + 1; l == FS && length <= maxPath && t.crowded(l.join(names[:i+1])) {
			names[i] = hashed(names[i], maxName, level)
		}
	}
	whole := strings.Join(levels, "\x00")
	candidate := limit(l, names, whole)
	for try := 1; taken(candidate) || t.crowded(candidate); try++ {
		last := len(names) - 1
		next := whole + "\x00" + strconv.Itoa(try)
		names[last] = hashed(l.escape(levels[last]), maxName, next)
		candidate = limit(l, names, next)
	}
	t.places.remember(candidate)
	return candidate
}

// crowded reports whether a path has a sibling on disk, or among the Maildirs met so
// far, that is the same but for case or normal form, or is that of a Maildir that is left alone.
func (t *Tree) crowded(p string) bool {
	if t.others.at(p) {
		return true
	}
	name := path.Base(p)
	folded := fold(name)
	siblings, err := t.fs.Names(path.Dir(p))
	if err == nil { // else there is no such folder yet, or Create will say what is wrong
		for _, s := range siblings {
			if s != name && fold(s) == folded {
				return true
			}
		}
	}
	return t.places.rival(p)
}

// places are the paths of the Maildirs met so far, and of the folders above them.
type places struct {
	mu     sync.Mutex
	folded map[string]string // as fold has it -> as it is
}

// rival reports whether another one has the path but for case or normal form.
func (l *places) rival(p string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	other, ok := l.folded[fold(p)]
	return ok && other != p
}

// remember notes a Maildir's path and the folders above it.
func (l *places) remember(p string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ; p != "."; p = path.Dir(p) {
		if folded := fold(p); l.folded[folded] == "" {
			l.folded[folded] = p
		}
	}
}

// fold makes names equal that some file system takes for equal.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}

// limit joins the names, and where that is too long makes the end of it a hash.
func limit(l Layout, names []string, whole string) string {
	joined := l.join(names)
	if l == PlusPlus {
		return shorten(joined, maxName, whole)
	}
	if len(joined) <= maxPath {
		return joined
	}
	kept := 0
	n := 0
	for n < len(names) && kept+len(names[n])+1 <= maxPath-maxName-1 {
		kept += len(names[n]) + 1
		n++
	}
	tail := hashed(names[n], maxName, whole)
	return strings.Join(append(names[:n:n], tail), "/")
}

// shorten leaves a short name alone and cuts a long one, with a hash of what it was.
func shorten(name string, most int, was string) string {
	if len(name) <= most {
		return name
	}
	return hashed(name, most, was)
}

// hashed is a name with a hash at its end, no longer than most.
func hashed(name string, most int, was string) string {
	sum := sha256.Sum256([]byte(was))
	suffix := hashMark + hex.EncodeToString(sum[:])[:hashLength]
	cut := min(len(name), most-len(suffix))
	for cut > 0 && cut < len(name) && !utf8.RuneStart(name[cut]) {
		cut--
	}
	for i := max(0, cut-2); i < cut; i++ { // not through an escape
		if cut < len(name) && name[i] == '%' {
			cut = i
		}
	}
	return name[:cut] + suffix
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
