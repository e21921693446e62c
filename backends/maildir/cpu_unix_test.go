//go:build unix

package maildir_test

import (
	"syscall"
	"time"
)

// cpu is the processor time of this process so far: its own, and the kernel's for it.
func cpu() [2]time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return [2]time.Duration{}
	}
	return [2]time.Duration{time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())}
}
