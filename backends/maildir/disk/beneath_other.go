//go:build !linux

package disk

import (
	"errors"
	"io/fs"
	"os"
)

// beneath is what Linux has beside os.Root; here it never works.
type beneath struct{}

var errNotHere = errors.New("not on this system")

func (*beneath) begin(*os.Root) {}
func (*beneath) close() error   { return nil }
func (*beneath) works() bool    { return false }

func (*beneath) in(string, func(int) error) error           { return errNotHere }
func (*beneath) folder(string) (int, error)                 { return -1, errNotHere }
func (*beneath) open(string, int, fs.FileMode) (int, error) { return -1, errNotHere }
