package send

import "testing"

// unsentOfLength reports whether a message of which only the size is known may be an unsent file of so many octets.
func unsentOfLength(bytes, size int64, estimates bool) bool {
	t := traits{lengths: map[int64]bool{bytes: true}}
	return t.has(suspect{size: size}, estimates)
}

// Where nothing was ever read of a message, its size tells it from a file only if the server's sizes are not estimates.
func TestUnsentByLength(t *testing.T) {
	for _, c := range []struct {
		size      int64
		estimates bool
		want      bool
	}{{100, false, true}, {101, false, false}, {-1, false, true}, {101, true, true}} {
		if got := unsentOfLength(100, c.size, c.estimates); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
