package maildir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// A single readdir under concurrent renames misses names. So a file counts as gone only
// when two passes over new and then cur, in that order, lack its identity, the second
// begun after the first ended plus the clock's grain, and neither folder changed during
// either (spec 5.4).

// maxPasses is how often Scan looks before it gives up on a Maildir that another
// program keeps changing.
const maxPasses = 8

var errCrowded = errors.New("more names than one snapshot can hold")

// pass is one look at new and then cur.
type pass struct {
	*folders
	index   *index
	token   string
	snap    *state.DiskSnapshot
	letters letters
	owns    func(token string) bool // as owner has it
	still   bool                    // no time stamp changed while the folders were read
	steady  bool                    // still, and the stamps were old enough to show any change
	missing []state.UID             // of those expected
	looking *looking                // nil in a Scan
}

// Scan reads new and cur for files of the generation with that token. expect lists the
// UIDs that should have a file, sorted; where one is missing, Scan looks again as often
// as it takes to be sure, or gives up and returns a snapshot that is not Complete. kw
// names the keyword letters and gets a bit for each that the Maildir names. An error
// means that nothing was learned. The Maildir goes on using the snapshot: it must not
// be changed.
func (m *Maildir) Scan(ctx context.Context, token string, expect []state.UID, kw *state.Keywords) (*state.DiskSnapshot, error) {
	var last *pass
	for range maxPasses {
		p, err := m.pass(token, expect, kw, nil)
		if err != nil {
			return nil, err
		}
		sure := last != nil && last.steady && p.steady && subset(p.missing, last.missing)
		last = p
		if len(p.missing) == 0 && p.still || sure {
			p.snap.Complete = true
			break
		}
		if err := m.t.opts.Wait(ctx, m.grain(p.snap.Mark)); err != nil {
			return nil, err
		}
	}
	// Nothing expected is missing, though the folders never settled.
	last.snap.Complete = last.snap.Complete || len(last.missing) == 0
	m.alphabet.letters = last.letters
	m.index.reset(token, last.snap)
	m.touch(dirCur, dirNew)
	return last.snap, nil
}

// pass reads both folders once.
func (m *Maildir) pass(token string, expect []state.UID, kw *state.Keywords, l *looking) (*pass, error) {
	before, err := m.Mark()
	if err != nil {
		return nil, err
	}
	words, err := m.alphabet.read()
	if err != nil {
		return nil, err
	}
	p := &pass{
		folders: m.folders, index: &m.index, token: token, letters: words.letters(kw), owns: m.alphabet.owner(),
		snap: &state.DiskSnapshot{Mark: before, Scanned: true, Words: words.meant()},
	}
	if p.looking = l; l != nil {
		known := m.alphabet.known(p.letters)
		l.can = known.can(kw)
	}
	quiet := m.quiet(before)
	gone, err := p.fill()
	if err != nil {
		return nil, err
	}
	p.snap.Can = p.letters.can(kw)
	doubtful, err := p.dropStale()
	if err != nil {
		return nil, err
	}
	after, err := m.Mark()
	if err != nil {
		return nil, err
	}
	before.Trusted, after.Trusted = false, false
	p.still = !doubtful && !gone && before == after
	p.snap.Still = p.still
	p.steady = p.still && quiet
	p.missing = lacking(p.snap.Messages, expect)
	return p, nil
}

// fill reads the names and sorts them into messages and foreign files. No file is
// opened. It reports whether a name was gone when it was looked at.
func (p *pass) fill() (gone bool, err error) {
	s := p.snap
	for _, dir := range []string{dirNew, dirCur} {
		err := p.eachIn(dir, func(base string) error {
			if strings.HasPrefix(base, ".") {
				p.hiding(dir, base)
				return nil
			}
			err := p.sort(dir, base)
			if isNotExist(err) {
				gone = true
				return nil
			}
			return err
		})
		if err != nil {
			return false, err
		}
	}
	silent := func(f state.OnDisk) int { // last
		if f.Silent {
			return 1
		}
		return 0
	}
	slices.SortFunc(s.Messages, func(a, b state.OnDisk) int {
		if c := cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Variant, b.Variant), cmp.Compare(silent(a), silent(b))); c != 0 {
			return c
		}
		return cmp.Compare(s.NameAt(a.Name), s.NameAt(b.Name))
	})
	slices.SortFunc(s.Foreign, func(a, b state.Foreign) int { return cmp.Compare(a.Name, b.Name) })
	return gone, nil
}

// sort puts one name where it belongs; fs.ErrNotExist: it is gone again.
func (p *pass) sort(dir, base string) error {
	s := p.snap
	parts := partsOf(base)
	info, silent := parts.letters, parts.silent(dir)
	n, ours := parts.name, parts.ours
	id := ident{}
	if ours {
		id = p.index.identify(n)
	}
	if p.letters.wonders(info) && (!ours || id.token == p.token || p.owns(id.token)) {
		p.letters.carried(info)
	}
	flags := p.letters.flags(info)
	if !ours || id.token != p.token || id.uid == 0 {
		passed, err := p.passedOver(dir, base)
		if err != nil {
			return err
		}
		if passed != nil {
			s.NotMail = append(s.NotMail, *passed)
			return nil
		}
		words, _ := apart(info)
		f := state.Foreign{New: dir == dirNew, Flags: flags, Silent: silent, Letters: words, Name: dir + "/" + base, Size: -1, Date: state.NoDate}
		if ours {
			f.Token, f.UID, f.Variant, f.Size, f.Date = n.Token, id.uid, n.Variant, n.Bytes, state.DateOf(n.Date)
		}
		s.Foreign = append(s.Foreign, f)
		return nil
	}
	f := state.OnDisk{UID: id.uid, Variant: n.Variant, New: dir == dirNew, Hashed: n.Hash != "", Flags: flags, Silent: silent, Hidden: silent || dir == dirCur && parts.hidden(), Size: n.Bytes}
	if p.looking != nil {
		p.looking.at(f, s)
		return nil
	}
	if uint64(len(s.Names)+len(dir)+len(base)+2) > math.MaxUint32 {
		return fault(errCrowded, "read %s", p.at(dir))
	}
	f.Name = uint32(len(s.Names))
	s.Messages = append(s.Messages, f)
	s.Names = append(s.Names, dir...)
	s.Names = append(s.Names, '/')
	s.Names = append(s.Names, base...)
	s.Names = append(s.Names, 0)
	return nil
}

// hiding notes a folder with a dot in front, where mail programs do not look, if there are files in it.
func (p *pass) hiding(dir, base string) {
	if info, err := p.fs.Lstat(p.at(dir + "/" + base)); err != nil || !info.IsDir() {
		return
	}
	if passed, err := p.passedOver(dir, base); err == nil && !passed.Harmless {
		p.snap.NotMail = append(p.snap.NotMail, *passed)
	}
}

// lacking returns the expected UIDs that no message has. Both lists are sorted.
func lacking(msgs []state.OnDisk, expect []state.UID) []state.UID {
	var missing []state.UID
	i := 0
	for _, uid := range expect {
		for i < len(msgs) && msgs[i].UID < uid {
			i++
		}
		if i == len(msgs) || msgs[i].UID != uid {
			missing = append(missing, uid)
		}
	}
	return missing
}

// subset reports whether sorted b has all that sorted a has.
func subset(a, b []state.UID) bool {
	for _, uid := range a {
		if _, ok := slices.BinarySearch(b, uid); !ok {
			return false
		}
	}
	return true
}

// dropStale takes names out of a snapshot that are not there any more, and reports whether there were any. A
// file that is renamed while the folders are read shows up under two names, and only one of them is right. The
// time stamps do not always show it: both renames and reads may happen in one tick of the clock. So it looks at
// every name of an identity that has several, and of foreign files that differ in their flags only.
//
// It also leaves out the second name of one foreign file, a hard link: a mail program moves a file so, and to
// every reader both are the same message.
func (p *pass) dropStale() (dropped bool, err error) {
	s := p.snap
	var several []string
	for i, f := range s.Messages {
		if p.looking != nil {
			break // Look sees them
		}
		if i > 0 && sameIdentity(s.Messages[i-1], f) || i+1 < len(s.Messages) && sameIdentity(f, s.Messages[i+1]) {
			several = append(several, s.NameAt(f.Name))
		}
	}
	byKey := make(map[string][]string, len(s.Foreign))
	for _, f := range s.Foreign {
		key := keyOf(f.Name)
		byKey[key] = append(byKey[key], f.Name)
	}
	for _, names := range byKey {
		if len(names) > 1 {
			several = append(several, names...)
		}
	}
	if len(several) == 0 {
		return false, nil
	}
	inodes, err := p.inodes(several)
	if err != nil {
		return false, err
	}
	out := map[string]bool{}
	for _, name := range several {
		if _, there := inodes[name]; !there {
			out[name], dropped = true, true
		}
	}
	for _, names := range byKey {
		seen := map[uint64]bool{}
		for _, name := range names {
			if ino := inodes[name]; ino != 0 { // 0: not looked at, or not known on this system
				out[name] = out[name] || seen[ino]
				seen[ino] = true
			}
		}
	}
	s.Messages = slices.DeleteFunc(s.Messages, func(f state.OnDisk) bool { return out[s.NameAt(f.Name)] })
	s.Foreign = slices.DeleteFunc(s.Foreign, func(f state.Foreign) bool { return out[f.Name] })
	return dropped, nil
}

var errNotUTF8 = state.Faultf(state.Other, "its name is not UTF-8").WithHint("rename it")

// passedOver reports why a name in new or cur is not that of a message; nil for a plain file. A name that is not
// UTF-8 cannot be opened on every system.
func (d *folders) passedOver(dir, base string) (*state.NotMail, error) {
	name := d.at(dir + "/" + base)
	info, err := d.fs.Lstat(name)
	if err != nil {
		return nil, fault(err, "look at %s", name)
	}
	p := &state.NotMail{Name: dir + "/" + base, Count: 1}
	switch {
	case info.IsDir():
		p.Count = countBelow(d.fs, name, maxBelow)
		p.Harmless = p.Count == 0
		files := "a file"
		if p.Count != 1 {
			files = fmt.Sprintf("%d files", p.Count)
		}
		p.Err = state.Faultf(state.Other, "a folder with %s in it, among messages", files).
			WithHint("move what is in it to a Maildir of its own")
	case !utf8.ValidString(base):
		p.Err = errNotUTF8
	case info.Regular():
		return nil, nil
	case info.Type == fs.ModeSymlink:
		p.Err = state.Faultf(state.Other, "a symbolic link and not a message").WithHint("put a copy of what it leads to in its place")
	default:
		p.Err = errors.New("a pipe, socket or device and not a message")
	}
	return p, nil
}

// maxBelow is how many levels down countBelow looks.
const maxBelow = 8

// countBelow returns how many files are below a folder, as far as it can be read, and 1 for one that cannot.
func countBelow(fsys disk.FS, dir string, depth int) (n int) {
	names, err := fsys.Names(dir)
	if err != nil {
		return 1
	}
	for _, name := range names {
		info, err := fsys.Lstat(path.Join(dir, name))
		switch {
		case err == nil && info.IsDir() && depth > 0:
			n += countBelow(fsys, path.Join(dir, name), depth-1)
		case !isNotExist(err):
			n++
		}
	}
	return n
}
