package reach

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// A name server that does not answer keeps nobody who has no more time.
func TestDialEndsWhileANameIsLookedUp(t *testing.T) {
	before := net.DefaultResolver
	defer func() { net.DefaultResolver = before }()
	asked := make(chan struct{}, 10)
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	why := errors.New("time is up")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(why)
	}()
	s := Server{Host: "imap.example.org", Port: 993, TLS: Implicit, Timeout: time.Minute}
	began := time.Now()
	if _, err := s.Dial(ctx); !errors.Is(err, why) {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
