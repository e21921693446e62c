// Package freeport finds ports on loopback for servers that start later, that stop and start
// again, or that are never to be there.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports for connections that go out are given by the kernel from 32768 (Linux) or 49152 up, at
// any time and to anybody: a server whose port is one of those can find it taken when it
// comes back.
const (
	lowest  = 10000
	highest = 32767
	tries   = 1000
)

// held keeps the locks from being closed as garbage.
var held sync.Map

// Take returns an address of loopback at which nobody listens, and which Take gives to no other
// caller, in this process or another, until this one ends.
func Take() (string, error) {
	for range tries {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(highest-lowest+1)))
		// The UDP port of the same number is the lock. It stays bound: this process's end opens it.
		lock, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			_ = lock.Close()
			continue
		}
		held.Store(addr, lock)
		return addr, l.Close()
	}
	return "", errors.New("no free port")
}
