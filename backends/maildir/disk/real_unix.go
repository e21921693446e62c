//go:build unix

package disk

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// nonBlock keeps a pipe that someone put into a Maildir from stopping the run.
const nonBlock = unix.O_NONBLOCK

// cannotSync reports that a file system has no fsync for folders, or none at all.
func cannotSync(err error) bool {
	return isAny(err, unix.EINVAL, unix.ENOTSUP)
}

// NoHardLinks reports whether Link failed because the file system has no hard links, or perhaps so:
// some answer EPERM, as does fs.protected_hardlinks, and some EACCES, as does a folder that may not
// be written to. A rename shows which it is.
func NoHardLinks(err error) bool {
	return isAny(err, unix.EPERM, unix.EACCES, unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOSYS, unix.EXDEV, unix.EMLINK)
}

// Crippled reports whether an error is about the storage as a whole and not about one
// file: full, over quota, not permitted, read-only, failing, gone.
func Crippled(err error) bool {
	return isAny(err, unix.ENOSPC, unix.EDQUOT, unix.EACCES, unix.EPERM, unix.EROFS, unix.EIO,
		unix.ESTALE, unix.ENODEV, unix.ENXIO, unix.EMFILE, unix.ENFILE, unix.ENOTCONN)
}

// Full reports whether an error is that there is no room.
func Full(err error) bool {
	return isAny(err, unix.ENOSPC, unix.EDQUOT)
}

// ReadOnly reports whether an error is that the file system cannot be written to.
func ReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// Free implements FS.
func (r *Real) Free() (int64, error) {
	st, err := r.statfs()
	if err != nil {
		return 0, err
	}
	if st.Blocks == 0 { // network and pseudo file systems that do not know
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

// control runs a system call on an open file and again when a signal interrupted it.
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
		return &fs.PathError{Op: op, Path: r.full(name), Err: fs.ErrInvalid}
	}
	err := r.in(path.Dir(name), func(fd int) error { return call(fd, path.Base(name)) })
	if _, said := err.(*fs.PathError); err == nil || said { // of another name's folder
		return err
	}
	return &fs.PathError{Op: op, Path: r.full(name), Err: err}
}

func (r *Real) in(dir string, call func(fd int) error) error {
	if r.beneath.works() {
		return r.beneath.in(dir, call)
	}
	d, err := r.root.Open(dir)
	if err != nil {
		return r.named(err)
	}
	defer d.Close()
	return control(d, call)
}

// between is inDir for a system call about two names.
func (r *Real) between(op, old, new string, call func(from int, oldBase string, to int, newBase string) error) error {
	return r.inDir(op, old, func(from int, oldBase string) error {
		return r.inDir(op, new, func(to int, newBase string) error { return call(from, oldBase, to, newBase) })
	})
}

// Link implements FS.
func (r *Real) Link(old, new string) error {
	return r.between("link", old, new, func(from int, oldBase string, to int, newBase string) error {
		return unix.Linkat(from, oldBase, to, newBase, 0)
	})
}

// renameNoReplace reports false without an error where the file system has no rename that refuses to overwrite.
func (r *Real) renameNoReplace(old, new string) (done bool, err error) {
	err = r.between("rename", old, new, renameExclusive)
	if isAny(err, unix.EINVAL, unix.ENOSYS, unix.ENOTSUP) {
		return false, nil
	}
	return err == nil, err
}

// Remove implements FS.
func (r *Real) Remove(name string) error {
	return r.inDir("remove", name, func(dir int, base string) error {
		err := unix.Unlinkat(dir, base, 0)
		if err != unix.EISDIR && err != unix.EPERM {
			return err
		}
		if rerr := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR); rerr != unix.ENOTDIR {
			return rerr
		}
		return err
	})
}

// Chtimes implements FS.
func (r *Real) Chtimes(name string, mtime time.Time) error {
	return r.inDir("chtimes", name, func(dir int, base string) error {
		spec, err := unix.TimeToTimespec(mtime)
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(dir, base, []unix.Timespec{spec, spec}, unix.AT_SYMLINK_NOFOLLOW)
	})
}
