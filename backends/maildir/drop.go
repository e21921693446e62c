package maildir

import (
	"fmt"

	"mailsync/state"
)

// Drop removes a file whose message lies elsewhere, durably, as the caller has proven. It
// reads the file once more: only one that holds just the bytes of want is removed, any other
// is state.ErrOccupied and stays. A name that is gone is looked up again by its identity;
// an identity that is gone is no error.
func (m *Maildir) Drop(name string, want *state.Proof) error {
	name, _, err := m.index.stat(name)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	got, err := m.Inspect(name, want)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if got.Digest != want.Digest || got.Bytes != want.Bytes {
		return fmt.Errorf("%s is not the message that lies elsewhere: %w", m.at(name), state.ErrOccupied)
	}
	if err := m.fs.Remove(m.at(name)); err != nil && !isNotExist(err) {
		return fault(err, "remove %s", m.at(name))
	}
	dir, _, err := split(name)
	m.touch(dir)
	return err
}
