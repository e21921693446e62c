package delay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"mailsync/internal/testkit/stage"
)

// A round trip takes at least as long as it should, everything arrives in order, and
// the end of what is sent is passed on.
func TestDelay(t *testing.T) {
	const rtt = 30 * time.Millisecond
	p, err := Start(stage.Echo(t), rtt)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		began := time.Now()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < rtt {
			t.Errorf("a round trip took %v", took)
		}
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d octets came back: %v", len(got), len(sent), err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Close ends what is open.
func TestClose(t *testing.T) {
	p, err := Start(stage.Echo(t), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}
