package maildir

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Publish moves a received body from tmp/ to its final name, and returns its place. Whatever its flags, the hints in its name and its folder, a file of the same
// identity is in the same place: nothing is overwritten. With equal bytes it is that
// file, which is Found while the new one is dropped; with other bytes the error
// is state.ErrOccupied and the body stays in tmp/. After any other error the body is in
// tmp/ still, or published, and Publish may be called again.
func (m *Maildir) Publish(in state.Received, kw *state.Keywords) (state.Placed, error) {
	in.Variant = max(in.Variant, 1)
	return m.put(in, m.nameOf(in), origin{dir: dirNew}, kw, func(to string) error {
		return m.tmp.give(in.Tmp, m.at(to))
	})
}

// origin is what of a file's place does not change with its identity: a file that a
// reader took to cur/ stays there, and letters stay.
type origin struct{ dir, letters string }

// put chooses the place of a file that gets the name n, and calls give to move it there, unless its identity is taken.
func (m *Maildir) put(in state.Received, n Name, was origin, kw *state.Keywords, give func(to string) error) (state.Placed, error) {
	if err := n.check(in); err != nil {
		return state.Placed{}, err
	}
	id := m.index.identify(n)
	there, err := m.index.present(id)
	if err != nil {
		return state.Placed{}, err
	}
	if len(there) > 0 {
		return m.reuse(in, there)
	}
	// Mail does not wait for the name of a keyword: one without a letter is left out, and
	// the place shows it.
	_ = m.alphabet.spell(in.Flags, kw)
	name := m.place(n, in.Flags, was)
	err = give(name)
	if errors.Is(err, fs.ErrExist) {
		return m.reuse(in, []string{name})
	}
	if err != nil {
		return state.Placed{}, fault(err, "publish %s", m.at(name))
	}
	m.touch(name)
	m.index.add(id, name)
	return m.placed(name, false), nil
}

// placed reads a file's flags off its name.
func (m *Maildir) placed(name string, found bool) state.Placed {
	return state.Placed{Name: name, Flags: m.alphabet.letters.flags(infoOf(name)), Found: found}
}

func (m *Maildir) nameOf(in state.Received) Name {
	n := Name{
		Date: m.t.arrival(in.Date), UID: in.UID, Variant: in.Variant, Token: in.Token,
		OnDisk: in.OnDisk, Bytes: in.Bytes, Hash: hashOf(in.Digest),
	}
	if m.t.opts.Keys != nil {
		if key, ok := m.t.opts.Keys.Key(in.UID); ok {
			n.UID, n.Key = 0, key
		}
	}
	return n
}

// check makes sure that a name can be read back: its token may be one that cannot be part of a name.
func (n Name) check(in state.Received) error {
	if got, ok := ParseName(n.String()); !ok || got != n {
		return fmt.Errorf("message %d with token %q: %w", in.UID, in.Token, fs.ErrInvalid)
	}
	return nil
}

// hashOf is the digest as H= has it.
func hashOf(digest [state.DigestSize]byte) string {
	return encoding.EncodeToString(digest[:])[:hashSize]
}

// place is where a file gets: to new/ without any flag, else to cur/.
func (m *Maildir) place(n Name, flags state.Flags, was origin) string {
	letters := m.alphabet.letters.set(was.letters, flags, m.alphabet.letters.named())
	if flags == 0 && letters == "" && was.dir == dirNew {
		return dirNew + "/" + n.String()
	}
	return dirCur + "/" + joinInfo(n.String(), letters)
}

// reuse returns the file with the identity of a received body, if it has the same bytes.
func (m *Maildir) reuse(in state.Received, there []string) (state.Placed, error) {
	want := &state.Proof{Digest: in.Digest, Bytes: in.Bytes}
	for _, name := range there {
		got, err := m.Inspect(name, want)
		if err != nil {
			return state.Placed{}, err
		}
		if got.Digest == in.Digest && got.Bytes == in.Bytes {
			// The file may be a user's copy that was never synced.
			if err := m.harden(name); err != nil {
				return state.Placed{}, err
			}
			m.Discard(in)
			return m.placed(name, true), nil
		}
	}
	return state.Placed{}, fmt.Errorf("message %d in %s: %w", in.UID, m.at(there[0]), state.ErrOccupied)
}

// Link gives a file of the Maildir at the path from, which may be this one, the
// identity and flags of as here, and leaves its old name where it is. Digest, Bytes,
// OnDisk, Form and Confirmed of as are those that Inspect found; the name has no digest unless as is
// Confirmed. A file of the same identity that is there already is treated
// as by Publish: with equal bytes it is Found, with others the error is
// state.ErrOccupied. If the name is gone, and its identity too, the error is fs.ErrNotExist.
// Mail that a reader has taken to cur/ stays in cur/ unless as is Fresh. Within one Maildir a file keeps
// the flags and letters that its name has by now, whatever the flags of as. Letters of
// another Maildir's keywords are replaced by those that the keywords of as have here.
//
// Where there are no hard links, and where as is to be Apart, the file is copied, durably, through tmp/.
func (m *Maildir) Link(from, name string, as state.Received, kw *state.Keywords) (state.Placed, error) {
	as.Variant = max(as.Variant, 1)
	src, given := m.sibling(from), name
	name, _, err := src.index.stat(name)
	if err != nil {
		return state.Placed{}, err
	}
	if !as.Durable {
		if err := src.harden(name); err != nil {
			return state.Placed{}, err
		}
	}
	dir, base, _ := split(name)
	was := origin{dir: dir}
	if as.Fresh {
		was.dir = dirNew
	}
	if src == m {
		was, as.Flags = m.keeping(as, dir, base, given)
	}
	return m.put(as, m.linkName(as), was, kw, func(to string) error {
		if !as.Apart {
			if err := m.fs.Link(src.at(name), m.at(to)); err == nil || !disk.NoHardLinks(err) {
				return err
			}
		}
		return m.copyFrom(src, name, as, to)
	})
}

// linkName is the name of a file that is not fetched but gets another identity. It has the digest only
// where that is known to be of what a server sent.
func (m *Maildir) linkName(as state.Received) Name {
	n := m.nameOf(as)
	if !as.Confirmed {
		n.Hash = ""
	}
	return n
}

// sibling is the Maildir at a path of the same tree.
func (m *Maildir) sibling(path string) *Maildir {
	if path == m.path {
		return m
	}
	return newMaildir(m.t, path)
}

// copyFrom copies a file to a name that must be free.
func (m *Maildir) copyFrom(src *Maildir, name string, as state.Received, to string) error {
	body, err := src.Body(name, as.Form)
	if err != nil {
		return err
	}
	defer body.Close()
	in := as.Incoming
	in.Size = as.Bytes
	got, err := m.Receive(in, body)
	if err != nil {
		return err
	}
	if got.Digest != as.Digest {
		err = fmt.Errorf("%s changed while it was copied", src.at(name))
	} else {
		err = m.tmp.give(got.Tmp, m.at(to))
	}
	if err != nil {
		m.Discard(got)
	}
	return err
}

// Identify gives a file of this Maildir the identity of as, and returns its new place. It is one
// rename that overwrites nothing, so that a file has one name at any time, whatever breaks: the
// old one or the new one, and after the next Sync the new one. Called again it does what remains.
//
// Digest, Bytes, OnDisk, Form and Confirmed of as are those that Inspect found; the name has no digest unless
// as is Confirmed. The file keeps the flags and letters that its name has by now, whatever the flags of as; if
// as is to be Respelled, its letters are replaced by those that its keywords have here. Mail that a reader has taken to cur/ stays in cur/ unless as is Fresh. A name that
// other programs changed meanwhile is followed. If it is gone, and its identity too, the error is fs.ErrNotExist.
//
// Where another file has the identity already and equal bytes, that one is Found, its name is
// made durable, and then the file is removed that was to get it. With other bytes the error is
// state.ErrOccupied, and both files stay.
func (m *Maildir) Identify(name string, as state.Received, kw *state.Keywords) (state.Placed, error) {
	as.Variant = max(as.Variant, 1)
	n := m.linkName(as)
	if err := n.check(as); err != nil {
		return state.Placed{}, err
	}
	id := m.index.identify(n)
	now, _, err := m.index.stat(name)
	if err != nil && !isNotExist(err) {
		return state.Placed{}, err
	}
	gone := err
	if own, ours := m.index.identOf(now); gone == nil && ours && own == id {
		return m.reuse(as, []string{now})
	}
	there, err := m.index.present(id)
	switch {
	case err != nil:
		return state.Placed{}, err
	case len(there) > 0 && gone != nil:
		return m.reuse(as, there)
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
	given := name
	to, err := m.relabel(now, func(name string) (string, error) {
		now = name
		dir, base, err := split(name)
		was, flags := m.keeping(as, dir, base, given)
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
// the letters that it has by now, and the flags that follow from them. Of letters that are Respelled the keywords are
// those of as, which were read from the given name, with what was changed since: who changes keywords in this Maildir uses its
// letters.
func (m *Maildir) keeping(as state.Received, dir, base, given string) (origin, state.Flags) {
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
		then, _ := apart(infoOf(given))
		now, _ := apart(p.letters)
		flags |= as.Flags&^state.System&^m.alphabet.letters.flags(without(then, now)) | m.alphabet.letters.flags(without(now, then))
	}
	return was, state.FlagsByName(p.silent(dir), flags, as.Flags)
}

// without is letters but for others.
func without(letters, others string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(others, c) {
			return -1
		}
		return c
	}, letters)
}

// merge removes a file if one that has the identity of as already has the same bytes.
func (m *Maildir) merge(name string, as state.Received, there []string) (state.Placed, error) {
	placed, err := m.reuse(as, there)
	if err != nil {
		return state.Placed{}, err
	}
	if err := m.sync(); err != nil { // what stays is durable before the other one is removed
		return state.Placed{}, err
	}
	if err := m.Unlink(name, m.path, placed.Name); err != nil {
		return state.Placed{}, fmt.Errorf("remove %s for %s: %w", m.at(name), m.at(placed.Name), err)
	}
	return placed, nil
}
