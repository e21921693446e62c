package main

import (
	"path/filepath"
	"strings"
)

// diskOf names the disk that a folder is on.
func diskOf(folder string) (name string, known bool) {
	volume := filepath.VolumeName(folder)
	return strings.ToLower(volume), volume != ""
}
