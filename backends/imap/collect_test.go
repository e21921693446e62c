package imap

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// The list of a large mailbox takes 32 octets a message, and never room that was only announced.
func TestListingTakesWhatIsThere(t *testing.T) {
	const n = 100_000
	for _, announced := range []uint32{n, n - 1, 4_000_000_000, n / 2, 0} {
		c := newCollector(state.NewKeywords(nil), announced)
		c.most = 2 * n
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range n {
			l := wire.Line{Text: fmt.Sprintf(`%d FETCH (UID %d FLAGS (\Seen) INTERNALDATE "02-Jan-2024 03:04:05 +0000" RFC822.SIZE 4000)`, i+1, i+1)}
			if err := c.take(l); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n
		most := 65.0 // less than twice of what arrived
		switch announced {
		case n:
			most = 33
		case n - 1: // one more arrived meanwhile
			most = 36
		}
		if held > most || len(c.messages) != n {
			t.Errorf("%d announced: %.1f octets are held of each of %d messages, at most %v", announced, held, len(c.messages), most)
		}
		runtime.KeepAlive(c)
	}
}

// A server that sends nothing but flags, announces messages one by one, or lists them backwards, takes no time for each pair of them.
func TestCollectorTakesOddListingsInOneGo(t *testing.T) {
	const n = 300_000
	for what, take := range map[string]func(c *collector, uid uint64) error{
		"flags alone": func(c *collector, uid uint64) error {
			return c.add(uint32(uid), fetched{uid: uid, hasUID: true, hasFlags: true, size: -1, date: state.NoDate}, true, wire.Line{})
		},
		"backwards": func(c *collector, uid uint64) error {
			return c.add(uint32(uid), fetched{uid: n + 1 - uid, hasUID: true, size: 5, date: state.NoDate}, true, wire.Line{})
		},
		"announced one by one": func(c *collector, uid uint64) error {
			c.exists = uint32(uid)
			return c.add(uint32(uid), fetched{uid: uid, hasUID: true, size: 5, date: state.NoDate}, true, wire.Line{})
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := newCollector(state.NewKeywords(nil), 0)
			c.most = n
			begun := time.Now()
			for i := range uint64(n) {
				if err := take(c, i+1); err != nil {
					t.Fatal(err)
				}
			}
			c.finish()
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			if len(c.messages) != n || c.messages[0].UID != 1 || c.messages[n-1].UID != n || c.flawed {
				t.Errorf("%d messages are listed", len(c.messages))
			}
		})
	}
}
