//go:build unix

package soak

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mailsync/bench/corpus"
)

// file is a message on disk as a mail program finds it.
type file struct {
	path    string // whole
	maildir string // from the root
	box     string // the mailbox that the Maildir is of
	name    string // of the message, "" where none can be read
	info    string // letters
}

// workHere does one thing on disk, as a mail program would: it reads the folder, and
// then names what it found there.
func (u *user) workHere() {
	switch n := u.r.IntN(100); {
	case n < 12 && u.model.live() < 500:
		u.deliver("")
	case n < 52:
		u.flagHere()
	case n < 60:
		u.remove()
	case n < 74:
		u.moveHere()
	case n < 79:
		u.copyHere()
	case n < 90:
		u.workCollected()
	case len(u.model.boxes) < 9 && u.r.IntN(40) == 0:
		u.model.made++
		u.deliver(fmt.Sprintf("Here%d", u.model.made))
	}
}

// maildirs are the folders below a root that hold a cur, with the mailboxes they are of.
func maildirs(root string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		switch d.Name() {
		case "cur":
			rel, err := filepath.Rel(root, filepath.Dir(p))
			if err != nil {
				return err
			}
			all[rel] = marked(filepath.Dir(p), rel)
			return fs.SkipDir
		case "new", "tmp", ".mailsync":
			return fs.SkipDir
		}
		return nil
	})
	return all, err
}

var mailboxLine = regexp.MustCompile(`(?m)^mailbox (".*")$`)

// marked is the mailbox that a Maildir is of, as the wire spells it: as the marker says,
// or, without one, as it is called.
func marked(dir, rel string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "mailsync.marker"))
	if m := mailboxLine.FindSubmatch(text); m != nil {
		if name, err := strconv.Unquote(string(m[1])); err == nil {
			return name
		}
	}
	return corpus.WireName(filepath.ToSlash(rel))
}

// decoded is the name of a mailbox as the model has it.
func (m *model) decoded(wire string) string {
	for _, b := range m.boxes {
		if corpus.WireName(b) == wire {
			return b
		}
	}
	return wire
}

// files are all messages below a root.
func (u *user) files(root string) (all []file) {
	dirs, err := maildirs(root)
	if err != nil {
		u.t.Errorf("a mail program: %v", err)
	}
	for rel, wire := range dirs {
		for _, sub := range []string{"new", "cur"} {
			entries, err := os.ReadDir(filepath.Join(root, rel, sub))
			if err != nil {
				continue // a Maildir in the making
			}
			for _, e := range entries {
				f := file{path: filepath.Join(root, rel, sub, e.Name()), maildir: rel, box: u.model.decoded(wire)}
				_, f.info, _ = strings.Cut(e.Name(), ":2,")
				if f.name = u.nameOf(e, f.path); f.name != "" {
					all = append(all, f)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return all
}

// nameOf reads a message's name, once for each inode.
func (u *user) nameOf(e fs.DirEntry, path string) string {
	info, err := e.Info()
	if err != nil {
		return ""
	}
	stat := info.Sys().(*syscall.Stat_t)
	key := inode{stat.Ino, info.ModTime().UnixNano(), info.Size()}
	if name, ok := u.inodes[key]; ok {
		return name
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := f.Read(head)
	m := subject.FindSubmatch(head[:n])
	if m == nil {
		return ""
	}
	u.inodes[key] = string(m[1])
	return string(m[1])
}

type inode struct {
	number uint64
	mtime  int64
	size   int64
}

// pick picks a file of a message that is there once.
func (u *user) pick() (file, bool) {
	all := u.files(u.root)
	if len(all) == 0 {
		return file{}, false
	}
	f := all[u.r.IntN(len(all))]
	msg := u.model.messages[f.name]
	if msg == nil || !slices.Contains(u.model.boxes, f.box) {
		return file{}, false
	}
	alike := 0
	for _, other := range all {
		if other.name == f.name && (other.box == f.box || msg.sole() != nil) {
			alike++
		}
	}
	return f, alike == 1
}

// words are the keywords that letters stand for in a Maildir.
func (u *user) words(maildir string) map[byte]string {
	all := map[byte]string{}
	text, _ := os.ReadFile(filepath.Join(u.root, maildir, "dovecot-keywords"))
	for line := range strings.Lines(string(text)) {
		number, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(number); ok && err == nil && n < 26 {
			all['a'+byte(n)] = name
		}
	}
	return all
}

// flagsOf reads letters.
func flagsOf(info string, words map[byte]string) (f flags) {
	for i := range len(info) {
		if bit := bytes.IndexByte(letters, info[i]); bit >= 0 {
			f |= 1 << bit
		} else {
			f |= flagNamed(words[info[i]])
		}
	}
	return f
}

// letterOf is the letter of a flag in a Maildir, 0 where it has none.
func letterOf(bit int, words map[byte]string) byte {
	if letters[bit] != 0 {
		return letters[bit]
	}
	for l, name := range words {
		if strings.EqualFold(name, flagNames[bit]) {
			return l
		}
	}
	return 0
}

// toggle adds a letter, or takes it away.
func toggle(info string, letter byte) string {
	if strings.IndexByte(info, letter) >= 0 {
		return strings.ReplaceAll(info, string(letter), "")
	}
	b := append([]byte(info), letter)
	slices.Sort(b)
	return string(b)
}

// rename gives a file another name, unless it went meanwhile or there is such a file.
func (u *user) rename(from, to string) bool {
	if _, err := os.Lstat(to); err == nil {
		return false
	}
	err := os.Rename(from, to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		u.t.Errorf("a mail program: %v", err)
	}
	return err == nil
}

func (u *user) flagHere() {
	f, ok := u.pick()
	if !ok {
		return
	}
	msg := u.model.messages[f.name]
	c := msg.in(f.box)
	if c == nil && msg.placed == there {
		c = msg.sole()
	}
	contested := u.contest(msg)
	bit := u.r.IntN(len(flagNames))
	letter := letterOf(bit, u.words(f.maildir))
	if letter == 0 || !contested && (c == nil || u.model.owner(f.name, bit) != here) {
		return
	}
	base, _, _ := strings.Cut(filepath.Base(f.path), ":2,")
	to := filepath.Join(u.root, f.maildir, "cur", base+":2,"+toggle(f.info, letter))
	if !u.rename(f.path, to) {
		return
	}
	u.figures.count("flags changed on disk")
	u.model.say(f.name, "in %s on disk: %s becomes %s", f.box, filepath.Base(f.path), filepath.Base(to))
	msg.touched[here] |= 1 << bit
	if left := toggle(f.info, letter); !strings.Contains(base, ".mailsync") && !hasKeyword(left) {
		msg.vague |= msg.touched[here].keywords()
	}
	if c != nil {
		c.flags ^= c.flags & (1 << bit)
		if strings.IndexByte(f.info, letter) < 0 {
			c.flags |= 1 << bit
		}
	}
}

// hasKeyword reports whether there is a keyword's letter.
func hasKeyword(info string) bool {
	return strings.ContainsFunc(info, func(c rune) bool { return 'a' <= c && c <= 'z' })
}

func (u *user) remove() {
	f, ok := u.pick()
	if !ok {
		return
	}
	c, ok := u.mayPlace(here, f.name, f.box)
	if !ok {
		return
	}
	if err := os.Remove(f.path); err != nil {
		// The program gave it another name; this user does not look again.
		u.model.messages[f.name].placed = nobody
		return
	}
	u.model.say(f.name, "in %s is removed on disk: %s", f.box, filepath.Base(f.path))
	u.model.messages[f.name].remove(c)
	u.figures.count("messages deleted on disk")
}

// target picks another Maildir for a file, one in which its letters mean the same.
func (u *user) target(f file) (maildir, box string, ok bool) {
	dirs, err := maildirs(u.root)
	if err != nil {
		return "", "", false
	}
	var rels []string
	for rel := range dirs {
		rels = append(rels, rel)
	}
	slices.Sort(rels)
	maildir = rels[u.r.IntN(len(rels))]
	box = u.model.decoded(dirs[maildir])
	if !slices.Contains(u.model.boxes, box) || box == f.box {
		return "", "", false
	}
	if msg := u.model.messages[f.name]; msg != nil && msg.in(box) != nil {
		return "", "", false
	}
	from, to := u.words(f.maildir), u.words(maildir)
	for i := range len(f.info) {
		if from[f.info[i]] != to[f.info[i]] {
			return "", "", false
		}
	}
	_, err = os.Stat(filepath.Join(u.root, maildir, "tmp"))
	return maildir, box, err == nil
}

// own is a name for a file as other programs give it.
func (u *user) own(info string) string {
	u.model.next++
	return fmt.Sprintf("%d.M%dP1.host:2,%s", u.begun.Unix(), u.model.next, info)
}

func (u *user) moveHere() {
	f, ok := u.pick()
	if !ok {
		return
	}
	maildir, box, ok := u.target(f)
	if !ok {
		return
	}
	c, ok := u.mayPlace(here, f.name, f.box)
	if !ok {
		return
	}
	base, _, _ := strings.Cut(filepath.Base(f.path), ":2,")
	to := filepath.Join(u.root, maildir, "cur", base+":2,"+f.info)
	how := "renamed"
	if u.r.IntN(3) == 0 { // as mutt does
		to, how = filepath.Join(u.root, maildir, "cur", u.own(f.info)), "copied and removed"
		ok = u.copyFile(f.path, to) && os.Remove(f.path) == nil
	} else {
		ok = u.rename(f.path, to)
	}
	if !ok {
		if how != "renamed" {
			_ = os.Remove(to)
		}
		u.model.messages[f.name].placed = nobody
		return
	}
	if msg := u.model.messages[f.name]; how != "renamed" && !hasKeyword(f.info) {
		msg.vague |= msg.touched[here].keywords()
	}
	u.model.say(f.name, "in %s is %s: %s becomes %s/%s", f.box, how, filepath.Base(f.path), box, filepath.Base(to))
	if c != nil {
		c.box = box
	}
	u.figures.count("messages moved on disk")
}

// copyFile delivers the bytes of a file under a name, with its time.
func (u *user) copyFile(from, to string) bool {
	body, err := os.ReadFile(from)
	if err != nil {
		return false
	}
	info, err := os.Stat(from)
	if err != nil {
		return false
	}
	return u.put(to, body, info.ModTime())
}

// put delivers a file by way of tmp.
func (u *user) put(to string, body []byte, date time.Time) bool {
	tmp := filepath.Join(filepath.Dir(filepath.Dir(to)), "tmp", "x"+filepath.Base(to))
	err := errors.Join(os.WriteFile(tmp, body, 0o600), os.Chtimes(tmp, date, date), os.Rename(tmp, to))
	if err != nil {
		u.t.Errorf("a mail program: %v", err)
	}
	return err == nil
}

func (u *user) copyHere() {
	f, ok := u.pick()
	if !ok {
		return
	}
	maildir, box, ok := u.target(f)
	if !ok {
		return
	}
	if _, ok := u.mayPlace(here, f.name, f.box); !ok {
		return
	}
	to := filepath.Join(u.root, maildir, "cur", u.own(f.info))
	if !u.copyFile(f.path, to) {
		u.model.messages[f.name].placed = nobody
		return
	}
	u.model.say(f.name, "in %s is copied: %s is %s/%s too", f.box, filepath.Base(f.path), box, filepath.Base(to))
	msg := u.model.messages[f.name]
	msg.copies = append(msg.copies, &copied{box, flagsOf(f.info, u.words(maildir)), both})
	u.figures.count("messages copied on disk")
}

// deliver puts a new file into a Maildir: a new one, if it has a name.
func (u *user) deliver(fresh string) {
	dirs, err := maildirs(u.root)
	if err != nil || len(dirs) == 0 {
		return
	}
	maildir, box := fresh, fresh
	if fresh != "" {
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(u.root, fresh, sub), 0o700); err != nil {
				u.t.Errorf("a mail program: %v", err)
				return
			}
		}
		u.model.boxes = append(u.model.boxes, fresh)
	} else if maildir, box, _ = u.target(file{name: "", box: ""}); maildir == "" {
		return
	}
	name, body, date := u.fresh()
	info, words := "", u.words(maildir)
	for bit := range flagNames {
		if l := letterOf(bit, words); l != 0 && flagNames[bit] != `\Deleted` && u.r.IntN(4) == 0 {
			info = toggle(info, l)
		}
	}
	to := filepath.Join(u.root, maildir, "cur", u.own(info))
	if info == "" {
		base, _, _ := strings.Cut(filepath.Base(to), ":2,")
		to = filepath.Join(u.root, maildir, "new", base)
	}
	if u.put(to, []byte(strings.ReplaceAll(body, "\r\n", "\n")), time.Unix(date, 0)) {
		u.model.add(here, box, body, date, flagsOf(info, words), name)
		u.figures.count("messages put on disk")
	}
}

// workCollected reads, flags and removes what the POP3 account got.
func (u *user) workCollected() {
	all := u.files(u.popRoot)
	if len(all) == 0 {
		return
	}
	f := all[u.r.IntN(len(all))]
	c := u.model.mail[f.name]
	if c == nil {
		return
	}
	if u.r.IntN(2) == 0 {
		base, _, _ := strings.Cut(filepath.Base(f.path), ":2,")
		u.rename(f.path, filepath.Join(u.popRoot, f.maildir, "cur", base+":2,"+toggle(f.info, 'F')))
	} else if c.had && os.Remove(f.path) == nil {
		c.removed = true
		u.figures.count("collected messages removed")
	}
}
