//go:build !linux

package disk

import "fmt"

// Names implements FS.
func (r *Real) Names(dir string) ([]string, error) {
	d, err := r.root.Open(dir)
	if err != nil {
		return nil, r.named(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", r.full(dir), err)
	}
	return names, nil
}
