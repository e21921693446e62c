//go:build unix

package main

import "golang.org/x/sys/unix"

// writable asks the system whether this process may make files in a folder, without
// making one.
func writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
