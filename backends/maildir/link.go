package maildir

import (
	"errors"
	"fmt"
	"io/fs"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Link gives a file that lies in the Maildir at the path from, which may be this one, the
// identity and flags of as here, and leaves its old name where it is. Digest, Bytes,
// OnDisk and Form of as are those that Inspect found, and so is Vouched, without which
// the name tells no digest. A file of the same identity that is there already is treated
// as by Publish: with equal bytes it is Found, with others the error is
// state.ErrOccupied. A name that is gone and whose identity is gone too is fs.ErrNotExist.
// Mail that a reader has taken to cur/ stays in cur/ unless as is Fresh, and within one Maildir a file keeps
// the flags and letters that it has by now, whatever as says, as far as its name tells them. Letters of
// keywords that are another Maildir's give way to those that the keywords of as have here.
//
// Where there are no hard links, and where as is to lie Apart, the file is copied, durably, through tmp/.
func (m *Maildir) Link(from, name string, as state.Received, kw *state.Keywords) (state.Placed, error) {
	as.Variant = max(as.Variant, 1)
	n, err := m.linkName(as)
	if err != nil {
		return state.Placed{}, err
	}
	src := m.sibling(from)
	name, _, err = src.index.stat(name)
	if err != nil {
		return state.Placed{}, err
	}
	if !as.Durable {
		if err := src.harden(name); err != nil {
			return state.Placed{}, err
		}
	}
	id := m.index.identify(n)
	there, err := m.index.present(id)
	if err != nil {
		return state.Placed{}, err
	}
	if len(there) > 0 {
		return m.settle(as, there)
	}
	_ = m.alphabet.spell(as.Flags, kw) // as in Publish
	dir, base, _ := split(name)
	was := origin{dir: dir}
	if as.Fresh {
		was.dir = dirNew
	}
	if src == m {
		was, as.Flags = m.keeping(as, dir, base)
	}
	if as.Apart {
		return m.copyFrom(src, name, as, n, was, kw)
	}
	to := m.place(n, as.Flags, was)
	err = m.fs.Link(src.at(name), m.at(to))
	switch {
	case errors.Is(err, fs.ErrExist):
		return m.settle(as, []string{to})
	case err != nil && disk.NoHardLinks(err):
		return m.copyFrom(src, name, as, n, was, kw)
	case err != nil:
		return state.Placed{}, fault(err, "link %s to %s", src.at(name), m.at(to))
	}
	dir, _, _ = split(to)
	m.touch(dir)
	m.index.add(id, to)
	return m.placed(to, false), nil
}

// linkName is the name of a file that is not fetched but gets another identity. It tells the digest only
// where that is known to be what a server sent.
func (m *Maildir) linkName(as state.Received) (Name, error) {
	n := m.nameOf(as)
	if !as.Vouched {
		n.Hash = ""
	}
	return n, n.check(as)
}

// sibling is the Maildir at a path of the same tree.
func (m *Maildir) sibling(path string) *Maildir {
	if path == m.path {
		return m
	}
	return newMaildir(m.t, path)
}

// copyFrom is Link where there are no hard links.
func (m *Maildir) copyFrom(src *Maildir, name string, as state.Received, n Name, was origin, kw *state.Keywords) (state.Placed, error) {
	body, err := src.Body(name, as.Form)
	if err != nil {
		return state.Placed{}, err
	}
	defer body.Close()
	in := as.Incoming
	in.Size = as.Bytes
	got, err := m.Receive(in, body)
	if err != nil {
		return state.Placed{}, err
	}
	if got.Digest != as.Digest {
		m.Discard(got)
		return state.Placed{}, fmt.Errorf("%s changed while it was copied", src.at(name))
	}
	placed, err := m.publish(got, n, was, kw)
	if err != nil {
		m.Discard(got)
	}
	return placed, err
}
