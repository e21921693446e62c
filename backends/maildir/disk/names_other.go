//go:build !linux

package disk

import (
	"errors"
	"fmt"
	"io"
)

// Each implements FS, some thousand names at once.
func (r *Real) Each(dir string, visit func(name string) error) error {
	d, err := r.root.Open(dir)
	if err != nil {
		return r.named(err)
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(8192)
		for _, name := range names {
			if err := visit(name); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read folder %s: %w", r.full(dir), err)
		}
	}
}
