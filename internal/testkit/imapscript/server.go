package imapscript

import (
	"testing"
	"time"

	"mailsync/internal/testkit/stage"
)

// Handler serves one connection, from the greeting on. The connection is closed when
// it returns.
type Handler func(p *Peer)

// Server listens on loopback until the test ends. Its commands are without their tags; a
// literal is there as its header.
type Server struct{ *stage.Stage }

// New starts a server whose nth connection is served by the nth handler. One
// connection more fails the test.
func New(t testing.TB, handlers ...Handler) *Server {
	t.Helper()
	return start(t, func(n int) Handler {
		if n < len(handlers) {
			return handlers[n]
		}
		return func(*Peer) { t.Errorf("script: connection %d was not expected", n+1) }
	})
}

// Every starts a server each of whose connections is served by h.
func Every(t testing.TB, h Handler) *Server {
	t.Helper()
	return start(t, func(int) Handler { return h })
}

// Inside is New of one connection, for a bubble of testing/synctest: see stage.Inside.
func Inside(t testing.TB, h Handler) *Server {
	return &Server{stage.Inside(t, func(_ int, p *stage.Peer) { h(&Peer{Peer: p}) })}
}

// Far is Every inside a bubble of testing/synctest, of a distant server: see stage.Far.
func Far(t testing.TB, rtt time.Duration, h Handler) *Server {
	return &Server{stage.Far(t, rtt, func(_ int, p *stage.Peer) { h(&Peer{Peer: p}) })}
}

func start(t testing.TB, handler func(n int) Handler) *Server {
	t.Helper()
	return &Server{stage.Start(t, func(n int, p *stage.Peer) { handler(n)(&Peer{Peer: p}) })}
}
