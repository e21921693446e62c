package imap

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// With compress = "always" what can be packed is packed, in both directions, and what
// cannot be comes through all the same.
func TestCompressionOnRealServers(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...servers.Option) *servers.Server{"Dovecot": servers.Dovecot, "Cyrus": servers.Cyrus} {
		t.Run(name, func(t *testing.T) {
			srv := start(t)
			srv.AddUser("ada")
			noise := make([]byte, 300_000)
			r := rand.New(rand.NewSource(1))
			for i := range noise {
				noise[i] = byte(' ' + r.Intn(95))
				if i%78 > 75 {
					noise[i] = "\r\n"[i%78-76]
				}
			}
			bodies := []string{
				"Subject: text\r\n\r\n" + strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 60_000),
				"Subject: noise\r\n\r\n" + string(noise[:299_988]),
				"Subject: small\r\n\r\nx\r\n",
			}
			total := int64(0)
			for _, b := range bodies {
				total += int64(len(b))
			}
			a := account(t, meet(srv, reach.Implicit), func(o *Options) { o.Compress = CompressAlways })
			out, err := a.Append(t.Context(), "INBOX", plain(bodies...), nil)
			if err != nil {
				t.Fatal(err)
			}
			it := state.Item{Raw: "INBOX"}
			for i, m := range out {
				if m.Err != nil {
					t.Fatalf("message %d: %v", i, m.Err)
				}
				it.UIDValidity, it.UIDs = m.UIDValidity, append(it.UIDs, m.UID)
			}
			w := newWork(it)
			if err := a.Fetch(t.Context(), w); err != nil || w.done[0] != nil {
				t.Fatal(err, w.done)
			}
			for i, uid := range it.UIDs {
				if got := w.bodies[fmt.Sprintf("INBOX %d", uid)]; got != bodies[i] {
					t.Errorf("message %d came back as %d octets of %d", i, len(got), len(bodies[i]))
				}
			}
			a.pool.mu.Lock()
			defer a.pool.mu.Unlock()
			for s := range a.pool.all {
				if in, out := s.w.BytesRead(), s.w.BytesWritten(); in > total/4 || out > total/4 {
					t.Errorf("read %d octets and wrote %d for %d", in, out, total)
				}
			}
		})
	}
}

// A server that lets us have few connections, or one, is served with those; each tells it
// in its own way.
func TestRealServersLimitConnections(t *testing.T) {
	for name, start := range map[string]func(testing.TB, ...servers.Option) *servers.Server{
		"Dovecot": servers.Dovecot, "Cyrus": servers.Cyrus, "Courier": servers.Courier,
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, servers.MaxSessions(2))
			srv.AddUser("ada")
			a := account(t, meet(srv, reach.None), func(o *Options) { o.Connections, o.MaxWait = 5, time.Hour })
			waited := new(waits).in(a)
			var bodies []string
			for i := range 40 {
				bodies = append(bodies, strings.ReplaceAll(small(i), "\n", "\r\n"))
			}
			out, err := a.Append(t.Context(), "INBOX", plain(bodies...), nil)
			if err != nil {
				t.Fatal(err)
			}
			var items []state.Item
			for _, m := range out {
				items = append(items, state.Item{Raw: "INBOX", UIDValidity: m.UIDValidity, UIDs: uids(m.UID)})
			}
			w := newWork(items...)
			got := 0
			w.body = func(_ state.Item, in state.Incoming, r io.Reader) error {
				b, err := io.ReadAll(r)
				w.Lock()
				defer w.Unlock()
				if bytes.Equal(b, []byte(bodies[in.UID-1])) {
					got++
				}
				return err
			}
			if err := a.Fetch(t.Context(), w); err != nil || got != len(bodies) {
				t.Errorf("fetched %d: %v", got, err)
			}
			for id, err := range w.done {
				if err != nil {
					t.Errorf("item %d: %v", id, err)
				}
			}
			if len(waited.all) > 0 {
				t.Errorf("waited %v", waited.all)
			}
		})
	}
}
