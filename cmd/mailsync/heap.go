package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Most runs end before they have allocated as much as firstHeap. They collect no garbage at all: a collection
// costs such a run more than the memory is worth. After the first one there may be mostGarbage, whatever is held: what is
// held of a million messages has no pointers, and a collection costs no more for it.
const (
	firstHeap   = 16 << 20 // octets before the first collection
	mostGarbage = 5 << 20  // octets of garbage before later ones
	leastGrowth = 5        // per cent by which the heap may grow however large it is
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
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtime.AddCleanup(new([64]byte), func(live []metrics.Sample) {
		metrics.Read(live)
		debug.SetGCPercent(growth(live[0].Value.Uint64()))
		paceNext()
	}, live)
}

// growth is by how many per cent a heap of so many octets in use may grow before the next collection. One of less than
// mostGarbage may grow to that: it is Go's least heap then.
func growth(live uint64) int {
	return int(min(max(mostGarbage*100/max(live, 1), leastGrowth), mostGarbage*100/goMinimum))
}
