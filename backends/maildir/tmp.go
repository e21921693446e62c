package maildir

import (
	"fmt"
	"os"
	"path"
	"strings"
	"sync"

	"mailsync/backends/maildir/disk"
)

// tmp is where bodies are until they have a final name.
type tmp struct {
	*folders
	t *Tree

	mu   sync.Mutex
	left []string // files that could not be removed
}

var pid = os.Getpid()

const tmpPrefix = "mailsync-tmp."

// newName is a name for tmp/ that no other program gives and no other run gave: Tidy
// knows it again by its beginning.
func (t *tmp) newName() string {
	return fmt.Sprintf("%s%d.%d.%d", tmpPrefix, t.opts.Now().UnixNano(), pid, t.t.serial.Add(1))
}

// create makes a new file.
func (t *tmp) create() (name string, file disk.File, err error) {
	name = t.newName()
	if file, err = t.fs.Create(t.in(name)); err != nil {
		return "", nil, fault(err, "create file in %s", t.at(dirTmp))
	}
	return name, file, nil
}

// in is the path of a name in tmp/.
func (t *tmp) in(name string) string { return t.at(path.Join(dirTmp, name)) }

// tidy removes what earlier runs of ours left in tmp/. The caller holds the lock, so no
// other run is writing there. Other programs' files are theirs. A Maildir without tmp/
// gets one.
func (t *tmp) tidy() error {
	names, err := t.fs.Names(t.at(dirTmp))
	if isNotExist(err) {
		if err := mkdir(t.fs, t.at(dirTmp)); err != nil {
			return fault(err, "make %s", t.at(dirTmp))
		}
		return nil
	}
	if err != nil {
		return fault(err, "read %s", t.at(dirTmp))
	}
	for _, name := range names {
		if !strings.HasPrefix(name, tmpPrefix) {
			continue
		}
		if err := t.remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tmp) remove(name string) error {
	if err := t.fs.Remove(t.in(name)); err != nil && !isNotExist(err) {
		return fault(err, "remove leftover %s", t.in(name))
	}
	return nil
}

// drop removes a file of ours that is not needed in tmp/ any more. What cannot be removed
// now, the next Sync removes.
func (t *tmp) drop(name string) {
	if t.remove(name) == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = append(t.left, name)
}

// dropLeft tries once more what drop could not.
func (t *tmp) dropLeft() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.left) > 0 {
		if err := t.remove(t.left[0]); err != nil {
			return err
		}
		t.left = t.left[1:]
	}
	return nil
}

// give moves a file of tmp/ to a name that must be free: by a link, so that nothing can be
// overwritten whatever happens in between; by a rename where there are no hard links.
func (t *tmp) give(name, new string) error {
	old := t.in(name)
	if !t.t.noLinks.Load() {
		err := t.fs.Link(old, new)
		if err == nil {
			t.drop(name)
			return nil
		}
		if !disk.NoHardLinks(err) {
			return err
		}
	}
	if err := t.fs.Rename(old, new); err != nil {
		return err
	}
	t.t.noLinks.Store(true)
	return nil
}
