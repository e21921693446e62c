package reach

import (
	"context"
	"net"
	"sync"
)

// Gate lets connections to a server be made: it bounds how many there are at once over all accounts, and how fast they follow one
// another. It returns when one may be made, or why none may; leave is called when that one is closed.
type Gate func(ctx context.Context) (leave func(), err error)

// throughGate connects once the gate lets it.
func (s *Server) throughGate(ctx context.Context) (net.Conn, error) {
	leave, err := s.Gate(ctx)
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
