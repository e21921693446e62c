package imap

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// A server's own limit makes the pool smaller and fails nothing.
func TestPoolObeysTheServersLimit(t *testing.T) {
	for name, refuse := range map[string]func(p *script.Peer){
		"closed without a greeting": func(p *script.Peer) { p.Close() },
		"BYE":                       func(p *script.Peer) { p.Send("* BYE [LIMIT] too many"); p.Close() },
		"log-in refused": func(p *script.Peer) {
			p.Send("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready")
			p.Expect("AUTHENTICATE *")
			p.Send("$tag NO Too many open connections (2 of 2 for ada)")
			p.Stall()
		},
	} {
		t.Run(name, func(t *testing.T) {
			acct := boxes()
			var mu sync.Mutex
			open := 0
			healthy := script.Healthy(acct, nil)
			srv := script.Every(t, func(p *script.Peer) {
				mu.Lock()
				open++
				full := open > 2
				mu.Unlock()
				defer func() {
					mu.Lock()
					open--
					mu.Unlock()
				}()
				if full {
					refuse(p)
					return
				}
				healthy(p)
			})
			a := account(t, options(srv), func(o *Options) { o.Connections, o.MaxWait = 5, time.Hour })
			waited := new(waits).in(a)
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(waited.all) > 0 {
				t.Errorf("waited %v for connections that are not needed", waited.all)
			}
			w := newWork(ones(60)...)
			seen := map[state.UID]bool{}
			w.body = func(_ state.Item, in state.Incoming, _ io.Reader) error {
				w.Lock()
				defer w.Unlock()
				seen[in.UID] = true
				return nil
			}
			if err := a.Fetch(t.Context(), w); err != nil || len(w.done) != 60 || len(seen) != 3 {
				t.Errorf("fetch: %v, %d items, UIDs %v", err, len(w.done), seen)
			}
			for id, err := range w.done {
				if err != nil {
					t.Errorf("item %d: %v", id, err)
				}
			}
		})
	}
}

// The only connection of an account is never one too many for the gate: not while the one before it is closing, and not when it was
// refused beside one that came to nothing meanwhile.
func TestPoolAtAFullGate(t *testing.T) {
	healthy := script.Healthy(boxes(), nil)
	t.Run("the one before is closing", func(t *testing.T) {
		srv := script.Every(t, healthy)
		a := account(t, options(srv), func(o *Options) {
			entered := false
			o.Gate = func(_ context.Context, beside bool) (func(), error) {
				if entered && beside {
					return nil, reach.ErrFull
				}
				entered = true
				return func() {}, nil // it is never given back
			}
		})
		for range 3 {
			if err := noop(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			a.retire()
		}
	})
	t.Run("the one beside came to nothing", func(t *testing.T) {
		srv := script.Every(t, healthy)
		refused := make(chan struct{})
		var tries atomic.Int32
		var a *Account
		a = account(t, options(srv), func(o *Options) {
			o.Connections = 2
			o.Connect = func(ctx context.Context) (net.Conn, error) {
				if tries.Add(1) > 1 {
					return new(net.Dialer).DialContext(ctx, "tcp", o.Addr())
				}
				<-refused
				return nil, state.Faultf(state.Unreachable, "nobody is there")
			}
			first := true
			o.Gate = func(context.Context, bool) (func(), error) {
				if first {
					first = false
					return func() {}, nil
				}
				if a.pool.idle() == 2 { // both are being made
					close(refused)
					for a.pool.idle() == 2 {
						runtime.Gosched()
					}
					return nil, reach.ErrFull
				}
				return func() {}, nil
			}
		})
		other := make(chan error)
		go func() { other <- noop(t.Context(), a) }()
		for tries.Load() == 0 {
			runtime.Gosched()
		}
		for _, err := range []error{noop(t.Context(), a), <-other} {
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// An idle session that the server has ended is replaced without a word.
func TestPoolReplacesADeadSession(t *testing.T) {
	acct := boxes()
	var mu sync.Mutex
	scans := 0
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"EXAMINE": func(p *script.Peer, _ script.Command) bool {
			mu.Lock()
			defer mu.Unlock()
			if scans++; scans == 2 {
				p.Send("* BYE autologout")
				p.Close()
				return true
			}
			return false
		},
	}))
	a := account(t, options(srv))
	for range 3 {
		if err := noop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if srv.Accepted() != 2 {
		t.Errorf("%d connections", srv.Accepted())
	}
}

func TestPoolIsUsedAgain(t *testing.T) {
	left := make(chan struct{})
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"LOGOUT": func(*script.Peer, script.Command) bool {
		close(left)
		return false
	}}))
	a := account(t, options(srv), func(o *Options) { o.Connections = 3 })
	for range 5 {
		if err := noop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if srv.Accepted() != 1 {
		t.Errorf("%d connections for one thing at a time", srv.Accepted())
	}
	before := a.Commands()
	if want := int64(len(srv.Commands())); before != want {
		t.Errorf("Commands is %d, the server got %d", before, want)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	<-left // nobody waited for the answer
	if sent(srv, "LOGOUT") != 1 || a.Commands() != before+1 {
		t.Errorf("Close sent %q, Commands is %d", srv.Commands(), a.Commands())
	}
	if err := noop(t.Context(), a); err == nil {
		t.Error("a closed account works")
	}
}

// A hung server cannot hang Close.
func TestCloseEndsSoon(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"LOGOUT": func(p *script.Peer, _ script.Command) bool {
		p.Stall()
		return true
	}}))
	a := account(t, options(srv), func(o *Options) { o.Timeout = 50 * time.Millisecond })
	if err := noop(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := a.Close(); err != nil || time.Since(begun) > time.Second {
		t.Errorf("Close took %v: %v", time.Since(begun), err)
	}
}

// Near a server, short work waits for the session that is there; work that takes longer than a log-in gets one of its own.
func TestPoolMakesNoSessionThatDoesNotPay(t *testing.T) {
	var sessions atomic.Int32
	gate := make(chan struct{})
	healthy := script.Healthy(boxes(), script.Answers{"EXAMINE": func(p *script.Peer, cmd script.Command) bool {
		if strings.Contains(cmd.Args, "Long") {
			<-gate
		}
		return false
	}})
	srv := script.Every(t, func(p *script.Peer) {
		sessions.Add(1)
		healthy(p)
	})
	a := account(t, options(srv), func(o *Options) { o.Connections = 3 })
	s, err := a.acquire(t.Context(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	a.pool.mu.Lock()
	a.pool.took = near // as if making it had taken that long
	a.pool.mu.Unlock()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); err != nil {
				t.Error(err)
			}
		})
	}
	a.release(s)
	wg.Wait()
	if n := sessions.Load(); n != 1 {
		t.Errorf("%d sessions for short work", n)
	}
	wg.Go(func() { _, _ = a.Scan(t.Context(), state.ScanRequest{Raw: "Long"}) })
	for a.pool.idle() > 0 {
		runtime.Gosched()
	}
	if _, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); err != nil {
		t.Error(err)
	}
	if n := sessions.Load(); n != 2 {
		t.Errorf("%d sessions beside long work", n)
	}
	close(gate)
	wg.Wait()
}
