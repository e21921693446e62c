package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

func TestSilenceBreaksTheConnection(t *testing.T) {
	for name, answer := range map[string]string{
		"before an answer": "X: stall",
		"inside a line":    "S= \"* 3 EXI\"\nX: stall",
		"inside a literal": "S= \"* 1 FETCH (UID 7 BODY[] {100}\\r\\nabc\"\nX: stall",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "C: UID FETCH *\n"+answer, Options{Timeout: 50 * time.Millisecond})
			if _, err := r.fetch(imap.UIDSetNum(7, 8), bodies); err == nil {
				t.Error("fetch went well")
			}
			err := r.conn.LastError()
			if state.KindOf(err) != state.Unreachable || !errors.Is(err, os.ErrDeadlineExceeded) || state.HintOf(err) == "" {
				t.Errorf("broke with %v", err)
			}
		})
	}
}

func TestAnIdleConnectionMayStaySilent(t *testing.T) {
	s := script.New(t, script.Play("S: * OK [CAPABILITY IMAP4rev1] hi\nC: NOOP\nS: $tag OK"))
	under := &deadlines{Conn: s.Dial(), read: make(chan time.Time, 100)}
	client := imapclient.New(New(under, Options{Timeout: time.Hour}), nil)
	defer client.Close()
	for !(<-under.read).IsZero() {
		// one is set while the greeting is waited for
	}
	if err := client.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	if (<-under.read).IsZero() {
		t.Error("no deadline while a command waits")
	}
	for !(<-under.read).IsZero() {
		// the answer takes it off: this ends, or the test does not
	}
}

// deadlines is a connection that tells of its read deadlines.
type deadlines struct {
	net.Conn
	read chan time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read <- at
	return d.Conn.SetReadDeadline(at)
}

func TestALiteralCutOffIsNoCleanEnd(t *testing.T) {
	answer := "* 1 FETCH (UID 7 BODY[] {10}\r\n0123456789)\r\n"
	for cut := 1; cut < len(answer); cut++ {
		s := script.New(t, func(p *script.Peer) {
			p.Send("* OK [CAPABILITY IMAP4rev1] hi")
			p.Expect("UID FETCH *")
			p.CutAfter(int64(cut))
			p.Raw([]byte(answer))
		})
		r := newRigOn(t, s, Options{})
		_, err := r.fetch(imap.UIDSetNum(7, 8), bodies)
		if err == nil {
			t.Fatalf("cut after %d octets: no error", cut)
		}
		if err := r.conn.LastError(); !errors.Is(err, io.ErrUnexpectedEOF) || state.KindOf(err) != state.Unreachable {
			t.Fatalf("cut after %d octets: broke with %v", cut, err)
		}
	}
}

func TestAResetIsExplained(t *testing.T) {
	r := newRig(t, "C: NOOP\nS: * BYE [UNAVAILABLE] come back later\nX: reset", Options{})
	if err := r.client.Noop().Wait(); err == nil {
		t.Error("NOOP went well")
	}
	err := r.conn.LastError()
	if state.KindOf(err) != state.Unreachable || !strings.Contains(err.Error(), "come back later") {
		t.Errorf("broke with %v", err)
	}
}

func TestAnotherProtocolIsRefused(t *testing.T) {
	s := script.New(t, script.Play("S: 220 smtp.example.org ESMTP"))
	c := New(s.Dial(), Options{})
	_, err := c.Read(make([]byte, 100))
	if state.KindOf(err) != state.Unreachable || !strings.Contains(err.Error(), "220 smtp") || state.HintOf(err) == "" {
		t.Errorf("read: %v", err)
	}
}

func TestCloseEndsEverythingAtOnce(t *testing.T) {
	sent := make(chan struct{})
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect("UID FETCH *")
		p.Raw([]byte("* 1 FETCH (UID 7 BODY[] {100}\r\nabc"))
		close(sent)
		p.Stall()
	})
	r := newRigOn(t, s, Options{Timeout: time.Hour})
	ended := make(chan error)
	go func() {
		_, err := r.fetch(imap.UIDSetNum(7, 8), bodies)
		ended <- err
	}()
	<-sent
	ours := make(chan error)
	go func() {
		_, err := r.conn.Do(context.Background(), "NOOP", nil)
		ours <- err
	}()
	if err := r.conn.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("fetch went well")
	}
	if err := <-ours; !errors.Is(err, net.ErrClosed) {
		t.Errorf("our command: %v", err)
	}
	if err := r.client.Noop().Wait(); err == nil {
		t.Error("a command went well on a closed connection")
	}
	if err := r.conn.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestAGreetingReadBeforeIsReadAgain(t *testing.T) {
	s := script.New(t, script.Play("C: CAPABILITY\nS: * CAPABILITY IMAP4rev1 IDLE\nS: $tag OK"))
	r := newRigOn(t, s, Options{Greeting: "* OK encrypted now"})
	if !r.client.Caps().Has(imap.CapIdle) {
		t.Errorf("capabilities %v", r.client.Caps())
	}
}

func TestTheTraceHoldsNoSecrets(t *testing.T) {
	var log lockedBuffer
	s := script.New(t, script.Play(`S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi
		C: AUTHENTICATE PLAIN
		S: +
		L: *
		S: $tag NO what is c2VjcmV0 or hunter22 to you
		C: LOGIN * *
		S: $tag BAD cannot parse ada hunter22
		C: LOGIN * *
		S: $tag OK [CAPABILITY IMAP4rev1] in
		C: UID FETCH *
		S: * 1 FETCH (UID 7 BODY[] @{body})
		S: $tag OK done`, script.Vars{"body": "private words"}))
	r := newRigOn(t, s, Options{Trace: &log})
	_ = r.client.Authenticate(saslPlain{"ada", "hunter22"})
	_ = r.client.Login("ada", "hunter22").Wait()
	if err := r.client.Login("adä", "hünter22").Wait(); err != nil { // in literals
		t.Fatal(err)
	}
	if _, err := r.fetch(imap.UIDSetNum(7), bodies); err != nil {
		t.Fatal(err)
	}
	got := log.String()
	for _, secret := range []string{"hunter22", "nter22", "AGFkYQBodW50ZXIyMg==", "private"} {
		if strings.Contains(got, secret) {
			t.Errorf("the trace shows %q:\n%s", secret, got)
		}
	}
	for _, wanted := range []string{"C: T1 AUTHENTICATE PLAIN", "C: T2 LOGIN ***", "S: T2 BAD cannot parse", "<13 octets>", "C: T4 UID FETCH 7"} {
		if !strings.Contains(got, wanted) {
			t.Errorf("the trace lacks %q:\n%s", wanted, got)
		}
	}
}

// saslPlain is SASL PLAIN.
type saslPlain struct{ user, password string }

func (p saslPlain) Start() (string, []byte, error) {
	return "PLAIN", []byte("\x00" + p.user + "\x00" + p.password), nil
}

func (p saslPlain) Next([]byte) ([]byte, error) { return nil, errors.New("no challenge expected") }

// BenchmarkBody measures what a body costs on its way through.
func BenchmarkBody(b *testing.B) {
	const size = 64 << 20
	head, tail := []byte("* 1 FETCH (UID 7 BODY[] {67108864}\r\n"), []byte(")\r\n")
	for _, piece := range []int{4 << 10, 32 << 10, 256 << 10} {
		b.Run(strconv.Itoa(piece), func(b *testing.B) {
			b.SetBytes(size)
			buf := make([]byte, piece)
			for b.Loop() {
				c := New(&source{parts: [][]byte{[]byte("* OK hi\r\n"), head}, zeros: size, tail: tail}, Options{Timeout: time.Minute})
				if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, buf); err != nil || n < size {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkFlags measures what one line of a listing costs on its way through.
func BenchmarkFlags(b *testing.B) {
	line := []byte("* 1234 FETCH (UID 56789 FLAGS (\\Seen \\Answered $Forwarded) INTERNALDATE \"02-Jan-2024 03:04:05 +0000\" RFC822.SIZE 4711)\r\n")
	const lines = 10_000
	data := append([]byte("* OK hi\r\n"), bytes.Repeat(line, lines)...)
	buf := make([]byte, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		c := New(&canned{data: data, piece: len(data)}, Options{})
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, buf)
		if err != nil || n != int64(len(data)) {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
}

var block = bytes.Repeat([]byte("(a line that looks like an answer {12}\r\n"), 8<<10)

// source is a connection from which a body comes as fast as it is read.
type source struct {
	net.Conn
	parts [][]byte
	zeros int
	tail  []byte
}

func (s *source) Read(b []byte) (int, error) {
	switch {
	case len(s.parts) > 0:
		n := copy(b, s.parts[0])
		s.parts = s.parts[1:]
		return n, nil
	case s.zeros > 0:
		n := copy(b[:min(len(b), s.zeros)], block)
		s.zeros -= n
		return n, nil
	}
	n := copy(b, s.tail)
	s.tail = s.tail[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *source) Write(b []byte) (int, error)      { return len(b), nil }
func (s *source) Close() error                     { return nil }
func (s *source) SetReadDeadline(time.Time) error  { return nil }
func (s *source) SetWriteDeadline(time.Time) error { return nil }

// lockedBuffer is a Buffer that several goroutines use.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// What the server sent before it closed the connection is read, though the next command cannot be sent.
func TestACommandThatCannotBeSentLosesNoAnswer(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.MayEnd = true
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect("UID SEARCH ALL")
		p.Send("* SEARCH 5 7")
		p.Send("$tag OK")
		p.Send("* BYE no more")
	})
	under := &hungUp{Conn: s.Dial(), refused: make(chan struct{})}
	conn := New(under, Options{})
	client := imapclient.New(conn, nil)
	defer client.Close()
	if err := client.WaitGreeting(); err != nil {
		t.Fatal(err)
	}
	var heard string
	first, err := conn.Send(t.Context(), "UID SEARCH ALL", func(l Line) error { heard += l.Text; return nil })
	if err != nil {
		t.Fatal(err)
	}
	second, err := conn.Send(t.Context(), "UID SEARCH 9", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Wait(t.Context()); err != nil || heard != "SEARCH 5 7" {
		t.Errorf("%q, %v", heard, err)
	}
	if _, err := second.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "no more") {
		t.Errorf("the second ended with %v", err)
	}
}

// hungUp is a connection on which one command can be sent, and nothing is read of its answer before another one was refused.
type hungUp struct {
	net.Conn
	sent    bool
	refused chan struct{}
	greeted bool
}

func (h *hungUp) Write(b []byte) (int, error) {
	if h.sent {
		close(h.refused)
		return 0, &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}
	}
	h.sent = true
	return h.Conn.Write(b)
}

func (h *hungUp) Read(b []byte) (int, error) {
	if h.greeted {
		<-h.refused
	}
	h.greeted = true
	return h.Conn.Read(b)
}
