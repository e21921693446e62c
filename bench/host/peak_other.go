//go:build !unix

package host

import "os"

// peak is not known here; the servers do not run here either.
func peak(*os.ProcessState) int64 { return 0 }
