package freeport

import (
	"net"
	"testing"
)

// What was given stays free for a server that stops and comes back, and goes to nobody else.
func TestTake(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		addr, err := Take()
		if err != nil {
			t.Fatal(err)
		}
		if seen[addr] {
			t.Fatalf("%s was given twice", addr)
		}
		seen[addr] = true
		for range 2 {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := net.ListenPacket("udp", addr); err == nil {
			t.Fatalf("%s can be taken by another process", addr)
		}
	}
}
