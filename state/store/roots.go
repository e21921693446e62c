package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mailsync/state"
)

// Registry remembers every root that ever had a marker of ours, outside of the roots
// themselves: a known root that is missing is a disk that is not mounted, not a first run.
// Each root has a small file of its own, so that several processes can write at once.
type Registry struct{ dir string }

// Home is the folder of mailsync's own files of this user: $XDG_STATE_HOME/mailsync, by default
// ~/.local/state/mailsync. It may not exist yet.
func Home() (string, error) {
	home := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(home) { // the XDG base directory specification: a relative path is to be ignored
		user, err := os.UserHomeDir()
		if err != nil {
			return "", state.Faultf(state.Storage, "find the state home: %w", err).WithHint("set HOME or XDG_STATE_HOME")
		}
		home = filepath.Join(user, ".local", "state")
	}
	return filepath.Join(home, "mailsync"), nil
}

// OpenRegistry returns the registry of this user, in Home.
func OpenRegistry() (*Registry, error) {
	home, err := Home()
	if err != nil {
		return nil, err
	}
	return &Registry{dir: filepath.Join(home, "roots")}, nil
}

// rootFormat is an entry; its time is for people.
const rootFormat = "mailsync-root 1\nroot %q\naccount %q\nsince %s\n"

// Known reports whether a root has an entry, and its account, "" where the entry cannot be
// read. An error is a disk that does not answer.
func (r *Registry) Known(root string) (accountID string, known bool, err error) {
	file, path, err := r.file(root)
	if err != nil {
		return "", false, err
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, ofStateHome("read the registry of roots", err)
	}
	var written, since string
	if _, err := fmt.Sscanf(string(b), rootFormat, &written, &accountID, &since); err != nil || written != path {
		return "", true, nil
	}
	return accountID, true, nil
}

// Remember notes that a root belongs to an account; durable on return. Called again with
// the same account it writes nothing.
func (r *Registry) Remember(root, accountID string) error {
	file, path, err := r.file(root)
	if err != nil {
		return err
	}
	if account, known, err := r.Known(root); err == nil && known && account == accountID {
		return nil
	}
	if err := makeDir(r.dir); err != nil {
		return ofStateHome("make the registry of roots", err)
	}
	entry := fmt.Appendf(nil, rootFormat, path, accountID, time.Now().UTC().Format(time.RFC3339))
	return ofStateHome("write the registry of roots", replaceFile(file, entry, true))
}

// file returns the name of a root's entry, and the root's own path as the entry has it.
func (r *Registry) file(root string) (file, path string, err error) {
	path, err = filepath.Abs(root)
	if err != nil {
		return "", "", storageFault("find the root "+root, err)
	}
	hash := sha256.Sum256([]byte(path))
	return filepath.Join(r.dir, hex.EncodeToString(hash[:16])), path, nil
}

// ofStateHome is storageFault for what lies in the user's state home.
func ofStateHome(doing string, err error) error {
	if err == nil {
		return nil
	}
	return state.Faultf(state.Storage, "%s: %w", doing, err).
		WithHint("it is in $XDG_STATE_HOME, by default ~/.local/state: see whether its disk is full or can only be read, and who owns it")
}
