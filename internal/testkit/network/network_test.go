package network

import (
	"io"
	"net"
	"runtime"
	"testing"
)

// A connection that went silent is over as soon as one of its ends is, also the one that talked last: tests count what is left.
func TestSilentConnectionsEnd(t *testing.T) {
	for name, talk := range map[string]func(client, server net.Conn) net.Conn{
		"the client talks":             func(client, server net.Conn) net.Conn { _, _ = io.WriteString(client, "hello"); return client },
		"the server talks":             func(client, server net.Conn) net.Conn { _, _ = io.WriteString(server, "hello"); return client },
		"the client talks to the last": func(client, server net.Conn) net.Conn { _, _ = io.WriteString(client, "hello"); return server },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			pair := func() (near net.Conn, far *net.TCPConn) {
				near, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { near.Close() })
				conn, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				return near, conn.(*net.TCPConn)
			}
			client, here := pair()
			server, there := pair()
			n := &Network{open: map[*link]bool{}}
			link := &link{client: here, server: there, fault: silent, over: make(chan struct{})}
			n.join(link)
			ends := talk(client, server)
			for !link.struck.Load() {
				runtime.Gosched()
			}
			ends.Close()
			n.done.Wait()
		})
	}
}
