package main

import (
	"path/filepath"
	"testing"
)

// Accounts on one disk know of each other's needs, and not of their own; a folder that is yet to be made is on the disk of the one
// above it.
func TestClaims(t *testing.T) {
	var c claims
	dir := t.TempDir()
	work, home := c.of("work", dir), c.of("home", filepath.Join(dir, "not", "made", "yet"))
	if n := work(100); n != 0 {
		t.Errorf("others need %d before there are others", n)
	}
	if n := home(50); n != 100 {
		t.Errorf("work needs %d, want 100", n)
	}
	if n := work(30); n != 50 {
		t.Errorf("home needs %d, want 50", n)
	}
	if n := home(0); n != 30 {
		t.Errorf("work needs %d, want 30", n)
	}
}
