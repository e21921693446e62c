//go:build !windows

package config

import (
	"io/fs"
	"strconv"
	"syscall"
)

// fileNumber is what tells a file from all others, "" where that is not known.
func fileNumber(_ string, info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(uint64(st.Dev), 36) + ":" + strconv.FormatUint(st.Ino, 36)
}
