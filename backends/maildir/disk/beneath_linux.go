package disk

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// os.Root opens every folder on the way to a file, one by one. Linux 5.6 can keep a path
// below a folder by itself (openat2, RESOLVE_BENEATH), with the same answer: symbolic
// links are followed as long as they lead nowhere else. For a message that is half the
// system calls less. Where the kernel cannot, or a sandbox does not let us, os.Root does it.
type beneath struct {
	top *os.File // the root; nil: os.Root does everything
	fd  syscall.RawConn
}

// errEscapes is what os.Root says as well.
var errEscapes = errors.New("path escapes from parent")

// maxRaces is how often a walk is begun again because folders were renamed meanwhile.
const maxRaces = 32

func (b *beneath) begin(root *os.Root) {
	top, err := root.Open(".")
	if err != nil {
		return
	}
	if b.fd, err = top.SyscallConn(); err == nil {
		b.top = top
		var fd int
		if fd, err = b.open(".", unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
			err = unix.Close(fd)
		}
	}
	if err != nil {
		b.top = nil
		top.Close()
	}
}

func (b *beneath) close() error {
	if b.top == nil {
		return nil
	}
	return b.top.Close()
}

func (b *beneath) works() bool { return b.top != nil }

// open opens a path below the root.
func (b *beneath) open(name string, flags int, mode fs.FileMode) (fd int, err error) {
	if !Valid(name) {
		return -1, fs.ErrInvalid
	}
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode), Resolve: unix.RESOLVE_BENEATH}
	cerr := b.fd.Control(func(top uintptr) {
		for range maxRaces {
			fd, err = unix.Openat2(int(top), name, &how)
			if err != unix.EAGAIN && err != unix.EINTR {
				break
			}
		}
	})
	if err == unix.EXDEV {
		err = errEscapes
	}
	return fd, errors.Join(cerr, err)
}

// at calls f with the folder that a name lies in.
func (b *beneath) at(op, name string, f func(dir int, base string) error) error {
	if !Valid(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	dir, err := b.open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err == nil {
		for err = unix.EINTR; err == unix.EINTR; {
			err = f(dir, path.Base(name))
		}
		unix.Close(dir) // it was opened for its place alone: nothing can be lost
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

func (b *beneath) create(name string) (*os.File, error) {
	return b.file(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
}

func (b *beneath) read(name string) (*os.File, error) {
	return b.file(name, unix.O_RDONLY|nonBlock, 0)
}

func (b *beneath) file(name string, flags int, mode fs.FileMode) (*os.File, error) {
	fd, err := b.open(name, flags, mode)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (b *beneath) link(old, new string) error {
	return b.at("link", old, func(from int, oldBase string) error {
		return b.at("link", new, func(to int, newBase string) error {
			return unix.Linkat(from, oldBase, to, newBase, 0)
		})
	})
}

func (b *beneath) remove(name string) error {
	return b.at("remove", name, func(dir int, base string) error {
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

func (b *beneath) chtimes(name string, t time.Time) error {
	spec, err := unix.TimeToTimespec(t)
	if err != nil {
		return &fs.PathError{Op: "chtimes", Path: name, Err: err}
	}
	return b.at("chtimes", name, func(dir int, base string) error {
		return unix.UtimesNanoAt(dir, base, []unix.Timespec{spec, spec}, unix.AT_SYMLINK_NOFOLLOW)
	})
}
