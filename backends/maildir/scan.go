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
	steady  bool                    // still, and the stamps were old enough to tell any change
	missing []state.UID             // of those expected
}

// Scan reads new and cur for files of the generation with that token. expect lists the
// UIDs that should have a file, sorted; where one is missing, Scan looks again as often
// as it takes to be sure, or gives up and returns a snapshot that is not Complete. kw
// names the keyword letters and gets a bit for each that the Maildir names. An error
// means that nothing was learned. The snapshot stays in use by the Maildir: it must not
// be changed.
func (m *Maildir) Scan(ctx context.Context, token string, expect []state.UID, kw *state.Keywords) (*state.DiskSnapshot, error) {
	var last *pass
	for range maxPasses {
		p, err := m.pass(token, expect, kw)
		if err != nil {
			return nil, err
		}
		whole := len(p.missing) == 0
		sure := last != nil && last.steady && p.steady && subset(p.missing, last.missing)
		last = p
		if whole && p.still || sure {
			p.snap.Complete = true
			break
		}
		if err := m.t.opts.Wait(ctx, m.grain(p.snap.Mark)); err != nil {
			return nil, err
		}
	}
	// Nothing expected is missing, though the folders never came to rest.
	last.snap.Complete = last.snap.Complete || len(last.missing) == 0
	m.alphabet.letters = last.letters
	m.index.reset(token, last.snap)
	m.touch(dirCur, dirNew)
	return last.snap, nil
}

// pass reads both folders once.
func (m *Maildir) pass(token string, expect []state.UID, kw *state.Keywords) (*pass, error) {
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
		snap: &state.DiskSnapshot{Mark: before, Said: true, Words: words.meant()},
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
		names, err := p.names(dir)
		if err != nil {
			return false, err
		}
		octets := 0
		for _, base := range names {
			octets += len(dir) + len(base) + 2
		}
		s.Messages = slices.Grow(s.Messages, len(names))
		s.Names = slices.Grow(s.Names, octets)
		for _, base := range names {
			if strings.HasPrefix(base, ".") {
				p.hiding(dir, base)
				continue
			}
			err := p.sort(dir, base)
			if err != nil && !isNotExist(err) {
				return false, err
			}
			gone = gone || err != nil
		}
	}
	slices.SortFunc(s.Messages, func(a, b state.OnDisk) int {
		if c := cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Variant, b.Variant)); c != 0 {
			return c
		}
		if a.Silent != b.Silent {
			if a.Silent {
				return 1
			}
			return -1
		}
		return cmp.Compare(s.NameAt(a.Name), s.NameAt(b.Name))
	})
	slices.SortFunc(s.Foreign, func(a, b state.Foreign) int { return cmp.Compare(a.Name, b.Name) })
	return gone, nil
}

// sort puts one name where it belongs; fs.ErrNotExist says that it is gone again.
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
			s.Passed = append(s.Passed, *passed)
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
	if len(s.Names)+len(dir)+len(base)+2 > math.MaxUint32 {
		return fault(errCrowded, "read %s", p.at(dir))
	}
	s.Messages = append(s.Messages, state.OnDisk{
		UID: id.uid, Variant: n.Variant, New: dir == dirNew, Hashed: n.Hash != "", Flags: flags, Silent: silent, Hidden: silent || dir == dirCur && parts.hidden(),
		Name: uint32(len(s.Names)), Size: n.Bytes,
	})
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
	if passed, err := p.passedOver(dir, base); err == nil && !passed.Spared {
		p.snap.Passed = append(p.snap.Passed, *passed)
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

// subset reports whether sorted a holds nothing that sorted b does not.
func subset(a, b []state.UID) bool {
	for _, uid := range a {
		if _, ok := slices.BinarySearch(b, uid); !ok {
			return false
		}
	}
	return true
}

// A file that is renamed while the folders are read shows up under two names, and only one of
// them is true. The time stamps do not always tell: both renames and reads may fall into one
// tick of the clock. So every name that may be such a one is looked at.

// dropStale takes the names out of a snapshot that are none any more: of identities, and of
// foreign files that have the same name but for its flags. It reports whether there were any.
func (p *pass) dropStale() (dropped bool, err error) {
	ours, err := p.dropStaleMessages()
	if err != nil {
		return false, err
	}
	foreign, err := p.dropStaleForeign()
	return ours || foreign, err
}

func (p *pass) dropStaleMessages() (dropped bool, err error) {
	s := p.snap
	same := func(i, j int) bool {
		return s.Messages[i].UID == s.Messages[j].UID && s.Messages[i].Variant == s.Messages[j].Variant
	}
	var stale []int
	for first, next := 0, 0; first < len(s.Messages); first = next {
		for next = first + 1; next < len(s.Messages) && same(first, next); next++ {
		}
		if next-first == 1 {
			continue
		}
		var names []string
		for _, f := range s.Messages[first:next] {
			names = append(names, s.NameAt(f.Name))
		}
		inodes, err := p.standing(names)
		if err != nil {
			return false, err
		}
		for i, name := range names {
			if _, there := inodes[name]; !there {
				stale = append(stale, first+i)
			}
		}
	}
	for _, i := range slices.Backward(stale) {
		s.Messages = slices.Delete(s.Messages, i, i+1)
	}
	return len(stale) > 0, nil
}

// dropStaleForeign also leaves out what is a second name of one file, a hard link: a mail
// program moves a file so, and to every reader both are the same message. What the second
// name is for the first one's fate tells: it goes, or is found as a twin.
func (p *pass) dropStaleForeign() (dropped bool, err error) {
	s := p.snap
	byKey := make(map[string][]string, len(s.Foreign))
	for _, f := range s.Foreign {
		byKey[keyOf(f.Name)] = append(byKey[keyOf(f.Name)], f.Name)
	}
	if len(byKey) == len(s.Foreign) {
		return false, nil
	}
	out := map[string]bool{}
	for _, names := range byKey {
		if len(names) == 1 {
			continue
		}
		inodes, err := p.standing(names)
		if err != nil {
			return false, err
		}
		seen := map[uint64]bool{0: false} // 0: the system does not tell
		for _, name := range names {
			ino, there := inodes[name]
			dropped = dropped || !there
			out[name] = !there || seen[ino]
			seen[ino] = ino != 0
		}
	}
	s.Foreign = slices.DeleteFunc(s.Foreign, func(f state.Foreign) bool { return out[f.Name] })
	return dropped, nil
}

var errNotUTF8 = state.Faultf(state.Other, "its name is not UTF-8").WithHint("rename it")

// passedOver says why a name in new or cur is not that of a message: a plain file whose name can be opened,
// which one that is not UTF-8 cannot be on every system. It is nil for one that is.
func (d *folders) passedOver(dir, base string) (*state.Passed, error) {
	name := d.at(dir + "/" + base)
	info, err := d.fs.Lstat(name)
	if err != nil {
		return nil, fault(err, "look at %s", name)
	}
	p := &state.Passed{Name: dir + "/" + base, Count: 1}
	switch {
	case info.IsDir():
		p.Count = countBelow(d.fs, name, maxBelow)
		p.Spared = p.Count == 0
		files := "a file"
		if p.Count != 1 {
			files = fmt.Sprintf("%d files", p.Count)
		}
		p.Err = state.Faultf(state.Other, "a folder with %s in it, where messages lie", files).
			WithHint("move what lies in it to a Maildir of its own")
	case !utf8.ValidString(base):
		p.Err = errNotUTF8
	case info.Regular():
		return nil, nil
	default:
		p.Err = whatItIs(info)
	}
	return p, nil
}

// whatItIs names what is no plain file.
func whatItIs(info disk.Info) error {
	if info.Type == fs.ModeSymlink {
		return state.Faultf(state.Other, "a symbolic link and no message").WithHint("put a copy of what it leads to in its place")
	}
	return errors.New("a pipe, socket or device and no message")
}

// maxBelow is how deep is looked for files that a folder hides.
const maxBelow = 8

// countBelow returns how many files lie below a folder, as far as it can be read, and 1 for one that cannot.
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
