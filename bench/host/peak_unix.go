//go:build unix

package host

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the most memory that a process had resident, in octets.
func peak(s *os.ProcessState) int64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}
