package servers

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A test that is killed takes its servers with it.
func TestServersEndWithTheTest(t *testing.T) {
	const child = "MAILSYNC_SERVERS_CHILD"
	if os.Getenv(child) != "" {
		srv := Dovecot(t)
		fmt.Printf("\n%s %s %s\n", child, srv.IMAP, srv.Dir)
		<-t.Context().Done() // killed long before
		return
	}
	need(t, "Dovecot", dovecotProgram)
	cmd := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheTest$")
	cmd.Env = append(os.Environ(), child+"=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addr, dir string
	for lines := bufio.NewScanner(out); addr == "" && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), child+" "); ok {
			addr, dir, _ = strings.Cut(rest, " ")
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if addr == "" {
		t.Fatal("the child started no server")
	}
	defer os.RemoveAll(dir)
	for deadline := time.Now().Add(readyWithin); ; {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server outlived the test")
		}
	}
}
