package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// Most runs end before they have allocated as much as firstHeap. They collect no garbage at all: a collection
// costs such a run more than the memory is worth. After the first one the heap is kept small, since a
// run that is longer allocates little for each message.
const (
	firstHeap   = 16 << 20 // octets before the first collection
	laterGrowth = 50       // per cent by which the heap grows between later ones
)

// goMinimum is the heap that Go collects first at GOGC=100 (runtime.heapMinimum).
const goMinimum = 4 << 20

// paceGarbage sets when garbage is collected. GOGC wins, as everywhere.
func paceGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(firstHeap * 100 / goMinimum)
	// What nothing refers to is cleaned up after the first collection.
	first := new([64]byte)
	runtime.AddCleanup(first, func(percent int) { debug.SetGCPercent(percent) }, laterGrowth)
}
