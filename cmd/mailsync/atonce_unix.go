//go:build !windows

package main

import (
	"math"

	"golang.org/x/sys/unix"
)

// openFiles is how many files this process may have open at once, 0 where it is not known. The runtime has raised the limit
// as far as this user may.
func openFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
