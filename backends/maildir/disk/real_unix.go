//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// nonBlock keeps a pipe that someone put into a Maildir from stopping the run.
const nonBlock = unix.O_NONBLOCK

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// cannotSync tells file systems that have no fsync for folders, or none at all.
func cannotSync(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP)
}

// NoHardLinks reports whether Link failed because the file system has no hard links, or may have none:
// some say so with EPERM, as does fs.protected_hardlinks, and some with EACCES, as does a folder that may not
// be written to. A rename tells them apart.
func NoHardLinks(err error) bool {
	for _, no := range []error{unix.EPERM, unix.EACCES, unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOSYS, unix.EXDEV, unix.EMLINK} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// Crippled reports whether an error is about the storage as a whole and not about one
// file: full, over quota, not permitted, read-only, failing, gone.
func Crippled(err error) bool {
	for _, bad := range []error{unix.ENOSPC, unix.EDQUOT, unix.EACCES, unix.EPERM, unix.EROFS, unix.EIO,
		unix.ESTALE, unix.ENODEV, unix.ENXIO, unix.EMFILE, unix.ENFILE, unix.ENOTCONN} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}

// Full reports whether an error says that there is no room.
func Full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// ReadOnly reports whether an error says that nothing can be written to the file system.
func ReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// Free implements FS.
func (r *Real) Free() (int64, error) {
	st, err := r.statfs()
	if err != nil {
		return 0, err
	}
	if st.Blocks == 0 { // network and pseudo file systems that do not tell
		return 0, &fs.PathError{Op: "free space", Path: r.root.Name(), Err: errors.ErrUnsupported}
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func (r *Real) statfs() (unix.Statfs_t, error) {
	var st unix.Statfs_t
	d, err := r.root.Open(".")
	if err != nil {
		return st, err
	}
	defer d.Close()
	err = control(d, func(fd int) error { return unix.Fstatfs(fd, &st) })
	return st, err
}

// control runs a system call on an open file and again when a signal broke it.
func control(f *os.File, call func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = c.Control(func(fd uintptr) {
		for {
			if callErr = call(int(fd)); callErr != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return callErr
}

// inDir opens the folder of a name and runs a system call with its descriptor and the
// last element, which holds no slash and so cannot lead anywhere else.
func (r *Real) inDir(op, name string, call func(fd int, base string) error) error {
	if !Valid(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if r.beneath.works() {
		return r.beneath.at(op, name, call)
	}
	d, err := r.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := control(d, func(fd int) error { return call(fd, path.Base(name)) }); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}
