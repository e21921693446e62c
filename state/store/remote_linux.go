package store

import "golang.org/x/sys/unix"

// The magic numbers of statfs(2) that x/sys does not name.
const (
	lustreMagic = 0x0bd00bd0
	vboxMagic   = 0x786f4256
	gfs2Magic   = 0x01161970
)

func isRemote(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, err
	}
	switch uint32(st.Type) { // the type of Type differs between architectures
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC,
		unix.NCP_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC, lustreMagic, vboxMagic, gfs2Magic:
		return true, nil
	}
	return false, nil
}
