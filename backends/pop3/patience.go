package pop3

import (
	"strconv"
	"time"

	"mailsync/backends/reach"
)

// heed makes of a refusal that is about now a server to come back to later.
func (c *client) heed(err error) error {
	r, ok := asRefusal(err)
	if !ok || !r.later() {
		return err
	}
	busy := &reach.Busy{Err: err}
	if r.has("LOGIN-DELAY") {
		busy.Wait = c.caps.loginDelay()
	}
	return busy
}

// loginDelay is how long a server wants between log-ins (RFC 2449 section 6.5), 0 unknown.
func (c capabilities) loginDelay() time.Duration {
	args := c.words["LOGIN-DELAY"]
	if len(args) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(args[0], 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
