package imap

import (
	"fmt"
	"runtime"
	"testing"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// The list of a large mailbox takes 32 octets a message, and never room that was only announced.
func TestListingTakesWhatIsThere(t *testing.T) {
	const n = 100_000
	for _, announced := range []uint32{n, 4_000_000_000, n / 2, 0} {
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
		if announced == n {
			most = 33
		}
		if held > most || len(c.messages) != n {
			t.Errorf("%d announced: %.1f octets are held of each of %d messages, at most %v", announced, held, len(c.messages), most)
		}
		runtime.KeepAlive(c)
	}
}
