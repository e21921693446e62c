//go:build unix

package main_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/freeport"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// plain reaches an address without TLS, which is allowed on loopback.
func plain(addr string, more ...string) settings {
	host, port, _ := strings.Cut(addr, ":")
	return append(settings{fmt.Sprintf("host = %q", host), "port = " + port, `tls = "none"`}, more...)
}

func TestServerThatCannotBeHad(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	lay(t, srv, 7, 5)

	t.Run("nobody listens", func(t *testing.T) {
		w := newWorld(t, bin, srv)
		nobody, err := freeport.Take()
		if err != nil {
			t.Fatal(err)
		}
		w.configure(plain(nobody, `max_wait = "1s"`))
		o := w.sync()
		o.want(t, 5)
		if o.account.Status != "failed" || len(o.account.Errors) == 0 {
			t.Errorf("--json: %+v", o.account)
		}
	})
	t.Run("no such host", func(t *testing.T) {
		w := newWorld(t, bin, srv)
		w.configure(settings{`host = "no-such-host.invalid"`, `max_wait = "1s"`})
		w.sync().want(t, 5)
	})
	t.Run("wrong password", func(t *testing.T) {
		w := newWorld(t, bin, srv)
		w.configure(append(serverSettings(srv), `password = "wrong-horse"`))
		o := w.sync()
		o.want(t, 4)
		if strings.Contains(o.Stdout+o.Stderr, "wrong-horse") {
			t.Error("the password is in the output")
		}
	})
	t.Run("a certificate of nobody we know", func(t *testing.T) {
		w := newWorld(t, bin, srv)
		host, port, _ := strings.Cut(srv.IMAPS, ":")
		w.configure(settings{fmt.Sprintf("host = %q", host), "port = " + port, `max_wait = "1s"`})
		o := w.sync()
		o.want(t, 5)
		if !strings.Contains(o.Stderr, "hint:") {
			t.Errorf("no hint:\n%s", o.Stderr)
		}
	})
	t.Run("one account does not stop another", func(t *testing.T) {
		w := newWorld(t, bin, srv)
		good, err := os.ReadFile(w.config)
		if err != nil {
			t.Fatal(err)
		}
		second := strings.ReplaceAll(string(good), "[accounts.work]", "[accounts.other]")
		second = strings.ReplaceAll(second, w.root, filepath.Join(w.dir, "mail2"))
		second = strings.ReplaceAll(second, `"`+servers.Password+`"`, `"wrong-horse"`)
		if err := os.WriteFile(w.config, append(good, second...), 0o600); err != nil {
			t.Fatal(err)
		}
		w.run("sync").want(t, 4)
		if len(digests(t, w.root)) == 0 {
			t.Error("the good account has nothing")
		}
	})
}

// A server that stops talking is given up within three times the timeout, wherever it
// stops.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	const timeout = 2 * time.Second
	for _, c := range []struct {
		name, tls string
		says      []string // one after each line that comes
	}{
		{"before TLS", "implicit", nil},
		{"before the greeting", "none", nil},
		{"after the greeting", "none", []string{"* OK ready\r\n"}},
		{"in the middle of a line", "none", []string{"* OK ready\r\n", "* CAPABI"}},
		{"after the log-in", "none", []string{"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n", "TAG OK [CAPABILITY IMAP4rev1] in\r\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr, _ := hangs(t, c.says)
			w := &world{t: t, bin: bin, dir: t.TempDir()}
			w.root, w.config = filepath.Join(w.dir, "mail"), filepath.Join(w.dir, "config.toml")
			host, port, _ := strings.Cut(addr, ":")
			w.configure(settings{fmt.Sprintf("host = %q", host), "port = " + port, fmt.Sprintf("tls = %q", c.tls),
				fmt.Sprintf("timeout = %q", timeout), fmt.Sprintf("max_wait = %q", timeout)})
			o := w.sync()
			o.want(t, 5)
			if o.Took > 3*timeout {
				t.Errorf("it took %v with a timeout of %v", o.Took, timeout)
			}
		})
	}
}

// hangs listens, says its lines (TAG is the tag of the line that came), and then nothing
// more. The channel gets a value for each connection.
func hangs(t *testing.T, says []string) (string, <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	came := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			came <- struct{}{}
			go func() {
				buf := make([]byte, 4096)
				tag := ""
				for _, line := range says {
					if _, err := conn.Write([]byte(strings.ReplaceAll(line, "TAG", tag))); err != nil {
						return
					}
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					tag, _, _ = strings.Cut(string(buf[:n]), " ")
				}
			}()
		}
	}()
	return l.Addr().String(), came
}

// A disk that fills up ends the run with 8 and harms nothing; with room again all
// arrives.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	client, n := lay(t, srv, 8, 300)
	for _, c := range []struct{ name, small string }{
		{"no room for the listed sizes", "size=1m"},
		{"no room for more files", "size=500m,nr_inodes=200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, bin, srv)
			mount(t, w.root, c.small)
			o := w.sync()
			o.want(t, 8)
			if o.account.Outstanding == 0 && o.account.Here == n {
				t.Fatal("the disk was not full")
			}
			remount := exec.Command("mount", "-o", "remount,size=500m,nr_inodes=100000", w.root)
			if out, err := servers.Output(remount); err != nil {
				t.Fatalf("remount: %v %s", err, out)
			}
			w.syncOK()
			if got := compareAll(t, client, w.root); got != n {
				t.Errorf("%d messages, want %d", got, n)
			}
		})
	}
}

// mount puts a small file system of its own at a folder, which only root can.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := servers.Output(exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir)); err != nil {
		t.Skipf("a full disk needs a file system to fill, and this user may not mount one: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := servers.Output(exec.Command("umount", dir)); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
}

// A known root that is gone or empty is not a first run.
func TestRootGone(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	client, n := lay(t, srv, 9, 60)
	w := newWorld(t, program.Path(t), srv)
	w.syncOK()
	away := filepath.Join(w.dir, "away")
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(w.root, away)
	w.sync().want(t, 8)
	if _, err := os.Stat(filepath.Join(w.root, "INBOX")); err == nil {
		t.Error("INBOX was made below a root that is gone")
	}
	// An empty mount point.
	if err := os.MkdirAll(w.root, 0o700); err != nil {
		t.Fatal(err)
	}
	w.sync().want(t, 8)
	if err := os.RemoveAll(w.root); err != nil {
		t.Fatal(err)
	}
	move(away, w.root)
	if a := w.syncOK(); a.Fetched != 0 || a.Here != n {
		t.Errorf("back again: %+v", a)
	}
	// One Maildir gone, the rest there: the user's hand or a broken disk, nobody knows.
	move(filepath.Join(w.root, "Work"), away)
	w.sync().want(t, 8)
	move(away, filepath.Join(w.root, "Work"))
	w.syncOK()
	compareAll(t, client, w.root)
}

// A Maildir with another account's marker is not touched.
func TestMarkerOfAnotherAccount(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	client, _ := lay(t, srv, 10, 40)
	ours, other := newWorld(t, bin, srv), newWorld(t, bin, srv)
	ours.syncOK()
	other.configure(append(serverSettings(srv), `user = "eve"`))
	other.syncOK()
	foreign, err := os.ReadFile(filepath.Join(other.root, "INBOX", "mailsync.marker"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ours.root, "INBOX", "mailsync.marker"), foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := client.Append("INBOX", nil, time.Now(), []byte("Subject: new\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	before := entries(t, ours.root)
	ours.sync().want(t, 8)
	sameEntries(t, before, entries(t, ours.root))
}

// Two runs of one account: the second ends at once, or waits if told to.
func TestLock(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	_, n := lay(t, srv, 11, 20)
	w := newWorld(t, program.Path(t), srv)
	w.syncOK()

	// The same account, held at a server that never answers.
	addr, came := hangs(t, nil)
	held := &world{t: t, bin: w.bin, dir: w.dir, root: w.root, config: filepath.Join(w.dir, "held.toml")}
	held.configure(plain(addr, `timeout = "60s"`))
	ctx, end := context.WithCancel(t.Context())
	holder := held.command(ctx, "sync")
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(); _ = holder.Wait() })
	select {
	case <-came:
	case <-time.After(time.Minute):
		t.Fatal("the run that was to hold the lock did not get to its server")
	}

	w.run("sync").want(t, 3)
	w.run("sync", "--if-free").want(t, 0)
	o := w.run("sync", "--wait", "1s")
	o.want(t, 3)
	if o.Took < time.Second {
		t.Errorf("it waited %v, not a second", o.Took)
	}
	// The lock dies with its process.
	time.AfterFunc(500*time.Millisecond, end)
	if a := w.syncOK("--wait", "60s"); a.Here != n {
		t.Errorf("after waiting: %+v", a)
	}
}
