//go:build unix

package disk

import (
	"cmp"
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
		callErr = again(func() error { return call(int(fd)) })
	})
	if err != nil {
		return err
	}
	return callErr
}

// again makes a system call, and makes it again when a signal interrupted it: on file systems of a network or of a
// program that may happen to any of them.
func again(call func() error) error {
	err := call()
	for err == unix.EINTR {
		err = call()
	}
	return err
}

// inDir opens the folder of a name and runs a system call with its descriptor and the
// last element, which holds no slash and so cannot lead anywhere else.
func (r *Real) inDir(op, name string, call func(fd int, base string) error) error {
	if !Valid(name) {
		return r.failed(op, name, fs.ErrInvalid)
	}
	return r.failed(op, name, r.in(path.Dir(name), func(fd int) error { return call(fd, path.Base(name)) }))
}

// failed says what was tried, but for the error of another name's folder, which says it itself.
func (r *Real) failed(op, name string, err error) error {
	if _, said := err.(*fs.PathError); err == nil || said {
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

// openFolder opens a folder for its place only.
func (r *Real) openFolder(dir string) (fd int, id folderID, err error) {
	if r.beneath.works() {
		fd, err = r.beneath.folder(dir)
	} else {
		var d *os.File
		if d, err = r.root.Open(dir); err == nil {
			fd, err = duplicate(d)
		}
	}
	if err != nil {
		return -1, id, r.failed("open", dir, r.named(err))
	}
	if id, err = idOf(fd); err != nil {
		unix.Close(fd)
	}
	return fd, id, r.failed("stat", dir, err)
}

func idOf(fd int) (folderID, error) {
	var st unix.Stat_t
	err := again(func() error { return unix.Fstat(fd, &st) })
	return folderID{dev: uint64(st.Dev), ino: uint64(st.Ino)}, err
}

// duplicate turns an open file into a descriptor, and closes it.
func duplicate(f *os.File) (fd int, err error) {
	defer f.Close()
	err = control(f, func(old int) error {
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// Create implements FS.
func (r *Real) Create(name string) (File, error) {
	f := &file{r: r, name: name}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	exact := false
	var err error
	if dir := path.Dir(name); Valid(name) && holds(dir) {
		err = r.inHeld(dir, false, func(in *folder) error {
			if f.fd, err = unix.Openat(in.fd, path.Base(name), flags|unix.O_CLOEXEC, uint32(fileMode)); err != nil {
				return err
			}
			if exact = in.exact.Load(); !exact {
				exact = f.isPrivate()
				in.exact.Store(exact)
			}
			return nil
		})
		err = r.failed("open", name, err)
	} else {
		f, err = r.open(name, flags, fileMode)
	}
	if err != nil {
		return nil, err
	}
	if exact {
		return f, nil
	}
	// The umask may have taken bits away from the mode asked for.
	if err := again(func() error { return unix.Fchmod(f.fd, uint32(fileMode)) }); err != nil {
		f.Close()
		r.Remove(name)
		return nil, f.failed("chmod", err)
	}
	return f, nil
}

// Open implements FS.
func (r *Real) Open(name string) (File, error) {
	f, err := r.open(name, os.O_RDONLY|nonBlock, 0)
	if err != nil {
		return nil, err
	}
	f.reads = true
	return f, nil
}

func (r *Real) open(name string, flags int, mode fs.FileMode) (*file, error) {
	f := &file{r: r, name: name}
	var err error
	if r.beneath.works() {
		f.fd, err = r.beneath.open(name, flags, mode)
	} else {
		var opened *os.File
		if opened, err = r.root.OpenFile(name, flags, mode); err == nil {
			f.fd, err = duplicate(opened)
		}
	}
	if err != nil {
		return nil, r.failed("open", name, r.named(err))
	}
	return f, nil
}

// SyncDir implements FS. It is the folder at the path that is made durable: if one was held for it, and files were put into
// that, they have to be the same.
func (r *Real) SyncDir(dir string) error {
	d, err := r.open(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(r.settled(dir, folderID{}), err) // moved away, if files were put into it
	}
	if err != nil {
		return err
	}
	d.reads = true
	id, err := idOf(d.fd)
	if err == nil {
		err = d.Sync()
	}
	if err = errors.Join(r.failed("sync", dir, err), d.Close()); err != nil {
		return err
	}
	return r.settled(dir, id)
}

// between runs a system call about two names, with the descriptors of their folders. If both may be held, they are, and
// a file may be put into the second.
func (r *Real) between(op, old, new string, call func(from int, oldBase string, to int, newBase string) error) error {
	from, to := path.Dir(old), path.Dir(new)
	if !Valid(old) || !Valid(new) || !holds(from) || !holds(to) {
		return r.inDir(op, old, func(from int, oldBase string) error {
			return r.inDir(op, new, func(to int, newBase string) error { return call(from, oldBase, to, newBase) })
		})
	}
	return r.failed(op, new, r.inHeld(from, false, func(from *folder) error {
		return r.inHeld(to, true, func(to *folder) error {
			return call(from.fd, path.Base(old), to.fd, path.Base(new))
		})
	}))
}

// Link implements FS.
func (r *Real) Link(old, new string) error {
	return r.between("link", old, new, func(from int, oldBase string, to int, newBase string) error {
		return unix.Linkat(from, oldBase, to, newBase, 0)
	})
}

// Rename implements FS.
func (r *Real) Rename(old, new string) error {
	err := r.between("rename", old, new, renameExclusive)
	if err == nil && !holds(path.Dir(old)) {
		r.dropBelow(old) // it may be a folder
	}
	return err
}

// CannotRefuse reports whether Rename failed because the file system or the kernel has no rename that refuses to
// overwrite, or perhaps so: NFS, FUSE and older ZFS answer EINVAL, as does a folder that is moved into itself, and some
// sandboxes EPERM.
func CannotRefuse(err error) bool {
	return isAny(err, unix.EINVAL, unix.ENOSYS, unix.ENOTSUP, unix.EOPNOTSUPP, unix.EPERM)
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
