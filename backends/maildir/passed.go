package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"unicode/utf8"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

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
