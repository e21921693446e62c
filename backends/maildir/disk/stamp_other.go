//go:build !linux

package disk

import "time"

// StampTime returns the time that the kernel would give to a change now. It is false where
// that is not known, as here.
func StampTime() (time.Time, bool) { return time.Time{}, false }
