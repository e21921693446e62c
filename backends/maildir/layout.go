package maildir

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Layout is how the Maildirs of mailboxes are arranged in a tree, as the configuration has it; "" is FS.
type Layout string

// The layouts.
const (
	FS       Layout = "fs"        // INBOX/{cur,new,tmp}, Archive/2024/{cur,new,tmp}
	PlusPlus Layout = "maildir++" // {cur,new,tmp} is INBOX, .Archive.2024/{cur,new,tmp}
)

// The folders of the state: in maildir++ a leading dot is a mailbox.
const (
	stateDirFS       = ".mailsync"
	stateDirPlusPlus = "mailsync.state"
)

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

// Read is the reverse of what Place does with a mailbox's levels. A path that Place does not make is another
// program's, which does not escape anything: its levels are the names of its folders. Read reports false where the
// layout has no mailbox at all, and for a hash, which only a marker can read.
func (l Layout) Read(path string) ([]string, bool) {
	sep := "/"
	if l == PlusPlus {
		if path == "." {
			return []string{inbox}, true
		}
		rest, ok := strings.CutPrefix(path, ".")
		if !ok || strings.Contains(rest, "/") {
			return nil, false
		}
		path, sep = rest, "."
	}
	names := strings.Split(path, sep)
	levels, ours, mailbox := make([]string, len(names)), true, true
	for i, name := range names {
		plain, ok := l.Unescape(name)
		levels[i], ours = plain, ours && ok
		mailbox = mailbox && name != "" && name[0] != '.' && !strings.Contains(name, hashMark)
	}
	switch {
	case ours:
		return levels, true
	case mailbox:
		return names, true
	}
	return nil, false
}

// A level that a file system, a Maildir reader or we could misread is escaped: bytes
// become %XX, an empty level %_ . The percent sign itself is always escaped, so the way
// back is unique.

const (
	forbidden  = `/\:*?"<>|%`
	emptyLevel = "%_"
)

// Names that mean something to mail programs inside a Maildir or its parent: names, and
// beginnings of names. Compared in lower case.
var (
	reserved = []string{
		dirCur, dirNew, dirTmp,
		"subscriptions", "maildirfolder", "maildirsize", "maildirfilter",
		"shared-maildirs", "shared-folders", "shared-timestamp", "quotawarn",
	}
	reservedBeginnings = []string{
		"mailsync.", "dovecot.", "dovecot-", "courierimap", "courierpop3", "sqwebmail-", "maildirfilter.",
	}
)

// escape makes a level a safe file name, reversibly.
func (l Layout) escape(level string) string {
	if level == "" {
		return emptyLevel
	}
	var b strings.Builder
	last := len(level) - 1
	for i := 0; i < len(level); {
		r, n := utf8.DecodeRuneInString(level[i:])
		bad := r == utf8.RuneError && n == 1 ||
			unicode.IsControl(r) ||
			r < utf8.RuneSelf && strings.IndexByte(forbidden, byte(r)) >= 0 ||
			r == '.' && (i == 0 || i == last || l == PlusPlus) ||
			r == ' ' && i == last ||
			i == 0 && (isReserved(level) || l == PlusPlus && strings.EqualFold("."+level, stateDirFS))
		for _, c := range []byte(level[i : i+n]) {
			if bad {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
		i += n
	}
	return b.String()
}

// isReserved reports whether a name means something to a program as it is.
func isReserved(level string) bool {
	s := strings.ToLower(level)
	return slices.Contains(reserved, s) || isDevice(s) ||
		slices.ContainsFunc(reservedBeginnings, func(beginning string) bool { return strings.HasPrefix(s, beginning) })
}

// isDevice reports whether Windows keeps a name, in lower case, for a device: with any ending, and blanks before it.
func isDevice(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	switch name = strings.TrimRight(name, " "); name {
	case "con", "prn", "aux", "nul", "conin$", "conout$", "clock$":
		return true
	}
	port, isPort := strings.CutPrefix(name, "com")
	if !isPort {
		port, isPort = strings.CutPrefix(name, "lpt")
	}
	return isPort && utf8.RuneCountInString(port) == 1 && strings.Contains("0123456789¹²³", port)
}

// Unescape is a level as it was before Place escaped it. It reports false for one that Place does not
// make.
func (l Layout) Unescape(level string) (string, bool) {
	if level == emptyLevel {
		return "", true
	}
	plain, err := url.PathUnescape(level)
	return plain, err == nil && l.escape(plain) == level
}

const (
	inbox      = "INBOX"
	maxName    = 240 // bytes of one file name; 255 is what file systems have
	maxPath    = 1000
	hashMark   = "%~" // begins the hash where escapes do not suffice; no escape looks so
	hashLength = 10
)

// Place returns a path, relative to the root, for a mailbox that has none yet. The same
// levels give the same path as long as it is free. A path is in use if taken reports it,
// if a Maildir or a folder has the same name but for case or Unicode normal form, which some
// file systems do not distinguish, or if a Maildir that is left alone is there. Then a
// level gets a short hash.
func (t *Tree) Place(levels []string, taken func(path string) bool) string {
	_ = t.others.load() // a caller that makes something there has walked the tree, and knows the error
	l := t.opts.Layout
	if len(levels) == 0 {
		levels = []string{""}
	}
	names := make([]string, len(levels))
	length := 0 // of the path so far; levels beyond maxPath become one hash
	for i, level := range levels {
		if i == 0 && strings.EqualFold(level, inbox) {
			level = inbox
		}
		names[i] = shorten(l.escape(level), maxName, level)
		if length += len(names[i]) + 1; l != PlusPlus && length <= maxPath && t.crowded(l.join(names[:i+1])) {
			names[i] = hashed(names[i], maxName, level)
		}
	}
	all := strings.Join(levels, "\x00")
	candidate := limit(l, names, all)
	for try := 1; taken(candidate) || t.crowded(candidate); try++ {
		last := len(names) - 1
		next := all + "\x00" + strconv.Itoa(try)
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
	if err == nil { // else there is no such folder yet, or Create reports what is wrong
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

// fold makes names equal that are equal to some file system.
func fold(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return strings.ToLower(s)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}

// limit joins the names, and where that is too long makes the end of it a hash.
func limit(l Layout, names []string, was string) string {
	joined := l.join(names)
	if l == PlusPlus {
		return shorten(joined, maxName, was)
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
	tail := hashed(names[n], maxName, was)
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
