package maildir

import (
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
)

// Identify gives a file of this Maildir the identity of as, and returns its new place. It is one
// rename that overwrites nothing, so that a file has one name at any time, whatever breaks: the
// old one or the new one, and after the next Sync the new one. Called again it does what is left.
//
// Digest, Bytes, OnDisk and Form of as are those that Inspect found, and so is Vouched, without
// which the name tells no digest. The file keeps the flags and letters that it has by now, whatever as
// says, as far as its name tells them; letters that as says to Respell give way to those that its
// keywords have here. Mail that a reader has taken to cur/ stays in cur/ unless as is Fresh. A name that
// other programs changed meanwhile is followed. One that is gone, and its identity too, is fs.ErrNotExist.
//
// Where another file has the identity already, equal bytes are that file: it is Found, its name is
// made durable, and then the file is removed that was to get it. Other bytes are state.ErrOccupied,
// and both files stay.
func (m *Maildir) Identify(name string, as state.Received, kw *state.Keywords) (state.Placed, error) {
	as.Variant = max(as.Variant, 1)
	n, err := m.linkName(as)
	if err != nil {
		return state.Placed{}, err
	}
	id := m.index.identify(n)
	now, _, err := m.index.stat(name)
	if err != nil && !isNotExist(err) {
		return state.Placed{}, err
	}
	gone := err
	if own, ours := m.index.identOf(now); gone == nil && ours && own == id {
		return m.settle(as, []string{now})
	}
	there, err := m.index.present(id)
	switch {
	case err != nil:
		return state.Placed{}, err
	case len(there) > 0 && gone != nil:
		return m.settle(as, there)
	case len(there) > 0:
		return m.merge(now, as, there)
	case gone != nil:
		return state.Placed{}, gone
	}
	if !as.Durable {
		if err := m.harden(now); err != nil {
			return state.Placed{}, err
		}
	}
	_ = m.alphabet.spell(as.Flags, kw) // as in Publish
	to, err := m.relabel(now, func(name string) (string, error) {
		now = name
		dir, base, err := split(name)
		was, flags := m.keeping(as, dir, base)
		return m.place(n, flags, was), err
	})
	switch {
	case errors.Is(err, fs.ErrExist):
		return m.merge(now, as, []string{to})
	case err != nil:
		return state.Placed{}, err
	}
	return m.placed(to, false), nil
}

// keeping is what a file keeps when it gets the identity of as within this Maildir: its folder and
// the letters that it has by now, and the flags that follow from them.
func (m *Maildir) keeping(as state.Received, dir, base string) (origin, state.Flags) {
	p := partsOf(base)
	was := origin{dir: dir, letters: p.letters}
	if as.Fresh {
		was.dir = dirNew
	}
	if as.Respell {
		_, was.letters = apart(p.letters)
	}
	flags := m.alphabet.letters.flags(was.letters)
	if as.Respell {
		flags |= as.Flags &^ state.System
	}
	return was, state.Spoken(p.silent(dir), flags, as.Flags)
}

// merge removes a file whose bytes another one has that is there with the identity of as.
func (m *Maildir) merge(name string, as state.Received, there []string) (state.Placed, error) {
	placed, err := m.settle(as, there)
	if err != nil {
		return state.Placed{}, err
	}
	if err := m.sync(); err != nil { // what stays is durable before the other one goes
		return state.Placed{}, err
	}
	if err := m.Unlink(name, m.path, placed.Name); err != nil {
		return state.Placed{}, fmt.Errorf("remove %s for %s: %w", m.at(name), m.at(placed.Name), err)
	}
	return placed, nil
}
