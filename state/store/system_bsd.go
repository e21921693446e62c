//go:build darwin || freebsd

package store

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func (id *fileID) system(_ string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Ino = st.Ino
		id.Born = st.Birthtimespec.Nano()
		id.Changed = st.Ctimespec.Nano()
	}
	return nil
}

func isRemote(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, err
	}
	return uint64(st.Flags)&unix.MNT_LOCAL == 0, nil
}
