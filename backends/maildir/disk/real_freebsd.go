package disk

import "syscall"

func ctimespec(st *syscall.Stat_t) syscall.Timespec { return st.Ctimespec }

// renameNoReplace: FreeBSD has no rename that refuses to overwrite.
func (r *Real) renameNoReplace(old, new string) (done bool, err error) { return false, nil }
