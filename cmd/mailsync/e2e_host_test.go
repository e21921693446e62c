package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"mailsync/cmd/mailsync/demo"
)

// crowd lets connections through to a server, and counts how many there are at once.
type crowd struct {
	mu              sync.Mutex
	now, most, made int
}

func (c *crowd) serve(l net.Listener, to string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		c.count(1)
		go func() {
			defer c.count(-1)
			defer in.Close()
			out, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(out, in); out.Close() }() // until one of both hangs up
			_, _ = io.Copy(in, out)
		}()
	}
}

func (c *crowd) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.made += max(n, 0)
	c.most = max(c.most, c.now)
}

// A server that lets one address have few connections is never asked for more, by however many accounts, and every account is done.
func TestConnectionsOfAllAccountsToAHost(t *testing.T) {
	var samples []demo.Sample
	for i := range 8 {
		samples = append(samples, demo.Sample{Mailbox: fmt.Sprintf("Box%d", i%2), Date: demo.Begin, Text: []byte(demo.Letter("a@b.example", strconv.Itoa(i), "text/plain", "x\r\n"))})
	}
	server, err := demo.StartIMAP(samples)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, dir)
	}
	t.Setenv("PW", demo.Password)
	for _, c := range []struct {
		keys string
		most int
	}{{"", 16}, {"host_connections = 3\n", 3}, {"host_connections = 1\n", 1}} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		here := &crowd{}
		go here.serve(listener, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)))
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		text := "[defaults]\nhost = \"127.0.0.1\"\nport = " + port + "\ntls = \"none\"\nuser = \"ada\"\npassword_env = \"PW\"\n" + c.keys +
			fmt.Sprintf("maildir = %q\n", filepath.ToSlash(dir)+"/"+port+"/{account}")
		const accounts = 30
		for i := range accounts {
			text += fmt.Sprintf("[accounts.u%d]\n", i)
		}
		file := filepath.Join(dir, "c.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{": 8 fetched", ": nothing to do"} {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"sync", "-c", file}, &stdout, &stderr); code != 0 || strings.Count(stdout.String(), want) != accounts {
				t.Errorf("%s: exit %d\n%s%s", c.keys, code, &stdout, &stderr)
			}
		}
		listener.Close()
		here.mu.Lock()
		// One that the program has closed is counted until the proxy notices, which may be after the next one was made.
		if here.most > c.most+c.most/2+1 || here.made < 2*accounts {
			t.Errorf("%s: %d connections at once, want at most %d; %d in all", c.keys, here.most, c.most, here.made)
		}
		t.Logf("%q: %d at once of %d, %d in all", c.keys, here.most, c.most, here.made)
		here.mu.Unlock()
	}
}
