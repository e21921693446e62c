package servers

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/freeport"
)

// Password is every user's password on every server.
const Password = "secret"

const (
	// starts is how many sets of ports are tried: another process can take a port
	// between its being found free and the server's listening on it.
	starts      = 5
	readyWithin = 20 * time.Second
	stopWithin  = 10 * time.Second
)

// Server is one running mail server. Its addresses stay the same over Restart.
type Server struct {
	Name  string // "dovecot", "cyrus", "courier", "mailutils", "popa3d", "maddy", "imapproxy" or "perdition"
	Dir   string // its own folder: configuration, log, mail
	IMAP  string // address for plain text and STARTTLS; an address is "" where it is not served
	IMAPS string // address for TLS from the first byte
	POP3  string // as IMAP
	POP3S string // as IMAPS
	CA    []byte // PEM of the authority that signed its certificate

	// Behind is the server that a proxy stands before, nil for one that has the mail itself.
	Behind *Server

	t       testing.TB
	rig     rig
	options options
	owner   owner
	procs   []*proc
	out     said // what all processes wrote to stdout and stderr
}

// rig is what differs from server to server.
type rig interface {
	// write makes the configuration for the addresses the Server has now. It is called
	// before every start, in a folder that may have served before.
	write(s *Server) error
	// commands are the processes to start, in order; none has to wait for another.
	commands(s *Server) []*exec.Cmd
	// addUser makes a user known. It may be called while the server runs or not.
	addUser(s *Server, name string) error
	// addresses are those that it listens at.
	addresses(s *Server) []*string
	// login is the name by which a user logs in.
	login(user string) string
	// maildir is where a user's INBOX lies, "" where it is no Maildir.
	maildir(s *Server, user string) string
	// socket is a socket that has to answer too before the server is ready, "" without.
	socket(s *Server) string
	// log is what the server said of itself.
	log(s *Server) string
}

// usual is what a rig is unless it says otherwise: IMAP and POP3, with TLS and without,
// users who log in by their names, no Maildir, everything said on stdout and stderr.
type usual struct{}

func (usual) addresses(s *Server) []*string  { return []*string{&s.IMAP, &s.IMAPS, &s.POP3, &s.POP3S} }
func (usual) login(user string) string       { return user }
func (usual) maildir(*Server, string) string { return "" }
func (usual) socket(*Server) string          { return "" }
func (usual) log(s *Server) string           { return s.out.String() }

// start makes the folder, the certificate and the processes, and returns when the
// server greets. The test fails if it does not.
func start(t testing.TB, name string, r rig, opts []Option) *Server {
	t.Helper()
	return startBefore(t, name, r, nil, opts)
}

// startBefore is start for a proxy, which stands before another server.
func startBefore(t testing.TB, name string, r rig, behind *Server, opts []Option) *Server {
	t.Helper()
	// Not t.TempDir: its parent is closed to the user that the mail belongs to.
	dir, err := os.MkdirTemp("", "ms-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Name: name, Dir: dir, Behind: behind, t: t, rig: r, owner: mailOwner()}
	for _, o := range opts {
		o(&s.options)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(r.log(s), 40))
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if s.CA, err = writeCertificates(dir); err != nil {
		t.Fatal(err)
	}
	for try := 1; ; try++ {
		if err := s.takePorts(); err != nil {
			t.Fatal(err)
		}
		if err = s.run(); err == nil {
			return s
		}
		if !errors.Is(err, errExited) || try == starts {
			t.Fatalf("start %s: %v\n%s", name, err, tail(r.log(s), 20))
		}
	}
}

// AddUser makes a user with the password Password. A user that is there stays.
func (s *Server) AddUser(name string) {
	s.t.Helper()
	if err := s.rig.addUser(s, name); err != nil {
		s.t.Fatalf("%s: add user %s: %v", s.Name, name, err)
	}
}

// Login is the name by which a user of AddUser logs in.
func (s *Server) Login(user string) string { return s.rig.login(user) }

// Deliver puts a message, with CRLF, into a user's INBOX, over IMAP where that is
// served. The test fails where it cannot.
func (s *Server) Deliver(user string, body []byte) {
	s.t.Helper()
	if r, ok := s.rig.(interface {
		deliver(s *Server, user string, body []byte) error
	}); ok {
		if err := r.deliver(s, user, body); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	c := s.LogIn(user)
	defer c.Close()
	if err := c.Append("INBOX", nil, time.Time{}, body); err != nil {
		s.t.Fatal(err)
	}
}

// Maildir is the folder of a user's INBOX: a Maildir++ with the other mailboxes in
// it for Dovecot and Courier, "" for the others. Files put there belong to Own.
func (s *Server) Maildir(user string) string { return s.rig.maildir(s, user) }

// Own gives a path, and all below it, to the user whose mail it is.
func (s *Server) Own(path string) {
	s.t.Helper()
	if err := s.owner.takeAll(path); err != nil {
		s.t.Fatal(err)
	}
}

// TLS is a client configuration that trusts this server and no other.
func (s *Server) TLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CA)
	return &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
}

// CAFile is the path of CA.
func (s *Server) CAFile() string { return filepath.Join(s.Dir, "ca.pem") }

// Log is what the server has said of itself so far.
func (s *Server) Log() string { return s.rig.log(s) }

// Stop ends the server with its children and open sessions. It does nothing to one
// that is stopped.
func (s *Server) Stop() {
	for _, p := range s.procs {
		p.stop()
	}
	s.procs = nil
}

// Restart stops the server and starts it again over the same folder and addresses,
// with further options where some are given. The test fails if it does not come back.
func (s *Server) Restart(opts ...Option) {
	s.t.Helper()
	s.Stop()
	for _, o := range opts {
		o(&s.options)
	}
	if err := s.run(); err != nil {
		s.t.Fatalf("restart %s: %v\n%s", s.Name, err, tail(s.Log(), 20))
	}
}

// takePorts finds a free port for each address.
func (s *Server) takePorts() error {
	for _, addr := range s.rig.addresses(s) {
		var err error
		if *addr, err = freeport.Take(); err != nil {
			return err
		}
	}
	return nil
}

// run starts the processes and waits for the greetings. On an error none is left.
func (s *Server) run() error {
	if err := s.rig.write(s); err != nil {
		return err
	}
	for _, cmd := range s.rig.commands(s) {
		p, err := spawn(cmd, &s.out)
		if err != nil {
			s.Stop()
			return err
		}
		s.procs = append(s.procs, p)
	}
	deadline := time.Now().Add(readyWithin)
	if p := s.rig.socket(s); p != "" {
		if err := s.await("unix", p, false, deadline); err != nil {
			s.Stop()
			return err
		}
	}
	for _, addr := range s.rig.addresses(s) {
		greets := addr == &s.IMAP || addr == &s.POP3
		if err := s.await("tcp", *addr, greets, deadline); err != nil {
			s.Stop()
			return err
		}
	}
	// One that could not listen has ended, and what greeted in its place is another's.
	for _, p := range s.procs {
		if err := p.exited(); err != nil {
			s.Stop()
			return err
		}
	}
	return nil
}

// await connects until somebody answers. A process that ended is the error.
func (s *Server) await(network, addr string, greets bool, deadline time.Time) error {
	for {
		err := knock(network, addr, greets, deadline)
		if err == nil {
			return nil
		}
		for _, p := range s.procs {
			if err := p.exited(); err != nil {
				return err
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer at %s: %w", addr, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// knock connects once and, where the server speaks first, reads its greeting.
func knock(network, addr string, greets bool, deadline time.Time) error {
	conn, err := net.DialTimeout(network, addr, time.Until(deadline))
	if err != nil {
		return err
	}
	defer conn.Close()
	if !greets {
		return nil
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "* OK") && !strings.HasPrefix(line, "+OK") {
		return fmt.Errorf("greeted with %q", line)
	}
	return nil
}

// port is the port of an address.
func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// tail returns the last n lines.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
