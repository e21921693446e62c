package imap

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/bench/delay"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// BenchmarkVanished asks a real server in several ways which 100 of 100,000 messages were removed: by the
// UIDs that are left (ESEARCH, RFC 4731) and by those that vanished (QRESYNC, RFC 7162). "dense" is a mailbox
// from which nothing was removed before, "sparse" one in which every second UID is free.
// docs/performance.md has the results, ADR 22 what follows from them.
func BenchmarkVanished(b *testing.B) {
	for _, server := range []struct {
		name  string
		start func(testing.TB, ...servers.Option) *servers.Server
		opts  []servers.Option
	}{
		{"dovecot", servers.Dovecot, []servers.Option{servers.Quota(1<<40, 1_000_000)}},
		{"cyrus", servers.Cyrus, nil},
	} {
		b.Run(server.name, func(b *testing.B) {
			srv := server.start(b, server.opts...)
			srv.AddUser("ada")
			for _, box := range []string{"dense", "sparse"} {
				validity, since, known := vanishing(b, srv, box, 100_000)
				b.Run(box, func(b *testing.B) {
					for _, way := range waysToFind(box, validity, since) {
						ask(b, srv, way)
					}
					b.Run("scan", func(b *testing.B) { scanVanished(b, srv, box, validity, since, known) })
				})
			}
		})
	}
}

// wayToFind is what is sent in each turn; the command that must end is counted.
type wayToFind struct {
	name  string
	turns [][]string
}

func waysToFind(box string, validity, since string) []wayToFind {
	examine := "EXAMINE " + box + " (CONDSTORE)"
	fetch := "UID FETCH 1:* " + scanItems + " (CHANGEDSINCE " + since + ")"
	search := "UID SEARCH RETURN (ALL) ALL"
	enable := "ENABLE QRESYNC"
	return []wayToFind{
		{"search", [][]string{{examine}, {fetch}, {search}}},
		{"search-pipelined", [][]string{{examine, fetch, search}}},
		{"search-plain", [][]string{{examine}, {fetch}, {"UID SEARCH ALL"}}},
		{"qresync-fetch", [][]string{{enable}, {examine}, {"UID FETCH 1:* " + scanItems + " (CHANGEDSINCE " + since + " VANISHED)"}}},
		{"qresync-examine", [][]string{{enable}, {"EXAMINE " + box + " (QRESYNC (" + validity + " " + since + "))"}}},
		{"qresync-pipelined", [][]string{{enable, "EXAMINE " + box + " (QRESYNC (" + validity + " " + since + "))", fetch}}},
	}
}

// ask measures one way on loopback and over a round trip of 40 ms. The log-in is not counted.
func ask(b *testing.B, srv *servers.Server, way wayToFind) {
	for _, rtt := range []time.Duration{0, 40 * time.Millisecond} {
		b.Run(fmt.Sprintf("%s/%v", way.name, rtt), func(b *testing.B) {
			addr := srv.IMAP
			if rtt > 0 {
				p, err := delay.Start(addr, rtt)
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				addr = p.Addr
			}
			octets := 0
			for b.Loop() {
				b.StopTimer()
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				r := bufio.NewReaderSize(conn, 1<<20)
				turn(b, conn, r, []string{"LOGIN " + srv.Login("ada") + " " + servers.Password})
				b.StartTimer()
				octets = 0
				for _, commands := range way.turns {
					octets += turn(b, conn, r, commands)
				}
				b.StopTimer()
				conn.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(octets), "octets")
			b.ReportMetric(float64(len(way.turns)), "turns")
		})
	}
}

// turn sends commands together, and returns how many octets were sent and read.
func turn(b *testing.B, conn net.Conn, r *bufio.Reader, commands []string) (octets int) {
	var out strings.Builder
	for i, c := range commands {
		fmt.Fprintf(&out, "t%d %s\r\n", i, c)
	}
	if _, err := conn.Write([]byte(out.String())); err != nil {
		b.Fatal(err)
	}
	octets = out.Len()
	for i := range commands {
		for tag := fmt.Sprintf("t%d ", i); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				b.Fatal(err)
			}
			octets += len(line)
			if strings.HasPrefix(line, tag) {
				if !strings.HasPrefix(line, tag+"OK") {
					b.Fatalf("%s: %s", commands[i], line)
				}
				break
			}
		}
	}
	return octets
}

// scanVanished is what Scan takes for the same question, log-in included.
func scanVanished(b *testing.B, srv *servers.Server, box, validity, since string, known []state.UID) {
	v, _ := strconv.ParseUint(validity, 10, 32)
	m, _ := strconv.ParseUint(since, 10, 64)
	req := state.ScanRequest{Raw: box, Known: len(known), KnownUID: known,
		Since: state.Mark{UIDValidity: uint32(v), UIDNext: uint32(known[len(known)-1]) + 1, ModSeq: m, Exists: uint32(len(known))}}
	a := account(b, meet(srv, reach.None))
	b.ReportAllocs()
	for b.Loop() {
		snap, err := a.Scan(b.Context(), req)
		if err != nil || len(snap.Gone) != 100 {
			b.Fatal(err, len(snap.Gone))
		}
	}
}

// vanishing makes a mailbox, looks at it, and removes 100 of its messages. It returns UIDVALIDITY and
// HIGHESTMODSEQ as they were before that, and the UIDs.
func vanishing(b *testing.B, srv *servers.Server, box string, count int) (validity, since string, known []state.UID) {
	b.Helper()
	c := srv.LogIn("ada")
	defer c.Close()
	do := func(command string) []servers.Response {
		r, err := c.Do(command)
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	remove := func(uids []state.UID) {
		for set := range setsOf(uids, len(uids)) {
			do("UID STORE " + set + ` +FLAGS.SILENT (\Deleted)`)
			do("UID EXPUNGE " + set)
		}
	}
	do("CREATE " + box)
	do("ENABLE CONDSTORE")
	for i := range 1000 {
		if err := c.Append(box, nil, time.Unix(1700000000+int64(i), 0), []byte(fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))); err != nil {
			b.Fatal(err)
		}
	}
	do("SELECT " + box + " (CONDSTORE)")
	total := count
	if box == "sparse" {
		total = 2 * count
	}
	for n := 1000; n < total; {
		more := min(n, total-n)
		do(fmt.Sprintf("COPY 1:%d %s", more, box))
		do("NOOP")
		n += more
	}
	var odd []state.UID
	for uid := 1; uid <= total; uid++ {
		if total > count && uid%2 == 1 {
			odd = append(odd, state.UID(uid))
		} else {
			known = append(known, state.UID(uid))
		}
	}
	remove(odd)
	for _, r := range do("SELECT " + box + " (CONDSTORE)") {
		if _, n, ok := strings.Cut(r.Text, "[HIGHESTMODSEQ "); ok {
			since, _, _ = strings.Cut(n, "]")
		}
		if _, n, ok := strings.Cut(r.Text, "[UIDVALIDITY "); ok {
			validity, _, _ = strings.Cut(n, "]")
		}
	}
	var gone []state.UID
	for i := range 100 {
		gone = append(gone, known[(2*i+1)*len(known)/200])
	}
	remove(gone)
	return validity, since, known
}
