package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// A small heap is hardly collected, and a large one is kept from growing.
func TestPaceGarbage(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	percent := func() uint64 {
		read := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(read)
		return read[0].Value.Uint64()
	}

	t.Setenv("GOGC", "77")
	paceGarbage()
	if got := percent(); got != 100 {
		t.Fatalf("GOGC is set, and yet it is %d%%", got)
	}
	t.Setenv("GOGC", "")
	paceGarbage()
	if got := percent(); got != 400 {
		t.Fatalf("before the first collection: %d%%", got)
	}
	becomes := func(when string, least, most uint64) {
		t.Helper()
		runtime.GC()
		for end := time.Now().Add(10 * time.Second); percent() < least || percent() > most; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("after a collection with %s: %d%%", when, percent())
			}
		}
	}
	// Each collection sets when the next one is due, however many there are.
	for range 3 {
		held := make([]byte, 32<<20)
		becomes("32 MB in use", leastGrowth, 15)
		runtime.KeepAlive(held)
		becomes("little in use", 16, leastGarbage*100/goMinimum)
	}
	before := runtime.NumGoroutine()
	for range 20 {
		runtime.GC()
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, and %d after 20 collections", before, n)
	}
}

// A large heap does not have garbage in proportion where a collection does not cost in proportion: what is held of many messages
// has no pointers.
func TestGarbageIsBounded(t *testing.T) {
	for _, c := range []struct {
		live, pointers uint64 // MB
		want           int    // per cent
	}{{0, 0, 75}, {2, 1, 75}, {4, 4, 75}, {10, 1, 30}, {20, 1, 15}, {40, 10, 12}, {1 << 10, 1, 5}, {100, 80, 40}, {1 << 10, 1 << 10, 50}} {
		if got := growth(c.live<<20, c.pointers<<20); got != c.want {
			t.Errorf("%d MB in use, %d of them with pointers, may grow by %d%%, want %d%%", c.live, c.pointers, got, c.want)
		}
	}
}
