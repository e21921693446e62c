//go:build darwin || freebsd

package store

import "golang.org/x/sys/unix"

func isRemote(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, err
	}
	return uint64(st.Flags)&unix.MNT_LOCAL == 0, nil
}
