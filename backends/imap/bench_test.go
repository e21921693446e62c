package imap

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// sink takes bodies and throws them away.
type sink struct {
	*work
	bytes int64
}

func (s *sink) Body(_ state.Item, _ state.Incoming, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	s.Lock()
	s.bytes += n
	s.Unlock()
	return err
}

// BenchmarkFetch fetches a mailbox of a real server over one connection; "raw" reads the
// same answers and does nothing with them.
func BenchmarkFetch(b *testing.B) {
	for _, c := range []struct {
		name  string
		count int
		body  func(int) string
	}{
		{"small", 5000, small},
		{"large", 40, func(int) string { return strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef\n", 100_000) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			srv := servers.Dovecot(b, servers.Quota(1<<30, 100_000))
			srv.AddUser("ada")
			fill(b, srv, "ada", "", c.count, c.body)
			a := account(b, meet(srv, reach.None))
			snap, err := a.Scan(b.Context(), state.ScanRequest{Raw: "INBOX"})
			if err != nil || len(snap.Messages) != c.count {
				b.Fatal(err, len(snap.Messages))
			}
			var total int64
			for _, m := range snap.Messages {
				total += m.Size
			}
			b.Run("imap", func(b *testing.B) {
				for b.Loop() {
					s := &sink{work: newWork(everything("INBOX", snap)...)}
					if err := a.Fetch(b.Context(), s); err != nil || s.bytes != total {
						b.Fatal(err, s.bytes, total)
					}
				}
				rate(b, c.count, total)
			})
			b.Run("raw", func(b *testing.B) {
				for b.Loop() {
					rawFetch(b, srv.IMAP, total)
				}
				rate(b, c.count, total)
			})
		})
	}
}

func rate(b *testing.B, count int, octets int64) {
	per := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(count)/per, "msg/s")
	b.ReportMetric(float64(octets)/per/1e6, "MB/s")
}

// rawFetch logs in, asks for everything in one command and reads to the tagged answer.
func rawFetch(b *testing.B, addr string, total int64) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "a LOGIN ada secret\r\nb EXAMINE INBOX\r\n"+
		"c UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\nd LOGOUT\r\n")
	n, err := io.Copy(io.Discard, bufio.NewReaderSize(conn, 64<<10))
	if err != nil || n < total {
		b.Fatal(err, n)
	}
}
