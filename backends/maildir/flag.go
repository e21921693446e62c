package maildir

import (
	"mailsync/state"
)

// Flag renames a file so that the flags in mask are as in want and all others as they
// are, and returns its new place. A file in new/ that gets a flag moves to cur/; one that
// gets none stays. Where the name is gone the identity is looked up again, and its
// flags are changed as they are by then; fs.ErrNotExist if it is gone too. Nothing is
// overwritten: where another file has the name, the error is fs.ErrExist. A keyword that
// has no letter yet gets one first; one that can have none is left out.
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
	if err := m.fs.Rename(m.at(old), m.at(new)); err != nil {
		return fault(err, "rename %s to %s", m.at(old), m.at(new))
	}
	from, _, _ := split(old)
	to, _, _ := split(new)
	m.touch(from, to)
	if id, ours := m.index.identOf(new); ours {
		m.index.add(id, new)
	}
	return nil
}
