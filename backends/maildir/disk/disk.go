// Package disk is the one seam between mailsync and the file systems that hold mail.
//
// FS is small on purpose: whatever changes a Maildir goes through it, so that a test
// can count every call, make any one of them fail, or cut the power at any one of
// them. Real works on a directory through an os.Root; the forms for tests, which fail and
// crash, are in internal/testkit/disktest.
package disk

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// FS is a tree of folders and files. Names are relative to its root, separated by
// slashes, valid for fs.ValidPath but for octets that are not UTF-8; "." is the root. An error about a name
// that is not there is fs.ErrNotExist, about one that is there already fs.ErrExist, by errors.Is. Methods are safe for concurrent use.
type FS interface {
	// Create makes a file that must not exist yet, for writing, with mode 0600
	// whatever the umask.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Link gives a file a second name; it never overwrites. Where there are no hard
	// links the error meets NoHardLinks.
	Link(old, new string) error
	// Rename moves a file in one step; it never overwrites: the error is then
	// fs.ErrExist. Where the system cannot promise that, nothing happens, and the error meets CannotRefuse.
	Rename(old, new string) error
	// Replace moves a file in one step over what has the new name.
	Replace(old, new string) error
	// Remove unlinks a file, or removes an empty folder.
	Remove(name string) error
	// Mkdir makes one folder with mode 0700 whatever the umask.
	Mkdir(name string) error
	// Names returns every name in a folder, in no order, without "." and "..", or an error
	// and no names: never a part of them.
	Names(dir string) ([]string, error)
	// Each calls visit with every name that Names returns, without a list of them. An error may come after some
	// names; one of visit ends it.
	Each(dir string, visit func(name string) error) error
	// Lstat describes a name without following it where it is a symbolic link.
	Lstat(name string) (Info, error)
	// Chtimes sets the modification time.
	Chtimes(name string, mtime time.Time) error
	// SyncDir makes the entries of a folder durable. It fails with ErrMoved if files were put into another folder, which was
	// at this path then.
	SyncDir(dir string) error
	// Free returns the octets that can still be written.
	Free() (int64, error)
	// Local reports whether every change shows in a change time: false on NFS, SMB and FUSE, where
	// another machine or a cache may be in between, and where that is not known.
	Local() bool
}

// File is an open file. A file of Create is written, one of Open is read; Sync and
// Close are of both. An error of Write, Sync or Close voids a file that was written:
// what is on the disk is then unknown, and a second Sync that succeeds proves nothing.
type File interface {
	io.Reader
	io.Writer
	// Chtimes sets the modification time.
	Chtimes(mtime time.Time) error
	// Sync makes the file's bytes and times durable, not its name.
	Sync() error
	Close() error
}

// Info is what Lstat returns. Times are nanoseconds since 1970; what a system does not
// know is 0.
type Info struct {
	Type  fs.FileMode // 0 for a file, fs.ModeDir, fs.ModeSymlink, fs.ModeIrregular for all else
	Size  int64
	Ino   uint64
	Mtime int64
	Ctime int64 // change of the file or, for a folder, of its entries
	Btime int64 // birth
}

// IsDir reports whether it is a folder.
func (i Info) IsDir() bool { return i.Type == fs.ModeDir }

// Regular reports whether it is a plain file.
func (i Info) Regular() bool { return i.Type == 0 }

// ErrMoved is why files that were put into a folder are not at its path: while that was done, the folder, or one above
// it, was moved or replaced.
var ErrMoved = errors.New("the folder was moved or replaced while files were put into it")

// Permissions of everything mailsync makes.
const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// isAny reports whether an error is one of several.
func isAny(err error, list ...error) bool {
	return slices.ContainsFunc(list, func(one error) bool { return errors.Is(err, one) })
}

// Valid reports whether a name is one of FS. What a copy put in place of an octet may not be UTF-8,
// and on most systems names are octets: others refuse it.
func Valid(name string) bool { return fs.ValidPath(strings.ToValidUTF8(name, "_")) }
