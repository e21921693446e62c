package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Most runs end before they have allocated as much as firstHeap. They collect no garbage at all: a collection
// costs such a run more than the memory is worth. After the first one there may be leastGarbage, however much is held: what is
// held of a million messages has no pointers, and a collection costs no more for it. What is held of ten thousand accounts
// has, and has to be gone through each time: there may be half as much garbage.
const (
	firstHeap    = 16 << 20 // octets before the first collection
	leastGarbage = 3 << 20  // octets of garbage before later ones
	leastGrowth  = 5        // per cent by which the heap may grow however large it is
)

// goMinimum is the heap that Go collects first at GOGC=100 (runtime.heapMinimum).
const goMinimum = 4 << 20

// paceGarbage sets when garbage is collected. GOGC wins, as everywhere.
func paceGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(firstHeap * 100 / goMinimum)
	paceNext()
}

// paceNext has the next collection set when the one after it is due: what nothing refers to is cleaned up after a collection.
func paceNext() {
	held := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}}
	runtime.AddCleanup(new([64]byte), func(held []metrics.Sample) {
		metrics.Read(held)
		debug.SetGCPercent(growth(held[0].Value.Uint64(), held[1].Value.Uint64()))
		paceNext()
	}, held)
}

// growth is by how many per cent a heap of so many octets in use, so many of them to go through for pointers, may grow before the
// next collection. One of less than leastGarbage may grow to that: it is Go's least heap then.
func growth(live, pointers uint64) int {
	garbage := max(leastGarbage, min(pointers, live)/2)
	return int(min(max(garbage*100/max(live, 1), leastGrowth), leastGarbage*100/goMinimum))
}
