package imap

import (
	"context"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// session is one connection that is logged in. One goroutine uses it at a time.
//
// Its imapclient is never closed with Close, which waits for a reader that may wait
// for us: the socket is closed, and the reader ends by itself.
type session struct {
	a       *Account
	w       *wire.Conn
	under   *orderly
	c       *imapclient.Client
	caps    goimap.CapSet
	at      *opened     // what was selected last, nil before
	ahead   *selecting  // what is selected for the next one, if that is so
	broken  atomic.Bool // the connection cannot be used any more
	retired atomic.Bool // it is not to be used again
	heard   heard
	secret  reach.Secret // for login
	uidOnly bool         // no sequence numbers are sent (RFC 9586)
	renewed bool         // the token was refused on the connection before, and is another one now
}

// newSession makes a session of a connection; greeting is the server's, if it was read before.
func newSession(a *Account, conn net.Conn, greeting string) *session {
	s := &session{a: a, heard: heard{show: a.notice}}
	s.w = wire.New(conn, wire.Options{
		Timeout:  a.o.Timeout,
		ReadOnly: a.o.ReadOnly,
		Greeting: greeting,
		Trace:    a.o.Trace,
		Secrets:  a.o.Secrets,
		Repaired: s.onRepair,
		OnText:   s.heard.take,
	})
	s.under = &orderly{Conn: s.w, readerEnded: make(chan struct{})}
	s.c = imapclient.New(s.under, nil)
	go func() {
		<-s.c.Closed()
		close(s.under.readerEnded)
	}()
	return s
}

// orderly keeps imapclient from ending its commands, on a write that failed, while its
// reader hands answers to them: that would be a send on a closed channel. The reader ends
// by itself, for wire closes the connection, and then ends the commands.
type orderly struct {
	*wire.Conn
	readerEnded chan struct{}
	fetching    atomic.Bool // commands are sent behind others, and drained once they were sent

	mu     sync.Mutex
	ending bool // the reader reads no more, and ends the commands that were begun before
}

// Write is wire's. A failure is returned only after the reader has ended; but while messages
// are fetched the reader may be waiting, in the middle of a body, for the command that is
// written here to be drained. That command counts as written then: the reader ends it.
func (o *orderly) Write(b []byte) (int, error) {
	n, err := o.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	o.mu.Lock()
	ending := o.ending
	o.mu.Unlock()
	if o.fetching.Load() && !ending {
		return len(b), nil
	}
	<-o.readerEnded
	return n, err
}

// Close is called by imapclient's reader, before it ends the commands.
func (o *orderly) Close() error {
	o.mu.Lock()
	o.ending = true
	o.mu.Unlock()
	return o.Conn.Close()
}

func (s *session) onRepair(r wire.Repair) {
	level := slog.LevelDebug
	if r.Lost {
		level = slog.LevelWarn
	}
	s.a.o.Log.Log(context.Background(), level, "unusual answer of the server: "+r.What, "mailbox", reach.Clean(r.Mailbox), "uid", r.UID, "text", r.Excerpt)
}

// watch breaks the connection when ctx ends, so that whoever waits on it wakes up.
// stop ends the watch.
func (s *session) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, s.drop)
}

// drop closes the socket. It may be called at any time and more than once.
func (s *session) drop() {
	s.broken.Store(true)
	_ = s.w.Close() // nothing is left to lose on it
}

// step runs one stage of making a connection, and ends it with the timeout.
func (s *session) step(ctx context.Context, f func(ctx context.Context) error) error {
	silent := state.Faultf(state.Unreachable, "%w", state.InWords(os.ErrDeadlineExceeded, "%s did not let us in within %v", s.a.o.Addr(), s.a.o.Timeout)).
		WithHint("the server is down or slow, or a firewall drops the connection")
	limited, cancel := context.WithTimeoutCause(ctx, s.a.o.Timeout, silent)
	defer cancel()
	defer s.watch(limited)()
	return f(limited)
}

// goodbye is how long the server may take to answer LOGOUT.
const goodbye = time.Second

// leave says goodbye and closes. Everything is answered by then, so nobody waits for what the server says to that.
func (s *session) leave() {
	if !s.broken.Load() {
		_ = s.c.Logout()
	}
	s.drop()
}

// logout is leave that gives the server a moment to answer, so that another connection may take the place of this one.
func (s *session) logout() {
	if !s.broken.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), min(s.a.o.Timeout, goodbye))
		defer cancel()
		stop := s.watch(ctx)
		_ = s.c.Logout().Wait() // the answer changes nothing
		stop()
	}
	s.drop()
}
