package store

import (
	"io/fs"
	"syscall"
)

func (id *fileID) system(_ string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Ino = st.Ino
		id.Born = st.Birthtimespec.Nano()
		id.Changed = st.Ctimespec.Nano()
	}
	return nil
}
