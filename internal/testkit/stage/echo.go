package stage

import "testing"

// Echo is a server that sends back what comes, and closes a connection whose end came. It
// returns its address.
func Echo(t testing.TB) string {
	t.Helper()
	return Start(t, func(_ int, p *Peer) {
		b := make([]byte, 32<<10)
		for {
			n, err := p.Read(b)
			p.Raw(b[:n])
			if err != nil {
				return
			}
		}
	}).Addr()
}
