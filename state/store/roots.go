package store

import (
	"bytes"
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

// Registry remembers every root that ever held a marker of ours, outside of the roots
// themselves: a known root that is gone is a disk that is not mounted, not a first run.
// Each root has a small file of its own, so that several processes can write at once.
type Registry struct{ dir string }

// Root is one entry of the registry.
type Root struct {
	Path      string // cleaned and absolute
	AccountID string // "" where the entry is there and cannot be read
	Since     time.Time
}

// OpenRegistry returns the registry of this user: $XDG_STATE_HOME/mailsync/roots, by
// default below ~/.local/state. It makes nothing yet.
func OpenRegistry() (*Registry, error) {
	home := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(home) { // the XDG base directory specification: a relative path is to be ignored
		user, err := os.UserHomeDir()
		if err != nil {
			return nil, state.Faultf(state.Storage, "find the registry of roots: %w", err).WithHint("set HOME or XDG_STATE_HOME")
		}
		home = filepath.Join(user, ".local", "state")
	}
	return &Registry{dir: filepath.Join(home, "mailsync", "roots")}, nil
}

const rootFormat = "mailsync-root 1\nroot %q\naccount %q\nsince %s\n"

// Known returns the entry of a root, and whether there is one. One that cannot be read
// still says that the root is known. An error is a disk that does not answer.
func (r *Registry) Known(root string) (Root, bool, error) {
	file, path, err := r.file(root)
	if err != nil {
		return Root{}, false, err
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Root{}, false, nil
	}
	if err != nil {
		return Root{}, false, storageFault("read the registry of roots", err)
	}
	known := Root{Path: path}
	var written, account, since string
	if _, err := fmt.Sscanf(string(b), rootFormat, &written, &account, &since); err != nil || written != path {
		return known, true, nil
	}
	known.AccountID = account
	known.Since, _ = time.Parse(time.RFC3339, since) // a time that cannot be read is none
	return known, true, nil
}

// Remember notes that a root belongs to an account; durable on return. Called again with
// the same account it writes nothing.
func (r *Registry) Remember(root, accountID string) error {
	file, path, err := r.file(root)
	if err != nil {
		return err
	}
	if known, there, err := r.Known(root); err == nil && there && known.AccountID == accountID {
		return nil
	}
	if err := makeDir(r.dir); err != nil {
		return storageFault("make the registry of roots", err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, rootFormat, path, accountID, time.Now().UTC().Format(time.RFC3339))
	return storageFault("write the registry of roots", replaceFile(file, b.Bytes(), true))
}

// Forget removes a root's entry, durably; one that is not there is no error.
func (r *Registry) Forget(root string) error {
	file, _, err := r.file(root)
	if err != nil {
		return err
	}
	err = os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(r.dir)
	}
	return storageFault("forget a root", err)
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
