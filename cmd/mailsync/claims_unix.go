//go:build !windows

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskOf names the disk that a folder is on.
func diskOf(folder string) (name string, known bool) {
	var st unix.Stat_t
	if err := unix.Stat(folder, &st); err != nil {
		return "", false
	}
	return fmt.Sprint(st.Dev), true
}
