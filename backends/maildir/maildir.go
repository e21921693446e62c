package maildir

import (
	"path"
	"sync"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Maildir is one Maildir of a Tree. Receive and Discard are safe for concurrent use;
// the other methods belong to the goroutine that holds the mailbox.
type Maildir struct {
	t    *Tree
	fs   disk.FS
	path string

	index     index
	letters   letters // as the last Scan read them
	lockedOut error   // the keywords' lock was waited for in vain
	lacks     string  // the one of new and cur that is not there, of a Maildir of OpenBare

	mu     sync.Mutex
	dirty  map[string]bool // folders with changes that are not durable yet
	broken error           // a folder's fsync failed: nothing here can be proven durable any more
	left   []string        // in tmp/, of those that could not be removed
}

func newMaildir(t *Tree, dir string) *Maildir {
	// What an earlier run linked and was killed before it synced looks like any other
	// file. So the first Sync covers both folders.
	return &Maildir{t: t, fs: t.fs, path: dir, dirty: map[string]bool{dirNew: true, dirCur: true}}
}

// Path is the Maildir's place, relative to the root.
func (m *Maildir) Path() string { return m.path }

// at is the path of a name inside the Maildir, such as "cur/…".
func (m *Maildir) at(name string) string { return path.Join(m.path, name) }

// Mark stats the directories. The mark is trusted where the file system is local and
// nothing changed within the clock's grain before now.
func (m *Maildir) Mark() (state.DirMark, error) {
	cur, err := m.stamps(dirCur)
	if err != nil {
		return state.DirMark{}, err
	}
	fresh, err := m.stamps(dirNew)
	if err != nil {
		return state.DirMark{}, err
	}
	mark := state.DirMark{
		CurIno: cur.Ino, NewIno: fresh.Ino,
		CurBtime: cur.Btime, CurCtime: cur.Ctime, NewCtime: fresh.Ctime,
	}
	words, err := m.fs.Lstat(m.at(keywordsFile))
	if err == nil {
		mark.KeywordsCtime = words.Ctime
	} else if !isNotExist(err) {
		return state.DirMark{}, fault(err, "stat maildir %s", m.path)
	}
	marker, err := m.fs.Lstat(m.at(markerFile))
	if err == nil {
		mark.MarkerCtime = marker.Ctime
	} else if !isNotExist(err) {
		return state.DirMark{}, fault(err, "stat maildir %s", m.path)
	}
	mark.Trusted = m.fs.Local() && m.quiet(mark)
	return mark, nil
}

// stamps describes new or cur.
func (m *Maildir) stamps(dir string) (disk.Info, error) {
	if dir == m.lacks {
		return disk.Info{}, nil
	}
	info, err := m.fs.Lstat(m.at(dir))
	if err != nil {
		err = fault(err, "stat maildir %s", m.path)
	}
	return info, err
}

// names are those in new or cur.
func (m *Maildir) names(dir string) ([]string, error) {
	if dir == m.lacks {
		return nil, nil
	}
	names, err := m.fs.Names(m.at(dir))
	if err != nil {
		err = fault(err, "read %s", m.at(dir))
	}
	return names, err
}

// touch notes a folder that Sync has to make durable.
func (m *Maildir) touch(dirs ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range dirs {
		m.dirty[d] = true
	}
}

// Sync makes every rename, link and unlink since the last Sync durable, and the names that a
// Scan since then has seen, whoever gave them. Once it failed, it fails for good: what the
// disk forgot then, a later fsync would not tell. It fails too while something of ours cannot
// be removed from tmp/, which would stay there as long as nothing changes in the Maildir.
func (m *Maildir) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	// What a rename gave to cur is made durable before what it took from new.
	for _, dir := range []string{".", dirCur, dirNew} {
		if !m.dirty[dir] {
			continue
		}
		if err := m.fs.SyncDir(m.at(dir)); err != nil {
			m.broken = fault(err, "sync maildir %s", m.at(dir))
			return m.broken
		}
		delete(m.dirty, dir)
	}
	return m.dropLeft()
}
