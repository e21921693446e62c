package servers

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Session is an IMAP client of a few lines, written apart from the one that is tested:
// what a test believes to be on a server, it asks for here. It sends one command at a
// time and ends a command that takes longer than a minute. A command that was answered
// with NO or BAD is an error that holds the answer; the session goes on.
type Session struct {
	conn net.Conn
	r    *bufio.Reader
	n    int
}

// Response is one answer: its text, in which each literal stands as {n}, and the
// literals in their order.
type Response struct {
	Text     string
	Literals [][]byte
}

// Mail is one message as FETCH shows it. A body sent as NIL is nil.
type Mail struct {
	UID   uint32
	Flags []string
	Date  time.Time // INTERNALDATE
	Size  int64     // RFC822.SIZE
	Body  []byte
}

// Connect opens a session; with a nil config it is in plain text.
func Connect(addr string, config *tls.Config) (*Session, error) {
	return connect(&net.Dialer{}, addr, config)
}

func connect(from *net.Dialer, addr string, config *tls.Config) (*Session, error) {
	conn, err := from.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if config != nil {
		conn = tls.Client(conn, config)
	}
	s := &Session{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	if err := s.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	greeting, err := s.response()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if !strings.HasPrefix(greeting.Text, "* OK") {
		return nil, errors.Join(fmt.Errorf("greeted with %q", greeting.Text), conn.Close())
	}
	return s, nil
}

// LogIn opens a session in plain text as one of a server's users, past a proxy. The
// session ends with the test.
func (s *Server) LogIn(user string) *Session {
	s.t.Helper()
	return s.logIn(&net.Dialer{}, user)
}

// LogInAside is LogIn from another address of this machine, so that the session is none of
// those that MaxSessions lets the user have.
func (s *Server) LogInAside(user string) *Session {
	s.t.Helper()
	return s.logIn(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}, user)
}

func (s *Server) logIn(from *net.Dialer, user string) *Session {
	s.t.Helper()
	if s.Behind != nil {
		return s.Behind.logIn(from, user)
	}
	c, err := connect(from, s.IMAP, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := c.Do("LOGIN " + s.Login(user) + " " + Password); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// Close cuts the connection. Closing twice does nothing.
func (c *Session) Close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// Do sends a command, with literals at its end, and returns the untagged responses.
func (c *Session) Do(command string, literals ...[]byte) ([]Response, error) {
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	c.n++
	tag := "t" + strconv.Itoa(c.n)
	line := tag + " " + command
	for _, l := range literals {
		if err := c.offer(line, tag, len(l)); err != nil {
			return nil, err
		}
		if _, err := c.conn.Write(l); err != nil {
			return nil, err
		}
		line = ""
	}
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		return nil, err
	}
	var all []Response
	for {
		r, err := c.response()
		if err != nil {
			return all, fmt.Errorf("%s: %w", command, err)
		}
		if answer, ok := strings.CutPrefix(r.Text, tag+" "); ok {
			if !strings.HasPrefix(answer, "OK") {
				return all, fmt.Errorf("%s: answered %s", command, answer)
			}
			return all, nil
		}
		all = append(all, r)
	}
}

// offer announces a literal and waits until the server wants it.
func (c *Session) offer(line, tag string, octets int) error {
	if _, err := fmt.Fprintf(c.conn, "%s {%d}\r\n", line, octets); err != nil {
		return err
	}
	for {
		r, err := c.response()
		if err != nil {
			return err
		}
		if strings.HasPrefix(r.Text, "+") {
			return nil
		}
		if strings.HasPrefix(r.Text, tag+" ") {
			return fmt.Errorf("%s: answered %s", line, r.Text)
		}
	}
}

// response reads one response with its literals.
func (c *Session) response() (Response, error) {
	var r Response
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return r, err
		}
		line = strings.TrimRight(line, "\r\n")
		r.Text += line
		n, ok := announced(line)
		if !ok {
			return r, nil
		}
		literal := make([]byte, n)
		if _, err := io.ReadFull(c.r, literal); err != nil {
			return r, err
		}
		r.Literals = append(r.Literals, literal)
	}
}

// announced is the length of the literal that follows a line.
func announced(line string) (int, bool) {
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return 0, false
	}
	n, err := strconv.Atoi(line[open+1 : len(line)-1])
	return n, err == nil && n >= 0
}

// Append puts a message into a mailbox, named as on the wire. A zero date is left to
// the server.
func (c *Session) Append(mailbox string, flags []string, date time.Time, body []byte) error {
	command := "APPEND " + Quote(mailbox)
	if len(flags) > 0 {
		command += " (" + strings.Join(flags, " ") + ")"
	}
	if !date.IsZero() {
		command += date.UTC().Format(` "02-Jan-2006 15:04:05 -0700"`)
	}
	_, err := c.Do(command, body)
	return err
}

var (
	uidItem   = regexp.MustCompile(`\bUID (\d+)`)
	sizeItem  = regexp.MustCompile(`\bRFC822\.SIZE (\d+)`)
	flagsItem = regexp.MustCompile(`\bFLAGS \(([^)]*)\)`)
	dateItem  = regexp.MustCompile(`\bINTERNALDATE "([^"]*)"`)
)

// Read opens a mailbox read-only and returns its messages in the order of their UIDs,
// with their bodies if those are wanted. No mailbox is open after it.
func (c *Session) Read(mailbox string, bodies bool) ([]Mail, error) {
	if _, err := c.Do("EXAMINE " + Quote(mailbox)); err != nil {
		return nil, err
	}
	items := "UID FLAGS INTERNALDATE RFC822.SIZE"
	if bodies {
		items += " BODY.PEEK[]"
	}
	responses, err := c.Do("UID FETCH 1:* (" + items + ")")
	if err != nil {
		return nil, err
	}
	// Nothing is expunged by it, for the mailbox is open read-only.
	if _, err := c.Do("CLOSE"); err != nil {
		return nil, err
	}
	var all []Mail
	for _, r := range responses {
		if !strings.Contains(r.Text, " FETCH (") || !uidItem.MatchString(r.Text) {
			continue
		}
		m, err := mail(r)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// mail reads the items that Read asked for.
func mail(r Response) (Mail, error) {
	var m Mail
	uid, err := strconv.ParseUint(uidItem.FindStringSubmatch(r.Text)[1], 10, 32)
	if err != nil {
		return m, err
	}
	m.UID = uint32(uid)
	if f := flagsItem.FindStringSubmatch(r.Text); f != nil {
		m.Flags = strings.Fields(f[1])
	}
	if s := sizeItem.FindStringSubmatch(r.Text); s != nil {
		if m.Size, err = strconv.ParseInt(s[1], 10, 64); err != nil {
			return m, err
		}
	}
	if d := dateItem.FindStringSubmatch(r.Text); d != nil {
		if m.Date, err = time.Parse("_2-Jan-2006 15:04:05 -0700", d[1]); err != nil {
			return m, err
		}
	}
	switch {
	case len(r.Literals) > 0:
		m.Body = bytes.Clone(r.Literals[0])
	case strings.Contains(r.Text, `BODY[] ""`):
		m.Body = []byte{}
	}
	return m, nil
}

// Quote spells a string as an IMAP quoted string (RFC 9051 section 4.3).
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
