package imap

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// BenchmarkScan lists a mailbox of a million messages; "B/held" is what the heap holds
// more afterwards than before: little but the snapshot's 32 octets a message.
func BenchmarkScan(b *testing.B) {
	const count = 1_000_000
	var lines strings.Builder
	for i := 1; i <= count; i++ {
		fmt.Fprintf(&lines, "* %d FETCH (UID %d FLAGS (\\Seen hot) INTERNALDATE \"02-Jan-2024 03:04:05 +0000\" RFC822.SIZE 4321)\r\n", i, i)
	}
	all := []byte(lines.String())
	lines.Reset()
	acct := boxes()
	srv := script.Every(b, script.Healthy(acct, script.Answers{
		"EXAMINE": answer(fmt.Sprintf("* %d EXISTS", count), "* OK [UIDVALIDITY 1] x", fmt.Sprintf("* OK [UIDNEXT %d] x", count+1), "$tag OK done"),
		"UID FETCH": func(p *script.Peer, _ script.Command) bool {
			p.Raw(all)
			p.Send("$tag OK done")
			return true
		},
	}))
	a := account(b, options(srv))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var snap *state.ServerSnapshot
	for b.Loop() {
		var err error
		if snap, err = a.Scan(b.Context(), state.ScanRequest{Raw: "INBOX"}); err != nil || !snap.Complete {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc)-float64(before.HeapAlloc), "B/held")
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	runtime.KeepAlive(snap)
}
