package pop3script

import (
	"crypto/tls"
	"testing"

	"mailsync/internal/testkit/stage"
)

// Handler serves one connection, from the greeting on. The connection is closed when
// it returns.
type Handler func(p *Peer)

// Server listens on loopback until the test ends.
type Server struct{ *stage.Stage }

// New starts a server whose nth connection is served by the nth handler, and every further
// one by the last.
func New(t testing.TB, handlers ...Handler) *Server { return WithTLS(t, nil, handlers...) }

// WithTLS is New for a server that has a certificate to answer STLS with.
func WithTLS(t testing.TB, config *tls.Config, handlers ...Handler) *Server {
	t.Helper()
	return &Server{stage.Start(t, func(n int, p *stage.Peer) {
		handlers[min(n, len(handlers)-1)](&Peer{Peer: p, tls: config})
	})}
}
