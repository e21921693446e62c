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
	held := make([]byte, 32<<20)
	runtime.GC()
	for end := time.Now().Add(10 * time.Second); percent() > 15; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("after a collection with 32 MB in use: %d%%", percent())
		}
	}
	runtime.KeepAlive(held)
}

// A large heap does not have garbage in proportion: what is held of many messages is held anyway.
func TestGarbageIsBounded(t *testing.T) {
	for live, want := range map[uint64]int{0: 125, 2 << 20: 125, 4 << 20: 125, 10 << 20: 50, 20 << 20: 25, 40 << 20: 12, 1 << 30: 5} {
		if got := growth(live); got != want {
			t.Errorf("%d MB in use may grow by %d%%, want %d%%", live>>20, got, want)
		}
	}
}
