package store_test

import (
	"runtime"
	"testing"

	"mailsync/state"
)

// A message takes its record and no more where all of a mailbox are read, and next to nothing where they are written: what is
// committed is not kept in memory, however many there are.
func TestWhatAMessageTakes(t *testing.T) {
	const n = 20_000
	s := open(t, t.TempDir())
	var m [4]runtime.MemStats
	read := func(i int) {
		runtime.GC()
		runtime.ReadMemStats(&m[i])
	}
	read(0)
	gen := filled(t, s, n)
	read(1)
	records, err := s.Records(t.Context(), gen)
	ok(t, err)
	runtime.ReadMemStats(&m[2])
	if len(records) != n {
		t.Fatal(len(records))
	}
	all := state.Commit{Gen: gen, Put: records}
	for i := range all.Put {
		all.Put[i].Agreed = 0
	}
	read(2)
	ok(t, s.Commit(t.Context(), all))
	read(3)
	each := func(from, to uint64) float64 { return (float64(to) - float64(from)) / n }
	if held := each(m[0].HeapAlloc, m[1].HeapAlloc); held > 4 {
		t.Errorf("%.1f octets are held of a message that was committed", held)
	}
	if octets := each(m[1].TotalAlloc, m[2].TotalAlloc); octets > 60 { // a record is 40
		t.Errorf("%.1f octets are allocated for a message that is read", octets)
	}
	if held := each(m[2].HeapAlloc, m[3].HeapAlloc); held > 4 {
		t.Errorf("%.1f octets are held of a message in one large commit", held)
	}
	if objects := each(m[2].Mallocs, m[3].Mallocs); objects > 6 {
		t.Errorf("a message that is committed takes %.1f objects", objects)
	}
	runtime.KeepAlive(records)
}
