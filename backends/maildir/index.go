package maildir

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"

	"mailsync/backends/maildir/disk"
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
// files at any time; whoever uses one finds out. If it knows no name,
// there was none when the Maildir was looked at.
type index struct {
	*folders
	token string
	snap  *state.DiskSnapshot // nil: not looked yet
	more  map[ident][]string  // of other tokens
	// moved are the messages of this token that were published or renamed since, without their names: a
	// first run has very many, and hardly any of them is looked for again.
	moved state.UIDSet
}

func (x *index) reset(token string, snap *state.DiskSnapshot) {
	*x = index{folders: x.folders, token: token, snap: snap, more: map[ident][]string{}, moved: state.UIDSet{}}
	for _, f := range snap.Foreign {
		if f.Token != "" && f.UID != 0 {
			x.add(ident{token: f.Token, uid: f.UID, variant: f.Variant}, f.Name)
		}
	}
}

func (x *index) add(id ident, name string) {
	switch {
	case x.more == nil: // the first look will see it
	case x.ours(id):
		x.moved.Add(id.uid)
	case !slices.Contains(x.more[id], name):
		x.more[id] = append(x.more[id], name)
	}
}

// ours reports whether an identity is one of the snapshot's own.
func (x *index) ours(id ident) bool { return id.token == x.token && id.uid != 0 }

func (x *index) known(id ident) []string {
	names := slices.Clone(x.more[id])
	if !x.ours(id) {
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

// identOf is the identity in a name, false for a file that is not ours.
func (x *index) identOf(name string) (ident, bool) {
	p := partsOf(path.Base(name))
	return x.identify(p.name), p.ours
}

func (x *index) identify(n Name) ident {
	id := ident{token: n.Token, uid: n.UID, variant: n.Variant}
	if n.Key != "" {
		id.key = n.Key
		if x.opts.Keys != nil {
			if uid, ok := x.opts.Keys.UID(n.Key); ok {
				id.uid, id.key = uid, ""
			}
		}
	}
	return id
}

// present returns every name under which an identity is there now.
func (x *index) present(id ident) ([]string, error) {
	if x.snap == nil || x.moved.Has(id.uid) && x.ours(id) {
		return x.look(id)
	}
	var there []string
	for _, name := range x.known(id) {
		switch _, err := x.fs.Lstat(x.at(name)); {
		case err == nil:
			there = append(there, name)
		case isNotExist(err):
			return x.look(id)
		default:
			return nil, fault(err, "look for %s", x.at(name))
		}
	}
	return there, nil
}

// look reads both folders for an identity. It fills the index where there is none yet.
func (x *index) look(id ident) ([]string, error) {
	var found []string
	more := map[ident][]string{}
	err := x.each(func(name string) {
		other, ok := x.identOf(name)
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
	*x = index{folders: x.folders, snap: &state.DiskSnapshot{}, more: more}
	return found, nil
}

// again finds the name that a file has now that was called name: the same identity, or
// for a file that is not ours the same name but for the info part. fs.ErrNotExist if
// there is none.
func (x *index) again(name string) (string, error) {
	was := partsOf(path.Base(name))
	id := x.identify(was.name)
	var found string
	err := x.each(func(other string) {
		is := partsOf(path.Base(other))
		if is.key == was.key || found == "" && was.ours && is.ours && x.identify(is.name) == id {
			found = other
		}
	})
	if err == nil && found == "" {
		err = fmt.Errorf("%s: %w", x.at(name), fs.ErrNotExist)
	}
	return found, err
}

// maxRenames is how often a file is followed that another program keeps renaming.
const maxRenames = 8

// follow does something with a file under the name that it has, and again where another
// program renames it before that is done. fs.ErrNotExist: there is no such file.
func (x *index) follow(name string, do func(name string) error) error {
	for range maxRenames {
		err := do(name)
		if !isNotExist(err) {
			return err
		}
		if name, err = x.again(name); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: another program keeps renaming it", x.at(name))
}

// seen is follow, once it was seen what is there.
func (x *index) seen(name string, do func(name string, info disk.Info) error) error {
	return x.follow(name, func(name string) error {
		if _, _, err := split(name); err != nil {
			return err
		}
		info, err := x.fs.Lstat(x.at(name))
		if err == nil && !info.Regular() {
			err = fmt.Errorf("not a plain file: %w", fs.ErrInvalid)
		}
		if err != nil {
			return fault(err, "look at %s", x.at(name))
		}
		return do(name, info)
	})
}

// stat finds a file under its name, or under the one it has by now.
func (x *index) stat(name string) (now string, info disk.Info, err error) {
	err = x.seen(name, func(name string, found disk.Info) error {
		now, info = name, found
		return nil
	})
	return now, info, err
}
