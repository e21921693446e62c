package maildir

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	"mailsync/state"
)

// ident is a file's identity: what stays the same whatever mail programs do to its
// flags.
type ident struct {
	token   string
	uid     state.UID
	key     string // of a name without a UID, where Keys does not know it
	variant uint8
}

// index knows which names an identity has: those of the last scan, and what was
// published or renamed since. Its names may be out of date, since other programs rename
// files at any time; whoever uses one finds out. That it knows no name proves that
// there was none when the Maildir was looked at.
type index struct {
	token string
	snap  *state.DiskSnapshot // nil: not looked yet
	more  map[ident][]string  // of other tokens
	// moved are the messages of this token that were published or renamed since: one bit a
	// variant, for a first pull has very many, and hardly any of them is looked for again.
	moved map[state.UID]uint16
}

func (x *index) reset(token string, snap *state.DiskSnapshot) {
	*x = index{token: token, snap: snap, more: map[ident][]string{}, moved: map[state.UID]uint16{}}
	for _, f := range snap.Foreign {
		if f.Token != "" && f.UID != 0 {
			x.add(ident{token: f.Token, uid: f.UID, variant: f.Variant}, f.Name)
		}
	}
}

func (x *index) add(id ident, name string) {
	switch {
	case x.more == nil: // nobody looked yet; who looks will see it
	case x.ours(id):
		x.moved[id.uid] |= 1 << id.variant
	case !slices.Contains(x.more[id], name):
		x.more[id] = append(x.more[id], name)
	}
}

// ours reports whether an identity is one of the snapshot's own, with a variant that
// moved has a bit for.
func (x *index) ours(id ident) bool { return id.token == x.token && id.uid != 0 && id.variant < 16 }

// stale reports that an identity got a name since the snapshot, which only a look at the
// folders tells.
func (x *index) stale(id ident) bool { return x.ours(id) && x.moved[id.uid]&(1<<id.variant) != 0 }

func (x *index) names(id ident) []string {
	names := slices.Clone(x.more[id])
	if id.token != x.token || id.uid == 0 {
		return names
	}
	msgs := x.snap.Messages
	first := sort.Search(len(msgs), func(i int) bool { return msgs[i].UID >= id.uid })
	for _, f := range msgs[first:] {
		if f.UID != id.uid {
			break
		}
		if f.Variant == id.variant {
			names = append(names, x.snap.NameAt(f.Name))
		}
	}
	return names
}

// identOf is the identity in a base name, false for a file that is not ours.
func (m *Maildir) identOf(base string) (ident, bool) {
	key, _, _ := splitInfo(base)
	n, ok := ParseName(key)
	if !ok {
		return ident{}, false
	}
	return m.identify(n), true
}

func (m *Maildir) identify(n Name) ident {
	id := ident{token: n.Token, uid: n.UID, variant: n.Variant}
	if n.Key != "" {
		id.key = n.Key
		if m.t.opts.Keys != nil {
			if uid, ok := m.t.opts.Keys.UID(n.Key); ok {
				id.uid, id.key = uid, ""
			}
		}
	}
	return id
}

// present returns every name under which an identity is there now.
func (m *Maildir) present(id ident) ([]string, error) {
	if m.index.snap == nil || m.index.stale(id) {
		return m.look(id)
	}
	var there []string
	for _, name := range m.index.names(id) {
		switch _, err := m.fs.Lstat(m.at(name)); {
		case err == nil:
			there = append(there, name)
		case isNotExist(err):
			return m.look(id)
		default:
			return nil, fault(err, "look for %s", m.at(name))
		}
	}
	return there, nil
}

// look reads both folders for an identity. It fills the index where there is none yet.
func (m *Maildir) look(id ident) ([]string, error) {
	var found []string
	more := map[ident][]string{}
	err := m.each(func(name string) {
		other, ok := m.identOf(path.Base(name))
		if !ok {
			return
		}
		if other == id {
			found = append(found, name)
		}
		more[other] = append(more[other], name)
	})
	if err != nil {
		return nil, err
	}
	m.index = index{snap: &state.DiskSnapshot{}, more: more}
	return found, nil
}

// each calls f with every name in new and then in cur.
func (m *Maildir) each(f func(name string)) error {
	for _, dir := range []string{dirNew, dirCur} {
		names, err := m.names(dir)
		if err != nil {
			return err
		}
		for _, base := range names {
			if !strings.HasPrefix(base, ".") {
				f(dir + "/" + base)
			}
		}
	}
	return nil
}

// again finds the name that a file has now that was called name: the same identity, or
// for a file that is not ours the same name but for the info part. fs.ErrNotExist if
// there is none.
func (m *Maildir) again(name string) (string, error) {
	key, _, _ := splitInfo(path.Base(name))
	id, ours := m.identOf(key)
	var found string
	err := m.each(func(other string) {
		otherKey, _, _ := splitInfo(path.Base(other))
		if otherKey == key {
			found = other
			return
		}
		if otherID, ok := m.identOf(otherKey); ours && ok && otherID == id && found == "" {
			found = other
		}
	})
	if err != nil {
		return "", err
	}
	if found == "" {
		return "", fmt.Errorf("%s: %w", m.at(name), fs.ErrNotExist)
	}
	return found, nil
}

// split takes a name as the snapshot has it apart, "cur" and the rest.
func split(name string) (dir, base string, err error) {
	dir, base, ok := strings.Cut(name, "/")
	if !ok || dir != dirCur && dir != dirNew || base == "" || strings.Contains(base, "/") {
		return "", "", fmt.Errorf("%q is not the name of a file in new or cur: %w", name, fs.ErrInvalid)
	}
	return dir, base, nil
}
