package maildir

import (
	"errors"
	"path"
	"slices"
	"sync"
	"time"

	"mailsync/state"
)

// keywordsLock is where the new text is written before it is renamed over the old.
const keywordsLock = keywordsFile + ".lock"

// spell sees that the keywords among the flags have letters, as far as there are any.
func (m *Maildir) spell(flags state.Flags, kw *state.Keywords) error {
	if flags&^m.letters.named() == 0 || m.letters.read && m.letters.free() == 0 {
		return nil
	}
	return m.addKeywords(flags, kw)
}

// addKeywords gives letters to those flags that have none, as far as there are any
// free, and makes that durable before it returns.
func (m *Maildir) addKeywords(want state.Flags, kw *state.Keywords) (err error) {
	lock, err := m.lockKeywords()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	w, err := m.readKeywords() // it may have grown since the scan
	if err != nil {
		return err
	}
	have, err := m.carriedLetters(w, kw)
	if err != nil {
		return err
	}
	if have.free() == 0 || !w.add(kw.NamesOf(want&^have.named())) {
		m.letters = have
		return nil
	}
	if err := m.writeKeywords(w, lock); err != nil {
		return err
	}
	m.letters = w.letters(kw)
	return nil
}

// carriedLetters are the letters of words, with those that the last scan saw in names, or
// that a look shows where there was none.
func (m *Maildir) carriedLetters(w words, kw *state.Keywords) (letters, error) {
	l := w.letters(kw)
	if m.letters.read {
		for i, orphaned := range m.letters.orphaned {
			l.orphaned[i] = l.orphaned[i] || orphaned && l.unnamed[i]
		}
		return l, nil
	}
	owns := sync.OnceValue(m.ownTokens)
	err := m.each(func(name string) {
		key, info, _ := splitInfo(path.Base(name))
		if n, ours := ParseName(key); l.wonders(info) && (!ours || owns()(n.Token)) {
			l.carried(info)
		}
	})
	return l, err
}

// ownTokens tells the tokens of files whose letters are this Maildir's from those of files that
// somebody moved here from another one, letters and all: what a letter means there says nothing of
// it here. Where the marker does not tell, and in an archive, all are.
func (m *Maildir) ownTokens() func(token string) bool {
	mk, err := m.Marker()
	if err != nil || mk.Role != state.RoleMailbox {
		return func(string) bool { return true }
	}
	return func(token string) bool {
		return slices.ContainsFunc(mk.Generations, func(g state.MarkerGeneration) bool { return g.Token == token })
	}
}

// writeKeywords replaces the words, durably, while the lock is still ours.
func (m *Maildir) writeKeywords(w words, lock *dotLock) error {
	fresh, old := m.at(keywordsLock), m.at(keywordsFile)
	ready := func() error { return errors.Join(m.outdate(old, fresh), lock.held()) }
	if err := replaceFile(m.fs, fresh, old, w.format(), ready); err != nil {
		return fault(err, "write %s", old)
	}
	return nil
}

// outdate sees that the new words are at least a second younger than the old ones.
// Dovecot reads them again only where the second of their mtime is another than it was,
// and would else write over the line it did not see.
func (m *Maildir) outdate(old, fresh string) error {
	was, err := m.fs.Lstat(old)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := m.fs.Lstat(fresh)
	if err != nil {
		return err
	}
	second := int64(time.Second)
	if is.Mtime/second > was.Mtime/second {
		return nil
	}
	return m.fs.Chtimes(fresh, time.Unix(was.Mtime/second+1, 0))
}

// add gives each name the first letter that has none and reports whether any got one. A
// letter that has a name keeps it for ever.
func (w *words) add(names []string) bool {
	added := false
	for _, name := range names {
		if !spellable(name) {
			continue
		}
		for i := range w {
			if w[i] == "" {
				w[i], added = name, true
				break
			}
		}
	}
	return added
}
