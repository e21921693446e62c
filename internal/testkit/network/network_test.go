package network

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/stage"
)

// talk sends octets through a network and reports whether they all came back.
func talk(t *testing.T, n *Network, octets int) bool {
	t.Helper()
	c, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, strings.Repeat("x", octets)); err != nil {
		return false
	}
	_, err = io.ReadFull(c, make([]byte, octets))
	return err == nil
}

func TestGoodNetworkPassesEverything(t *testing.T) {
	n, err := Start(stage.Echo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for range 20 {
		if !talk(t, n, 10000) {
			t.Fatal("a good network failed")
		}
	}
	if s := n.Struck(); s.Faults() != 0 || s.Connections != 20 {
		t.Errorf("%+v", s)
	}
}

func TestBadNetworkFailsNowAndThen(t *testing.T) {
	n, err := Start(stage.Echo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.SetBad(true)
	passed := 0
	for range 40 {
		if talk(t, n, 10000) {
			passed++
		}
	}
	if passed < 10 || passed > 35 {
		t.Errorf("%d of 40 connections came through", passed)
	}
	if s := n.Struck(); s.Faults() == 0 {
		t.Errorf("%+v", s)
	}
	n.SetBad(false)
	if !talk(t, n, 10000) {
		t.Error("it is still bad")
	}
}

func TestCutAllEndsWhatIsOpen(t *testing.T) {
	n, err := Start(stage.Echo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	c, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	n.CutAll()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
}
