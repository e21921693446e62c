package match

import (
	"testing"
	"time"

	"mailsync/state"
)

// pairAlike pairs n messages that were sent with n that came, all of the same bytes, and each of another date
// than was sent. It returns how many were paired.
func pairAlike(n int) (paired int) {
	sent, came := make([]Dispatched, n), make([]Newcomer, n)
	for i := range n {
		sent[i] = Dispatched{Next: 1, Bytes: 100, Date: int64(i + 1), Confirmed: true, sums: &Sums{}}
		came[i] = Newcomer{UID: state.UID(i + 1), Size: 100, Date: int64(n + i + 1), Sums: &Sums{}}
	}
	to := Unpaired(n)
	pairByBytes(sent, came, to, AlikeByNumber)
	for _, k := range to {
		if k >= 0 {
			paired++
		}
	}
	return paired
}

// A server without UIDPLUS tells no UID of what it stores: all is found again by its bytes.
func TestManyAlikeOfWhichNoUIDIsTold(t *testing.T) {
	const n = 40_000
	begin := time.Now()
	if got := pairAlike(n); got != n {
		t.Errorf("%d of %d are paired", got, n)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("pairing %d of the same bytes took %v", n, took)
	}
}
