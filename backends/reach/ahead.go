package reach

import "net"

// readsAhead is how much is read from a connection at once for TLS, which itself asks for little more than one record: servers send
// records of 4 to 16 KiB.
const readsAhead = 64 << 10

// ahead is a connection that is read ahead. One goroutine may read at a time.
type ahead struct {
	net.Conn
	buf  []byte // made by the first read
	rest []byte // of buf: read from the connection, and not from here
}

// Read gives what is here, or what one read of the connection brings. An error of that is given behind its octets.
func (a *ahead) Read(b []byte) (int, error) {
	if len(a.rest) == 0 {
		if a.buf == nil {
			a.buf = make([]byte, readsAhead)
		}
		n, err := a.Conn.Read(a.buf)
		if n == 0 {
			return 0, err
		}
		a.rest = a.buf[:n] // the next read of the connection returns the error again
	}
	n := copy(b, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}
