package restore

import (
	"encoding/binary"
	"runtime"
	"testing"

	"mailsync/state"
	"mailsync/sync/match"
)

// matchAlike matches n files with n messages of their size, the last first, none of which has a Message-ID.
// The bytes of all are known. It returns how many found their own.
func matchAlike(n int) (matched int, err error) {
	m := &matching{}
	for i := range n {
		proof := &state.Proof{Bytes: 100}
		binary.BigEndian.PutUint32(proof.Digest[:], uint32(i))
		m.local = append(m.local, &message{ident: state.FileIdent{Size: 100, Date: 7}, proof: proof})
		s := &match.Sums{}
		binary.BigEndian.PutUint32(s.Exact[:], uint32(n-1-i))
		m.onServer = append(m.onServer, &offered{OnServer: state.OnServer{UID: state.UID(i + 1), Size: 100, Date: 7}, sum: s})
	}
	for _, o := range m.onServer {
		o.keys = keysOf("", o.Size, o.Date)
	}
	err = m.same()
	for i, c := range m.local {
		if c.there != nil && int(c.there.UID) == n-i {
			matched++
		}
	}
	return matched, err
}

func TestMatchingOfManyAlikeIsNotQuadratic(t *testing.T) {
	const n = 20_000
	octets := octetsOf(func() {
		if got, err := matchAlike(n); got != n || err != nil {
			t.Errorf("%d of %d are matched: %v", got, n, err)
		}
	})
	if octets > n*5000 {
		t.Errorf("%d alike cost %d octets: each was listed for each", n, octets)
	}
}

func octetsOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
