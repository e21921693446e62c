package sync

import (
	"encoding/binary"
	"errors"
	"fmt"

	"mailsync/state"
)

// Overwrite is for tests.
var Overwrite = overwrite

// MatchAlike matches n files with n messages of their size, the last first, none of which has a Message-ID.
// The bytes of all are known. It returns how many found their own.
func MatchAlike(n int) (matched int, err error) {
	m := &matching{byIdent: map[content][]*offered{}, to: make([]*offered, n)}
	for i := range n {
		proof := &state.Proof{Bytes: 100}
		binary.BigEndian.PutUint32(proof.Digest[:], uint32(i))
		m.cargo = append(m.cargo, &cargo{ident: state.FileIdent{Size: 100, Date: 7}, proof: proof})
		s := &sums{}
		binary.BigEndian.PutUint32(s.exact[:], uint32(n-1-i))
		m.msgs = append(m.msgs, &offered{OnServer: state.OnServer{UID: state.UID(i + 1), Size: 100, Date: 7}, sum: s})
	}
	for _, o := range m.msgs {
		for _, k := range keysOf("", o.Size, o.Date) {
			m.byIdent[k] = append(m.byIdent[k], o)
		}
	}
	err = m.same()
	for i, o := range m.to {
		if o != nil && int(o.UID) == n-i {
			matched++
		}
	}
	return matched, err
}

// PairAlike pairs n messages that were sent with n that came, all of the same bytes, and each of another date
// than was sent. It returns how many were paired.
func PairAlike(n int) (paired int) {
	sent, came := make([]dispatched, n), make([]newcomer, n)
	for i := range n {
		sent[i] = dispatched{next: 1, bytes: 100, date: int64(i + 1), confirmed: true, sums: &sums{}}
		came[i] = newcomer{uid: state.UID(i + 1), size: 100, date: int64(n + i + 1), sums: &sums{}}
	}
	to := unpaired(n)
	pairByBytes(sent, came, to, alikeByNumber)
	for _, k := range to {
		if k >= 0 {
			paired++
		}
	}
	return paired
}

// DescribeMany describes n files that are left out for one reason.
func DescribeMany(n int) (problems []error, count int) {
	var left []state.Passed
	for i := range n {
		left = append(left, state.Passed{Name: fmt.Sprint("cur/", i), Count: 1, Err: errors.New("the file is compressed (gzip)")})
	}
	problems, _, count = describe("Archive", left)
	return problems, count
}

// Stamp is a stamp.
type Stamp struct{ Mtime, Named, Received, Written int64 }

// DatesOf is datesOf.
func DatesOf(files []Stamp) []int64 {
	var stamps []stamp
	for _, f := range files {
		stamps = append(stamps, stamp{f.Mtime, f.Named, f.Received, f.Written})
	}
	return datesOf(stamps)
}

// UnsentOfLength says whether a message of which nothing but the size was told may be an unsent file of so many octets.
func UnsentOfLength(bytes, size int64, estimates bool) bool {
	t := traits{lengths: map[int64]bool{bytes: true}}
	return t.has(suspect{size: size}, estimates)
}
