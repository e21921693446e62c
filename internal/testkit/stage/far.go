package stage

import (
	"net"
	"slices"
	"testing"
	"time"
)

// Far is Inside of a distant server: what is sent takes half of a round trip on its way, and a connection one to be made. So
// the time that passes in the bubble is that of the round trips alone, and the same in every run.
func Far(t testing.TB, rtt time.Duration, serve func(n int, p *Peer)) *Stage {
	s := Inside(t, serve)
	s.rtt = rtt
	return s
}

// Turns returns how often each connection was sent something at once, in the order in which they were made: a client that
// sends all that it can, and waits for an answer before it sends more, takes a turn.
func (s *Stage) Turns() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.turns)
}

// dialFar makes a connection with two relays in it.
func (s *Stage) dialFar() net.Conn {
	client, near := net.Pipe()
	far, its := net.Pipe()
	time.Sleep(s.rtt)
	s.mu.Lock()
	n := len(s.turns)
	s.turns = append(s.turns, 0)
	s.mu.Unlock()
	s.take(its)
	var last time.Time
	s.running.Go(func() {
		s.relay(far, near, func() {
			if now := time.Now(); now.After(last) {
				last = now
				s.mu.Lock()
				s.turns[n]++
				s.mu.Unlock()
			}
		})
	})
	s.running.Go(func() { s.relay(near, far, func() {}) })
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// relay passes on what it reads, half a round trip later, and then the end.
func (s *Stage) relay(to, from net.Conn, came func()) {
	type parcel struct {
		octets []byte
		due    time.Time
	}
	parcels := make(chan parcel, 1<<16)
	s.running.Go(func() {
		defer close(parcels)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if err != nil {
				return
			}
			came()
			parcels <- parcel{b[:n], time.Now().Add(s.rtt / 2)}
		}
	})
	for p := range parcels {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.octets); err != nil {
			_ = from.Close()
		}
	}
	_ = to.Close()
}
