package imap

import (
	"context"
	"net"

	"mailsync/backends/reach"
)

// link is a connection that is up and, where TLS is wanted, safe.
type link struct {
	net.Conn
	greeting string // read already, for STARTTLS; "" where the server's is still to come
	loopback bool
}

// dial connects and makes the connection safe. Each step ends within the timeout.
func (a *Account) dial(ctx context.Context) (*link, error) {
	conn, err := a.o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return a.secure(ctx, conn)
}

// secure makes a connection safe as the options say; one that cannot be made is closed.
func (a *Account) secure(ctx context.Context, conn net.Conn) (l *link, err error) {
	l = &link{loopback: reach.IsLoopbackAddr(conn.RemoteAddr())}
	if a.o.TLS == reach.StartTLS {
		l.Conn, l.greeting, err = a.startTLS(ctx, conn)
		if err != nil {
			conn.Close()
		}
	} else {
		l.Conn, err = a.o.Secure(ctx, conn)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}
