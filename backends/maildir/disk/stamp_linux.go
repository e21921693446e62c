package disk

import (
	"time"

	"golang.org/x/sys/unix"
)

// StampTime returns the time that the kernel would give to a change now: that of its last tick, or an earlier one
// than any that it gives from now on. It is false where that is not known.
func StampTime() (time.Time, bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &t); err != nil {
		return time.Time{}, false
	}
	return time.Unix(t.Unix()), true
}
