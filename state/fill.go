package state

import "io"

// patience is how often a reader may bring neither octets nor an error before it is given up.
const patience = 100

// Fill reads a body into p. The error is nil once p is full, io.EOF where the body ended
// before, and else the reader's own; n octets came in each case.
//
// Only io.EOF as it is ends a body. io.ReadFull is not for bodies: it says
// io.ErrUnexpectedEOF where a body ends within p, which is what a reader says whose
// connection was cut, and it drops an error that comes together with the last octet.
func Fill(r io.Reader, p []byte) (n int, err error) {
	for idle := 0; n < len(p) && err == nil; {
		var k int
		k, err = r.Read(p[n:])
		if n += k; k > 0 {
			idle = 0
		} else if idle++; err == nil && idle >= patience {
			err = io.ErrNoProgress
		}
	}
	return n, err
}
