package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"mailsync/state"
)

// Conn is a connection that imapclient can be put on. One goroutine may read, one may
// write, and any may call the other methods.
type Conn struct {
	net.Conn
	o        Options
	loose    atomic.Bool
	commands atomic.Int64
	goAheads atomic.Int64
	in, out  atomic.Int64
	packed   atomic.Bool // compression is on

	rd input  // of the goroutine that reads
	wr output // of the holder of wmu

	wmu     sync.Mutex // one writer at a time
	telling sync.Mutex // an answer is being handed to a command of ours
	traceMu sync.Mutex

	mu       sync.Mutex  // everything below
	turn     *sync.Cond  // pending, mine or closed changed
	pending  []*command  // sent and not answered, in that order
	mine     []*injected // commands of our own that are under way, oldest first
	sending  bool        // a command is sent in part
	greeted  bool
	ended    bool // LOGOUT was answered
	closed   bool
	cause    error
	bye      string // the last BYE's text
	selected string
	exists   int64 // the highest EXISTS since the mailbox was selected, -1 unknown
	onText   func(kind, code, text string, tagged bool)
	progress progress
}

// New puts a Conn on a connection that is up, TLS included: no byte is read before
// the client reads.
func New(conn net.Conn, o Options) *Conn {
	c := &Conn{Conn: conn, o: o.withDefaults(), exists: -1}
	c.turn = sync.NewCond(&c.mu)
	c.progress.upTo = time.Now()
	c.rd.buf = make([]byte, 64<<10)
	c.rd.src = puller{c}
	c.wr.dst = pusher{c}
	if o.Greeting != "" {
		c.greeted = true
		c.rd.out = append([]byte(o.Greeting), "\r\n"...)
	}
	return c
}

// Commands returns how many commands were sent, the client's and ours.
func (c *Conn) Commands() int64 { return c.commands.Load() }

// GoAheads returns how many continuation requests came that the client waited for.
func (c *Conn) GoAheads() int64 { return c.goAheads.Load() }

// BytesRead returns how many octets came from the connection, compressed ones if
// compression is on.
func (c *Conn) BytesRead() int64 { return c.in.Load() }

// BytesWritten returns how many octets went to the connection.
func (c *Conn) BytesWritten() int64 { return c.out.Load() }

// LastError returns why the connection broke, nil while it has not: the first cause,
// which imapclient's own errors often hide. Being closed from here is no cause.
func (c *Conn) LastError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// OnText sets who gets the status texts, which imapclient loses: kind is OK, NO, BAD, BYE or
// PREAUTH, code the response code with its arguments ("ALERT", "MODIFIED 7,9", "" for
// none), text what follows, without secrets. It is told of every one, untagged and tagged.
func (c *Conn) OnText(f func(kind, code, text string, tagged bool)) {
	c.mu.Lock()
	c.onText = f
	c.mu.Unlock()
}

// SetDeadline does nothing: the connection keeps its own deadlines.
func (c *Conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: the connection keeps its own deadlines.
func (c *Conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: the connection keeps its own deadlines.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Close closes the connection at once; what reads, writes or waits returns. Closing
// twice is no error.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	polite := c.cause == nil && len(c.pending) == 0 && len(c.mine) == 0 && !c.sending
	for _, cmd := range c.mine {
		cmd.done <- outcome{err: c.why()}
	}
	c.mine = nil
	c.turn.Broadcast()
	c.mu.Unlock()
	if !polite {
		// TLS would wait for room to say good-bye in.
		if under, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
			_ = under.NetConn().Close()
		}
	}
	err := c.Conn.Close()
	if polite {
		return err
	}
	return nil
}

// why returns what a command fails with on a closed connection. c.mu is held.
func (c *Conn) why() error {
	if c.cause != nil {
		return c.cause
	}
	return net.ErrClosed
}

// fail breaks the connection. It returns the first cause, or net.ErrClosed where the
// connection was closed from here.
func (c *Conn) fail(err error) error {
	c.mu.Lock()
	switch {
	case c.cause != nil:
		err = c.cause
	case c.closed:
		err = net.ErrClosed
	default:
		c.cause = err
	}
	c.mu.Unlock()
	_ = c.Close()
	return err
}

// explain turns an error of the connection into one that says what it means here.
func (c *Conn) explain(err error, during string) error {
	var fault *state.Fault
	switch {
	case errors.As(err, &fault) || errors.Is(err, net.ErrClosed):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded) && c.impatient():
		return state.Faultf(state.Unreachable, "no progress for %v %s: the server talks of other things, or too slowly: %w",
			patience*c.o.Timeout, during, err).
			WithHint("the server is busy or not in order; try again later, or raise the account's timeout")
	case errors.Is(err, os.ErrDeadlineExceeded):
		f := state.Faultf(state.Unreachable, "no byte for %v %s: %w", c.o.Timeout, during, err)
		if c.packed.Load() {
			// The standard library unpacks a block only when the next one begins, and a
			// server may flush without beginning one.
			return f.WithHint(`the server or the way to it hangs; if it does so each time, set compress = "never" for this account`)
		}
		return f.WithHint("the server or the way to it hangs; try again later, or raise the account's timeout")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return state.Faultf(state.Unreachable, "connection closed by the server %s%s: %w", during, c.lastWords(), io.ErrUnexpectedEOF)
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return state.Faultf(state.Unreachable, "compressed data garbled %s: %w", during, err).
			WithHint(`set compress = "never" for this account`)
	}
	return state.Faultf(state.Unreachable, "connection lost %s%s: %w", during, c.lastWords(), err)
}

// impatient reports whether the deadline that was set last is the end of our patience.
func (c *Conn) impatient() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.progress.outOf
}

// lastWords is what the server's BYE said.
func (c *Conn) lastWords() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bye == "" {
		return ""
	}
	return ", which said " + Quote(c.bye)
}

const idleWait = 30 * time.Minute // RFC 2177: a server may log out after 30 minutes of IDLE

// arm sets the deadline of the reads to come. c.mu is held: a writer that begins a
// command must not have its deadline taken off by a reader that saw none.
func (c *Conn) arm(mid bool) {
	if c.o.Timeout <= 0 || c.closed {
		return
	}
	var at time.Time
	now, wait := time.Now(), c.o.Timeout
	c.progress.count(now)
	c.progress.outOf = false
	switch {
	case len(c.pending) == 1 && c.pending[0].verb == "IDLE" && c.pending[0].conts == 0:
		if !mid {
			wait = max(wait, idleWait)
		}
		at = now.Add(wait)
	case len(c.pending) > 0 || len(c.mine) > 0 || c.sending || !c.greeted:
		if left := patience*wait - c.progress.waited; left < wait {
			wait, c.progress.outOf = left, true
		}
		at = now.Add(wait)
	case mid:
		at = now.Add(wait)
	}
	_ = c.Conn.SetReadDeadline(at)
}

// puller reads from the connection.
type puller struct{ c *Conn }

func (p puller) Read(b []byte) (int, error) {
	c := p.c
	c.mu.Lock()
	c.arm(c.rd.mid)
	c.progress.reading = true
	c.mu.Unlock()
	n, err := c.Conn.Read(b)
	c.in.Add(int64(n))
	c.mu.Lock()
	c.progress.came(n)
	c.mu.Unlock()
	if n > 0 {
		return n, nil // an error comes again
	}
	return 0, err
}

// pusher writes to the connection.
type pusher struct{ c *Conn }

func (p pusher) Write(b []byte) (int, error) {
	c, done := p.c, 0
	for done < len(b) {
		part := b[done:min(len(b), done+32<<10)]
		if c.o.Timeout > 0 {
			_ = c.Conn.SetWriteDeadline(time.Now().Add(c.o.Timeout))
		}
		n, err := c.Conn.Write(part)
		done += n
		c.out.Add(int64(n))
		if err != nil {
			return done, err
		}
		// While something is sent, nothing need come.
		c.mu.Lock()
		c.progress.moved()
		c.arm(true)
		c.mu.Unlock()
	}
	return done, nil
}

// deflate puts compression on both directions (RFC 4978). It is called by the
// goroutine that reads, when the OK of our COMPRESS was read and nobody can write.
func (c *Conn) deflate() error {
	rest := bytes.Clone(c.rd.buf[c.rd.r:c.rd.w])
	c.rd.r, c.rd.w = 0, 0
	c.rd.src = flate.NewReader(io.MultiReader(bytes.NewReader(rest), puller{c}))
	fw, err := flate.NewWriter(pusher{c}, flate.DefaultCompression)
	c.wr.flate = fw
	c.packed.Store(true)
	return err
}
