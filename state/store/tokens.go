package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"mailsync/state"
)

// Tokens is where one OAuth log-in is kept, in the user's state home: a folder with a file, whose
// content is the caller's, and a lock. The file is replaced as a whole, durably.
type Tokens struct{ dir string }

const (
	tokenName = "token"
	// maxTokens bounds the file. A token is a few KB.
	maxTokens = 256 << 10
)

// OpenTokens returns the log-in of a name, which has to be one for a folder:
// $XDG_STATE_HOME/mailsync/tokens/NAME. It makes nothing yet.
func OpenTokens(name string) (*Tokens, error) {
	home, err := Home()
	if err != nil {
		return nil, err
	}
	return &Tokens{filepath.Join(home, "tokens", name)}, nil
}

// File is the path of the file.
func (t *Tokens) File() string { return filepath.Join(t.dir, tokenName) }

// Lock makes the folder and takes its lock, for which it waits so long.
func (t *Tokens) Lock(ctx context.Context, wait time.Duration) (*Lock, error) {
	return WaitLock(ctx, t.dir, wait)
}

// Read returns the file's content, nil where there is none. One that group or others can read is
// refused, with a Fault of kind Usage. It needs no lock.
func (t *Tokens) Read() ([]byte, error) {
	f, err := os.Open(t.File())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storageFault("read the token", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, storageFault("read the token", err)
	}
	if runtime.GOOS != "windows" && info.Mode()&0o077 != 0 { // there its bits do not show who can read it
		return nil, state.Faultf(state.Usage, "group or others can read the token %s (mode %04o)", t.File(), info.Mode().Perm()).
			WithHint("chmod 600 %s; if somebody may have read it, log out and in again", t.File())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTokens+1))
	if err == nil && len(b) > maxTokens {
		err = fmt.Errorf("%s is larger than %d bytes", t.File(), maxTokens)
	}
	return b, storageFault("read the token", err)
}

// MakePrivate takes the right to read the file from group and others. The caller holds the lock.
func (t *Tokens) MakePrivate() error {
	err := os.Chmod(t.File(), 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return storageFault("make the token private", err)
}

// Replace replaces the file; the new content is on the disk when it returns. The caller holds the lock.
func (t *Tokens) Replace(l *Lock, content []byte) error {
	return storageFault("store the token", replaceFile(filepath.Join(l.Dir(), tokenName), content, true))
}

// Remove removes the file, durably. The caller holds the lock, whose own file stays.
func (t *Tokens) Remove(l *Lock) error {
	err := removeIfThere(filepath.Join(l.Dir(), tokenName))
	if err == nil {
		err = syncDir(l.Dir())
	}
	return storageFault("remove the token", err)
}

// Others returns the other log-ins of this user that have a file, in no order.
func (t *Tokens) Others() (all []*Tokens) {
	entries, _ := os.ReadDir(filepath.Dir(t.dir)) // none is no error, and one that cannot be read has nothing for us
	for _, e := range entries {
		o := &Tokens{filepath.Join(filepath.Dir(t.dir), e.Name())}
		if _, err := os.Stat(o.File()); err == nil && o.dir != t.dir {
			all = append(all, o)
		}
	}
	return all
}
