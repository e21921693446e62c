//go:build !linux

package disk

import (
	"errors"
	"os"
	"time"
)

// beneath is what Linux has beside os.Root; here it never works.
type beneath struct{}

var errNotHere = errors.New("not on this system")

func (*beneath) begin(*os.Root) {}
func (*beneath) close() error   { return nil }
func (*beneath) works() bool    { return false }

func (*beneath) create(string) (*os.File, error)                 { return nil, errNotHere }
func (*beneath) read(string) (*os.File, error)                   { return nil, errNotHere }
func (*beneath) link(_, _ string) error                          { return errNotHere }
func (*beneath) remove(string) error                             { return errNotHere }
func (*beneath) chtimes(string, time.Time) error                 { return errNotHere }
func (*beneath) at(_, _ string, _ func(int, string) error) error { return errNotHere }
