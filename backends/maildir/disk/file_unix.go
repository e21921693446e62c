//go:build unix

package disk

import (
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// file is an open file or folder. An os.File would ask the kernel first whether the file can be waited for; a file on a
// disk cannot.
type file struct {
	r     *Real
	name  string
	fd    int
	reads bool // it is only read: some systems can sync only what is open for writing, and that is not an error here
}

// failed says what was tried.
func (f *file) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.r.full(f.name), Err: err}
}

func (f *file) Read(p []byte) (n int, err error) {
	err = again(func() error {
		n, err = unix.Read(f.fd, p)
		return err
	})
	if err != nil {
		return 0, f.failed("read", err)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var more int
		if more, err = unix.Write(f.fd, p[n:]); err == unix.EINTR {
			err = nil
			continue
		}
		if err == nil && more <= 0 {
			err = io.ErrUnexpectedEOF
		}
		n += max(0, more)
	}
	return n, f.failed("write", err)
}

func (f *file) Chtimes(mtime time.Time) error {
	return f.failed("chtimes", again(func() error { return setTime(f.fd, mtime) }))
}

func (f *file) Sync() error {
	err := again(func() error { return syncFile(f.fd) })
	if f.reads && cannotSync(err) {
		return nil
	}
	return f.failed("sync", err)
}

// Close closes the file. A second Close is an error, as with any file.
func (f *file) Close() error {
	fd := f.fd
	if fd < 0 {
		return f.failed("close", fs.ErrClosed)
	}
	f.fd = -1
	return f.failed("close", unix.Close(fd))
}

// isPrivate reports whether the mode of a file is that of all that mailsync makes.
func (f *file) isPrivate() bool {
	var st unix.Stat_t
	return unix.Fstat(f.fd, &st) == nil && fs.FileMode(st.Mode)&0o7777 == fileMode
}
