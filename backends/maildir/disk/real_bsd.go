//go:build darwin || freebsd

package disk

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func (r *Real) isLocal() bool {
	st, err := r.statfs()
	return err == nil && uint64(st.Flags)&unix.MNT_LOCAL != 0
}

// Lstat implements FS.
func (r *Real) Lstat(name string) (Info, error) {
	fi, err := r.root.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	info := Info{Type: fi.Mode().Type(), Perm: fi.Mode().Perm(), Size: fi.Size(), Mtime: fi.ModTime().UnixNano()}
	if info.Type != 0 && info.Type != fs.ModeDir && info.Type != fs.ModeSymlink {
		info.Type = fs.ModeIrregular
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		info.Ino = uint64(st.Ino)
		info.Links = uint64(st.Nlink)
		changed := ctimespec(st)
		info.Ctime = changed.Nano()
		info.Btime = max(0, st.Birthtimespec.Nano())
	}
	return info, nil
}

func readNames(d *os.File) ([]string, error) { return d.Readdirnames(-1) }
