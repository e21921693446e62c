package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Magic numbers of file systems behind which another machine or a program of the
// user's sits (statfs(2)).
var remote = []uint32{
	unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC,
	unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC,
	0x01161970, // GFS2
	0x7461636f, // OCFS2
	0x0bd00bd0, // Lustre
	0x786f4256, // VirtualBox
}

func (r *Real) isLocal() bool {
	st, err := r.statfs()
	return err == nil && !slices.Contains(remote, uint32(st.Type))
}

// Lstat implements FS. It takes the birth time from statx(2).
func (r *Real) Lstat(name string) (Info, error) {
	var st unix.Statx_t
	err := r.inDir("lstat", name, func(fd int, base string) error { return statx(fd, base, &st) })
	if errors.Is(err, unix.ENOSYS) {
		return r.lstatPlain(name)
	}
	if err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

// statx describes a name in an open folder.
func statx(fd int, base string, st *unix.Statx_t) error {
	return unix.Statx(fd, base, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, st)
}

// lstatIn fills in what LstatIn returns; false where the kernel has no statx.
func (r *Real) lstatIn(dir string, names []string, all []Looked) (done bool, err error) {
	var st unix.Statx_t
	at := 0 // also when a signal interrupted it
	err = r.in(dir, func(fd int) error {
		for ; at < len(names); at++ {
			err := statx(fd, names[at], &st)
			if err == nil {
				all[at] = Looked{infoOf(&st), true}
			} else if err != unix.ENOENT {
				return err
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil // the folder is not there
	case errors.Is(err, unix.ENOSYS):
		return false, nil
	case err != nil && at < len(names):
		return false, r.failed("lstat", path.Join(dir, names[at]), err)
	}
	return true, nil
}

func infoOf(st *unix.Statx_t) Info {
	info := Info{
		Type:  typeBits(uint32(st.Mode)),
		Size:  int64(st.Size),
		Ino:   st.Ino,
		Mtime: st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec),
		Ctime: st.Ctime.Sec*1e9 + int64(st.Ctime.Nsec),
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		info.Btime = st.Btime.Sec*1e9 + int64(st.Btime.Nsec)
	}
	return info
}

// lstatPlain is Lstat for kernels before 4.11 and sandboxes without statx.
func (r *Real) lstatPlain(name string) (Info, error) {
	fi, info, err := r.lstat(name)
	if err != nil {
		return Info{}, err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		info.Ino, info.Ctime = st.Ino, st.Ctim.Nano()
	}
	return info, nil
}

func typeBits(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	}
	return fs.ModeIrregular
}

func renameExclusive(from int, oldBase string, to int, newBase string) error {
	return unix.Renameat2(from, oldBase, to, newBase, unix.RENAME_NOREPLACE)
}

// direntBuffers are large, and a run reads two folders a mailbox, twice.
var direntBuffers = sync.Pool{New: func() any { return new([512 << 10]byte) }}

// Each implements FS. It reads a folder with a few large getdents64(2) calls: fewer calls are
// faster, and leave fewer moments in which a rename can hide a name.
func (r *Real) Each(dir string, visit func(name string) error) error {
	d, err := r.open(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	buf := direntBuffers.Get().(*[512 << 10]byte)
	defer direntBuffers.Put(buf)
	for {
		n, err := unix.Getdents(d.fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("read folder %s: %w", r.full(dir), err)
		}
		if n <= 0 {
			return nil
		}
		if err := eachName(buf[:n], visit); err != nil {
			return err
		}
	}
}

// eachName parses linux_dirent64: ino 8, off 8, reclen 2, type 1, name, zero.
func eachName(b []byte, visit func(name string) error) error {
	const header = 19
	for len(b) > header {
		n := int(binary.NativeEndian.Uint16(b[16:]))
		if n < header || n > len(b) {
			return nil
		}
		name := b[header:n]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		if s := string(name); s != "." && s != ".." {
			if err := visit(s); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}
