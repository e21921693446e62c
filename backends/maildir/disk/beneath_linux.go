package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// os.Root opens every folder on the way to a file, one by one. Linux 5.6 can keep a path
// below a folder by itself (openat2, RESOLVE_BENEATH), with the same answer: symbolic
// links are followed as long as they lead nowhere else. That saves half of the
// system calls for a message. Where the kernel cannot, or a sandbox forbids it, os.Root does it.
type beneath struct {
	top *os.File // the root; nil: os.Root does everything
	fd  syscall.RawConn
}

// errEscapes is what os.Root returns as well.
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

// in runs a system call with the descriptor of a folder, and again when a signal interrupted it.
func (b *beneath) in(dir string, call func(fd int) error) error {
	fd, err := b.folder(dir)
	if err != nil {
		return err
	}
	defer unix.Close(fd) // it was opened for its place only: nothing can be lost
	return again(func() error { return call(fd) })
}

// folder opens a folder for its place only.
func (b *beneath) folder(dir string) (fd int, err error) {
	return b.open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
}
