package restore

import (
	"errors"

	"mailsync/sync/match"
)

// sums are a file's.
func (c *cargo) sums() (*match.Sums, error) {
	if _, err := c.read(); err != nil {
		return nil, err
	}
	body, err := c.open()
	if err != nil {
		return nil, err
	}
	s, err := match.SumsOf(body)
	return s, errors.Join(err, body.Close())
}
