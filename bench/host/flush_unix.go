//go:build unix && !linux

package host

import "syscall"

func flushDisks() { _ = syscall.Sync() }
