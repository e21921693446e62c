package host

import "syscall"

func flushDisks() { syscall.Sync() }
