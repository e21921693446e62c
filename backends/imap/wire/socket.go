package wire

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"mailsync/state"
)

// socket is the way to the server and back: octets, counted, under deadlines, compressed or
// not.
type socket struct {
	conn    net.Conn
	x       *exchange
	in, out atomic.Int64

	src    io.Reader
	mid    bool // a response has begun
	pack   *flate.Writer
	packed atomic.Bool // compression is on
}

func newSocket(conn net.Conn, x *exchange) *socket {
	k := &socket{conn: conn, x: x}
	k.src = puller{k}
	return k
}

// puller reads from the connection.
type puller struct{ *socket }

func (k puller) Read(b []byte) (int, error) {
	k.x.reads(k.mid)
	n, err := k.conn.Read(b)
	k.in.Add(int64(n))
	k.x.wasRead(n)
	if n > 0 {
		return n, nil // the next read returns the error again
	}
	return 0, err
}

// pusher writes to the connection.
type pusher struct{ *socket }

func (k pusher) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		part := b[done:min(len(b), done+32<<10)]
		if k.x.timeout > 0 {
			_ = k.conn.SetWriteDeadline(time.Now().Add(k.x.timeout))
		}
		n, err := k.conn.Write(part)
		done += n
		k.out.Add(int64(n))
		if err != nil {
			return done, err
		}
		k.x.wasSent()
	}
	return done, nil
}

// push sends octets as they are.
func (k *socket) push(b []byte) error {
	if k.pack == nil {
		_, err := pusher{k}.Write(b)
		return err
	}
	if _, err := k.pack.Write(b); err != nil {
		return err
	}
	return k.pack.Flush()
}

// tell is push of a complete command. That the other side has closed the connection is not an error here: answers that it
// sent before, and its BYE, can still be read, and whoever reads them comes to the end.
func (k *socket) tell(b []byte) error {
	err := k.push(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}

// deflate puts compression on both directions (RFC 4978), rest being what was read already.
// It is called by the goroutine that reads, when the OK of our COMPRESS was read and nobody
// can write.
func (k *socket) deflate(rest []byte) error {
	k.src = flate.NewReader(io.MultiReader(bytes.NewReader(rest), puller{k}))
	fw, err := flate.NewWriter(pusher{k}, flate.DefaultCompression)
	k.pack = fw
	k.packed.Store(true)
	return err
}

// explain turns an error of the connection into one with what it means here.
func (k *socket) explain(err error, during string) error {
	var fault *state.Fault
	switch {
	case errors.As(err, &fault) || errors.Is(err, net.ErrClosed):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded) && k.x.impatient():
		return state.Faultf(state.Unreachable, "%w", state.InWords(err, "no progress for %v %s: the server sends other things, or too slowly",
			patience*k.x.timeout, during)).
			WithHint("the server is busy or out of order; try again later, or raise the account's timeout")
	case errors.Is(err, os.ErrDeadlineExceeded):
		f := state.Faultf(state.Unreachable, "%w", state.InWords(err, "no byte for %v %s", k.x.timeout, during))
		if k.packed.Load() {
			// The standard library unpacks a block only when the next one begins, and a
			// server may flush without beginning one.
			return f.WithHint(`the server or the way to it hangs; if it does so each time, set compress = "never" for this account`)
		}
		return f.WithHint("the server or the way to it hangs; try again later, or raise the account's timeout")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return state.Faultf(state.Unreachable, "%w", state.InWords(io.ErrUnexpectedEOF, "connection closed by the server %s%s", during, k.x.ended().lastWords()))
	}
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) {
		return state.Faultf(state.Unreachable, "%w", state.InWords(err, "compressed data garbled %s", during)).
			WithHint(`set compress = "never" for this account`)
	}
	if text := state.PlainText(err); text != err.Error() { // "connection reset", say
		return state.Faultf(state.Unreachable, "%w", state.InWords(err, "%s %s%s", text, during, k.x.ended().lastWords()))
	}
	return state.Faultf(state.Unreachable, "connection lost %s%s: %w", during, k.x.ended().lastWords(), err)
}
