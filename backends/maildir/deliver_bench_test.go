package maildir_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// letters are bodies as long as mail is: a median of 6 KB and a mean of 30 KB.
var letters = func() (all [][]byte) {
	for _, kb := range []int{2, 3, 4, 5, 6, 6, 8, 12, 40, 210} {
		all = append(all, []byte(strings.Repeat("A line of a letter, as long as lines are in most letters today.\r\n", kb<<10/65)))
	}
	return all
}()

// atOnce calls do with every number below n, by so many goroutines.
func atOnce(n, by int, do func(n int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range by {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// BenchmarkDeliver delivers letters, durably, as a run does: so many writers, and one that publishes and fsyncs the
// folder once for 200. The same files written and fsynced by four threads are what the disk itself needs. TMPDIR
// says which disk it is.
func BenchmarkDeliver(b *testing.B) {
	for _, writers := range []int{1, 4, 8, 16, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			md := realInbox(b, b.TempDir())
			began := cpu()
			b.ResetTimer()
			for from := 0; from < b.N; from += 200 {
				deliverAll(b, md, from, min(200, b.N-from), writers)
			}
			report(b, began)
		})
	}
	b.Run("plain", func(b *testing.B) {
		dir := b.TempDir()
		began := cpu()
		b.ResetTimer()
		atOnce(b.N, 4, func(n int) {
			f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(n)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = f.Write(letters[n%len(letters)])
			}
			if err == nil {
				err = f.Sync()
			}
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				b.Error(err)
			}
		})
		report(b, began)
	})
}

func deliverAll(b *testing.B, md *maildir.Maildir, from, n, writers int) {
	got := make([]state.Received, n)
	atOnce(n, writers, func(i int) {
		body := letters[(from+i)%len(letters)]
		var err error
		in := state.Incoming{UID: state.UID(from + i + 1), Token: token, Flags: state.Seen, Date: 1700000000, Size: int64(len(body))}
		if got[i], err = md.Receive(in, bytes.NewReader(body)); err != nil {
			b.Error(err)
		}
	})
	for _, one := range got {
		if _, err := md.Publish(one, &state.Keywords{}); err != nil {
			b.Fatal(err)
		}
	}
	if err := md.Sync(); err != nil {
		b.Fatal(err)
	}
}

func report(b *testing.B, began [2]time.Duration) {
	b.StopTimer()
	now := cpu()
	b.ReportMetric(float64((now[0]-began[0]).Microseconds())/float64(b.N), "user-µs/op")
	b.ReportMetric(float64((now[1]-began[1]).Microseconds())/float64(b.N), "sys-µs/op")
}

// realInbox makes an INBOX in a folder of the real disk, until the test ends.
func realInbox(t testing.TB, root string) *maildir.Maildir {
	t.Helper()
	fs, err := disk.OpenReal(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	md, err := maildir.Open(fs, maildir.Options{}).Create("INBOX", marker("INBOX"))
	if err != nil {
		t.Fatal(err)
	}
	return md
}
