package maildir

// Maildir is one Maildir of a Tree. Receive and Discard are safe for concurrent use;
// the other methods belong to the goroutine that holds the mailbox.
type Maildir struct {
	*folders
	t        *Tree
	tmp      *tmp
	index    index
	alphabet alphabet
}

func newMaildir(t *Tree, dir string) *Maildir {
	// What an earlier run linked and was killed before it synced looks like any other
	// file. So the first Sync covers both folders.
	d := &folders{fs: t.fs, path: dir, opts: &t.opts, dirty: map[string]bool{dirNew: true, dirCur: true}}
	return &Maildir{folders: d, t: t, tmp: &tmp{folders: d}, index: index{folders: d}, alphabet: alphabet{folders: d}}
}

// Sync makes every rename, link and unlink since the last Sync durable, and the names that a
// Scan since then has seen, whoever gave them. Once it failed, it fails for good. It fails too
// while something of ours cannot be removed from tmp/, which would stay there as long as nothing
// changes in the Maildir.
func (m *Maildir) Sync() error {
	if err := m.sync(); err != nil {
		return err
	}
	return m.tmp.dropLeft()
}
