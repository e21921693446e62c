package maildir

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
)

// Flag renames a file so that the flags in mask are as in want and all others as they
// are, and returns its new place. A file in new/ that gets a flag moves to cur/; one that
// gets none stays. Where the name is gone the identity is looked up again, and its
// flags are changed as they are by then; fs.ErrNotExist if it is gone too. Nothing is
// overwritten: where another file has the name, the error is fs.ErrExist. A keyword that
// has no letter yet gets one first; one that cannot have one is left out.
func (m *Maildir) Flag(name string, want, mask state.Flags, kw *state.Keywords) (state.Placed, error) {
	if err := m.alphabet.spell(want&mask, kw); err != nil {
		return state.Placed{}, err
	}
	next, err := m.relabel(name, func(name string) (string, error) { return m.flagged(name, want, mask) })
	if err != nil {
		return state.Placed{}, err
	}
	return m.placed(next, true), nil
}

// relabel renames a file as next says, given the name that it has by now, and returns its new name.
func (m *Maildir) relabel(name string, next func(name string) (string, error)) (to string, err error) {
	err = m.index.follow(name, func(name string) error {
		if to, err = next(name); err != nil {
			return err
		}
		return m.rename(name, to)
	})
	return to, err
}

// flagged is the name that a file has with its flags changed.
func (m *Maildir) flagged(name string, want, mask state.Flags) (string, error) {
	dir, base, err := split(name)
	if err != nil {
		return "", err
	}
	p := partsOf(base)
	set := m.alphabet.letters.set(p.letters, want, mask)
	switch silent := p.silent(dir); {
	case silent:
		if p.key, _ = cutRest(p.key); dir == dirNew && set == "" {
			return dirNew + "/" + p.key, nil
		}
	case dir == dirNew && set == p.letters:
		return name, nil
	}
	return dirCur + "/" + joinInfo(p.key, set), nil
}

// rename gives a file another name in new or cur. With the same name it only looks
// whether the file is there.
func (m *Maildir) rename(old, new string) error {
	if old == new {
		if _, err := m.fs.Lstat(m.at(old)); err != nil {
			return fault(err, "look at %s", m.at(old))
		}
		return nil
	}
	if err := rename(m.fs, m.at(old), m.at(new)); err != nil {
		return fault(err, "rename %s to %s", m.at(old), m.at(new))
	}
	m.touch(old, new)
	if id, ours := m.index.identOf(new); ours {
		m.index.add(id, new)
	}
	return nil
}

// Unlink removes a name whose bytes have another one, kept, in the Maildir at the path in,
// after it made sure that kept is there and is the same file, or one with the same bytes.
// If another program changed the flags of either meanwhile, it is found by the other parts
// of its name, and kept gets the change. A name that is gone already is not an error.
func (m *Maildir) Unlink(name, in, kept string) error {
	dest := m.sibling(in)
	for range maxRenames {
		gone, err := m.unlink(name, dest, kept)
		if !gone || err != nil {
			return err
		}
		next, err := m.index.again(name)
		if isNotExist(err) || err == nil && keyOf(next) != keyOf(name) {
			return nil
		}
		if err != nil {
			return err
		}
		if kept, err = m.inherit(name, next, dest, kept); err != nil {
			return err
		}
		name = next
	}
	return fmt.Errorf("unlink %s: another program keeps renaming it", m.at(name))
}

// inherit gives kept, in the Maildir dest, the letters that another program added when it
// renamed the file's other name, and loses those that it removed; it returns kept's name then.
// A keyword for which dest has no letter is left out.
func (m *Maildir) inherit(name, next string, dest *Maildir, kept string) (string, error) {
	was, is := infoOf(name), infoOf(next)
	if was == is {
		return kept, nil
	}
	spelled := func(letter byte) (byte, bool) { return letter, true }
	if dest != m {
		from, err := m.alphabet.read()
		if err != nil {
			return "", err
		}
		to, err := dest.alphabet.read()
		if err != nil {
			return "", err
		}
		spelled = func(letter byte) (byte, bool) { return from.respell(letter, to) }
	}
	kept, err := dest.relabel(kept, func(name string) (string, error) {
		_, base, err := split(name)
		if err != nil {
			return "", err
		}
		p := partsOf(base)
		letters := []byte(p.letters)
		for i := range len(was) {
			if l, ok := spelled(was[i]); ok && strings.IndexByte(is, was[i]) < 0 {
				letters = slices.DeleteFunc(letters, func(c byte) bool { return c == l })
			}
		}
		for i := range len(is) {
			if l, ok := spelled(is[i]); ok && strings.IndexByte(was, is[i]) < 0 {
				letters = append(letters, l)
			}
		}
		slices.Sort(letters)
		if set := string(slices.Compact(letters)); set != p.letters {
			return dirCur + "/" + joinInfo(p.key, set), nil
		}
		return name, nil
	})
	if err == nil && dest != m {
		err = dest.Sync() // nobody else knows that it changed
	}
	return kept, err
}

// respell is the letter that means in other words what one means in these.
func (w words) respell(letter byte, other words) (byte, bool) {
	if letter < 'a' || letter > 'z' {
		return letter, true
	}
	name := w[letter-'a']
	i := slices.Index(other[:], name)
	if name == "" || i < 0 {
		return 0, false
	}
	return 'a' + byte(i), true
}

// unlink removes a name, or reports that it is gone.
func (m *Maildir) unlink(name string, dest *Maildir, kept string) (gone bool, err error) {
	if _, _, err := split(name); err != nil {
		return false, err
	}
	info, err := m.fs.Lstat(m.at(name))
	if isNotExist(err) {
		return true, nil
	}
	if err != nil {
		return false, fault(err, "look at %s", m.at(name))
	}
	kept, there, err := dest.index.stat(kept)
	if err != nil {
		return false, err
	}
	if dest.path == m.path && keyOf(name) == keyOf(kept) {
		// One name with other flags: a program may be renaming it just now.
		return false, fmt.Errorf("%s is the name to be kept: %w", m.at(name), fs.ErrInvalid)
	}
	if info.Ino == 0 || info.Ino != there.Ino {
		one, err := m.Inspect(name, nil)
		if err != nil {
			return false, err
		}
		two, err := dest.Inspect(kept, nil)
		if err != nil {
			return false, err
		}
		if one.Digest != two.Digest {
			return false, fmt.Errorf("%s and %s are not the same message: %w", m.at(name), dest.at(kept), state.ErrOccupied)
		}
	}
	err = m.fs.Remove(m.at(name))
	if isNotExist(err) {
		return true, nil
	}
	if err != nil {
		return false, fault(err, "remove %s", m.at(name))
	}
	m.touch(name)
	return false, nil
}
