package pop3

import (
	"context"
	"strconv"
	"time"
)

// waits waits as long as the server asked, or longer each time where it did not say. It
// reports false where that would be too long, and where ctx ended.
func (a *Account) waits(ctx context.Context, asked time.Duration) bool {
	waited, err := a.patience.Wait(ctx, asked)
	return waited && err == nil
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
