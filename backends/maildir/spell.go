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

// alphabet is the letters that stand for keywords in a Maildir, and how one more is given.
type alphabet struct {
	*folders
	letters   letters // as the last Scan read them
	lockedOut error   // another program's lock was waited for in vain
}

// read reads what the letters mean now.
func (a *alphabet) read() (words, error) {
	text, err := readFile(a.fs, a.at(keywordsFile), maxKeywordsFile)
	if isNotExist(err) {
		return words{}, nil
	}
	if err != nil {
		return words{}, fault(err, "read %s", a.at(keywordsFile))
	}
	return parseKeywords(text), nil
}

// spell sees that the keywords among the flags have letters, as far as there are any.
func (a *alphabet) spell(flags state.Flags, kw *state.Keywords) error {
	if flags&^a.letters.named() == 0 || a.letters.read && a.letters.free() == 0 {
		return nil
	}
	return a.add(flags, kw)
}

// add gives letters to those flags that have none, as far as there are any
// free, and makes that durable before it returns.
func (a *alphabet) add(want state.Flags, kw *state.Keywords) (err error) {
	lock, err := a.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	w, err := a.read() // it may have grown since the scan
	if err != nil {
		return err
	}
	have, err := a.carried(w, kw)
	if err != nil {
		return err
	}
	if have.free() == 0 || !w.add(kw.NamesOf(want&^have.named())) {
		a.letters = have
		return nil
	}
	if err := a.write(w, lock); err != nil {
		return err
	}
	a.letters = w.letters(kw)
	return nil
}

// carried are the letters of words, with those that the last scan saw in names, or
// that a look shows where there was none.
func (a *alphabet) carried(w words, kw *state.Keywords) (letters, error) {
	l := w.letters(kw)
	if a.letters.read {
		l.orphaned |= a.letters.orphaned & l.unnamed
		return l, nil
	}
	owns := sync.OnceValue(a.ownTokens)
	err := a.each(func(name string) {
		if p := partsOf(path.Base(name)); l.wonders(p.letters) && (!p.ours || owns()(p.name.Token)) {
			l.carried(p.letters)
		}
	})
	return l, err
}

// ownTokens tells the tokens of files whose letters are this Maildir's from those of files that
// somebody moved here from another one, letters and all: what a letter means there says nothing of
// it here. Where the marker does not tell, and in an archive, all are.
func (a *alphabet) ownTokens() func(token string) bool {
	mk, err := readMarker(a.fs, a.path)
	if err != nil || mk.Role != state.RoleMailbox {
		return func(string) bool { return true }
	}
	return func(token string) bool {
		return slices.ContainsFunc(mk.Generations, func(g state.MarkerGeneration) bool { return g.Token == token })
	}
}

// write replaces the words, durably, while the lock is still ours.
func (a *alphabet) write(w words, lock *dotLock) error {
	fresh, old := a.at(keywordsLock), a.at(keywordsFile)
	ready := func() error { return errors.Join(a.outdate(old, fresh), lock.held()) }
	if err := replaceFile(a.fs, fresh, old, w.format(), ready); err != nil {
		return fault(err, "write %s", old)
	}
	return nil
}

// outdate sees that the new words are at least a second younger than the old ones.
// Dovecot reads them again only where the second of their mtime is another than it was,
// and would else write over the line it did not see.
func (a *alphabet) outdate(old, fresh string) error {
	was, err := a.fs.Lstat(old)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := a.fs.Lstat(fresh)
	if err != nil {
		return err
	}
	second := int64(time.Second)
	if is.Mtime/second > was.Mtime/second {
		return nil
	}
	return a.fs.Chtimes(fresh, time.Unix(was.Mtime/second+1, 0))
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
