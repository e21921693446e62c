package maildir

import (
	"path"
	"strings"
)

// Tidy removes what earlier runs of ours left in tmp/. The caller holds the lock, so no
// other run is writing there. Other programs' files are theirs. A Maildir without tmp/
// gets one.
func (m *Maildir) Tidy() error {
	names, err := m.fs.Names(m.at(dirTmp))
	if isNotExist(err) {
		if err := mkdir(m.fs, m.at(dirTmp)); err != nil {
			return fault(err, "make %s", m.at(dirTmp))
		}
		return nil
	}
	if err != nil {
		return fault(err, "read %s", m.at(dirTmp))
	}
	for _, name := range names {
		if !strings.HasPrefix(name, tmpPrefix) {
			continue
		}
		if err := m.removeTmp(name); err != nil {
			return err
		}
	}
	return nil
}

func (m *Maildir) removeTmp(name string) error {
	if err := m.fs.Remove(m.at(path.Join(dirTmp, name))); err != nil && !isNotExist(err) {
		return fault(err, "remove leftover %s", m.at(path.Join(dirTmp, name)))
	}
	return nil
}

// dropTmp removes a file of ours that is not needed in tmp/ any more. What cannot be removed
// now, the next Sync removes.
func (m *Maildir) dropTmp(name string) {
	if m.removeTmp(name) == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = append(m.left, name)
}

// dropLeft tries once more what dropTmp could not. The caller holds mu.
func (m *Maildir) dropLeft() error {
	for len(m.left) > 0 {
		if err := m.removeTmp(m.left[0]); err != nil {
			return err
		}
		m.left = m.left[1:]
	}
	return nil
}
