package pop3

import (
	"net"
	"time"
)

// timed is a connection that breaks when no octet came or went for the timeout, and, once
// Until is called, when that moment has come.
type timed struct {
	net.Conn
	timeout time.Duration
	until   time.Time
}

// Until sets when reading ends at the latest; the zero time is never.
func (t *timed) Until(when time.Time) { t.until = when }

func (t *timed) Read(p []byte) (int, error) {
	end := time.Now().Add(t.timeout)
	if !t.until.IsZero() && t.until.Before(end) {
		end = t.until
	}
	if err := t.SetReadDeadline(end); err != nil {
		return 0, err
	}
	return t.Conn.Read(p)
}

func (t *timed) Write(p []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(p)
}
