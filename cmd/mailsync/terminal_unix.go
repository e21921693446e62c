//go:build !windows

package main

import "os"

// obeysEscapes reports whether a terminal understands escape codes. Whoever sets TERM says so.
func obeysEscapes(*os.File) bool { return true }
