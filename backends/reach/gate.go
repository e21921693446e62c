package reach

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Gate lets connections to a server be made: it bounds how many there are at once over all accounts, and how fast they follow one
// another. It returns when one may be made, or ErrFull; leave is called when that one is closed. One that the account has beside others
// may be refused; one without which it has none may not, for the one before may still be closing.
type Gate func(ctx context.Context, beside bool) (leave func(), err error)

// ErrFull is why a connection beside others is not made.
var ErrFull = errors.New("other accounts have the connections to this host")

// throughGate connects once the gate lets it.
func (s *Server) throughGate(ctx context.Context, beside bool) (net.Conn, error) {
	leave, err := s.Gate(ctx, beside)
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		leave()
		return nil, err
	}
	return &gated{conn, sync.OnceFunc(leave)}, nil
}

// gated is a connection that a gate counts.
type gated struct {
	net.Conn
	leave func()
}

func (g *gated) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
