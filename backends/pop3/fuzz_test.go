package pop3

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/state"
)

// canned is a connection from which some octets come, in small pieces, and then EOF.
type canned struct {
	net.Conn
	data  string
	piece int
	sent  bytes.Buffer
}

func (c *canned) Read(b []byte) (int, error) {
	if c.data == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), max(1, c.piece))], c.data)
	c.data = c.data[n:]
	return n, nil
}

func (c *canned) Write(b []byte) (int, error)      { return c.sent.Write(b) }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// client returns one that reads what is canned through a buffer of 16 octets, which makes
// any line a long one.
func (c *canned) client() *client {
	cl := newClient(c, &Options{Options: reach.Options{Server: reach.Server{Timeout: time.Minute}}}, &redact.Trace{}, &atomic.Int64{})
	cl.r = bufio.NewReaderSize(cl.conn, 16)
	return cl
}

// hung panics where the caller does not end, for the fuzzer takes no notice of that: it
// then keeps the input. It returns what ends its watch.
func hung(input string) (ended func() bool) {
	return time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("it hangs on %q", input)) }).Stop
}

// plainLines reads a listing the slow way: LF or CRLF ends a line. Where the server answers in
// place of a line, said is what it answers.
func plainLines(sent string) (lines []string, rest, said string) {
	for {
		line, after, whole := strings.Cut(sent, "\n")
		if !whole {
			return lines, "", ""
		}
		line, sent = strings.TrimSuffix(line, "\r"), after
		if line == "." || strings.HasPrefix(line, "-ERR") || strings.HasPrefix(line, "+OK") {
			return lines, sent, line
		}
		lines = append(lines, line)
	}
}

// Whatever a listing holds and in whatever pieces it comes: its lines are handed over as
// they are, no more of them than may be, and what follows it is the next answer's.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", ".\r\n", "1 a\r\n2 b\n.\r\n+OK\r\n", "1 a\r\n-ERR no\r\n.\r\n", "1 a\r\n+OK 5\r\n.\r\n", "..\r\n.\r\n", ".\r", "a\r\r\n.\r\n", "\r\n\n.\n", "UIDL\r\nSASL PLAIN LOGIN\r\nEXPIRE 0\r\n.\r\n", strings.Repeat("long ", 20) + "\r\n.\r\n"} {
		f.Add(s, byte(1), byte(3))
	}
	f.Fuzz(func(t *testing.T, sent string, piece, most byte) {
		defer hung(sent)()
		under := &canned{data: sent, piece: int(piece)}
		c := under.client()
		var got []string
		err := c.lines(int(most), func(line []byte, whole bool) {
			if !whole {
				t.Fatalf("not whole: %q", line)
			}
			got = append(got, string(line))
		})
		want, rest, said := plainLines(sent)
		fit := len(want) <= int(most)
		_, refused := asRefusal(err)
		// The next answer where a line should be is as bad as too many lines.
		if (err == nil) != (said == "." && fit) || refused != (strings.HasPrefix(said, "-ERR") && fit) || isGarbled(err) == (fit && !strings.HasPrefix(said, "+OK")) {
			t.Fatalf("%q ended with %v", sent, err)
		}
		if !fit {
			want = want[:most]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q has the lines %q, and gave %q", sent, want, got)
		}
		if err != nil {
			return
		}
		if left, _ := io.ReadAll(c.r); string(left) != rest {
			t.Fatalf("%q leaves %q, and left %q", sent, rest, left)
		}
	})
}

// singles are questions for single unique-ids.
var singles = regexp.MustCompile(`^(UIDL [1-9][0-9]{0,9}\r\n|NOOP\r\n)*$`)

// Whatever a server says from its greeting on: what we believe of it can be true, and what
// we send does not depend on it, but for the numbers of messages that have no unique-id.
func FuzzDialogue(f *testing.F) {
	for _, s := range []string{
		"+OK POP3 <1896.697170952@dbc.mtview.ca.us>\r\n+OK\r\nUIDL\r\nTOP\r\n.\r\n+OK 2 320\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n+OK\r\n1 120\r\n2 200 more\r\n.\r\n",
		"+OK\r\n-ERR no CAPA\r\n+OK 0 0\r\n+OK\r\n.\r\n+OK\r\n.\r\n", "-ERR [SYS/TEMP] come back\r\n", "+OK <a@b> <c>\r\n+OK\r\nPIPELINING\r\n.\r\n-ERR\r\n-ERR\r\n+OK\n1 5\n1 6\n.\n",
		"+OK\r\n+OK\r\n.\r\n+OK 99999999999 5\r\n+OK\r\n1 x\r\n1 x\r\n0 y\r\n.\r\n+OK\r\n2147483648 5\r\n.\r\n", "+OK\r\n+\r\n",
	} {
		f.Add(s, byte(7))
	}
	f.Fuzz(func(t *testing.T, data string, piece byte) {
		defer hung(data)()
		under := &canned{data: data, piece: int(piece)}
		c := under.client()
		c.r = bufio.NewReader(c.conn)
		s := &session{a: &Account{o: Options{Numbers: NewNumbers(nil)}, avoided: map[string]bool{}}, c: c}
		err := c.greet()
		if id := c.stamp; id != "" && (len(id) > 201 || id[0] != '<' || id[len(id)-1] != '>' || strings.Count(id, "@") != 1 || strings.ContainsAny(id[1:], "< \r\n\x00\x7f")) {
			t.Fatalf("%q has the timestamp %q", data, id)
		}
		if err == nil {
			err = c.capa()
		}
		if err == nil {
			err = s.look()
		}
		all := "CAPA\r\nSTAT\r\nUIDL\r\nLIST\r\n"
		if sent := under.sent.String(); !strings.HasPrefix(all, sent) && !(strings.HasPrefix(sent, all) && singles.MatchString(sent[len(all):])) || err == nil && !strings.HasPrefix(sent, all) {
			t.Fatalf("%q made us send %q", data, sent)
		}
		if err != nil {
			return
		}
		l := s.list
		if l.stat < 0 || l.stat > math.MaxInt32 || l.octets() < 0 || len(l.messages) > strings.Count(data, "\n") {
			t.Fatalf("%q has %+v", data, l)
		}
		for i, m := range l.messages {
			if m.no < 1 || i > 0 && l.messages[i-1].no >= m.no || l.complete() && int(m.no) != i+1 {
				t.Fatalf("%q has the message %+v", data, m)
			}
		}
		if l.complete() && l.stat != len(l.messages) {
			t.Fatalf("%q is complete: %+v", data, l)
		}
	})
}

// A message's date is a second of the time there is mail, or none; folding, blanks and
// what stands before and after the first Received field make no difference to it.
func FuzzReceivedDate(f *testing.F) {
	for _, s := range []string{" from a by b; Tue, 2 Jan 2024 03:04:05 +0100", "x; 2 Jan 24 03:04 GMT", "; Fri, 31 Dec 9999 23:59:59 -1200", ";", "x;y;\r\n\tThu, 1 Jan 1970 00:00:00 +0000", "a(b;c)d; Tue, 2 Jan 2024 03:04:05 +0100 (CET)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		head := "Received:" + value + "\r\n"
		date := receivedDate([]byte(head))
		if date != state.NoDate && (date < 365*86400 || date > 253402300799) {
			t.Fatalf("%q is of %d", head, date)
		}
		if strings.ContainsAny(value, "\r\n") {
			return
		}
		for _, same := range []string{"X: y\r\n" + head, strings.TrimSuffix(head, "\r\n"), "RECEIVED :" + value + "\n", head + "Received: x; Tue, 2 Jan 2001 03:04:05 +0100\r\n\r\nbody",
			strings.Replace(head, ";", ";\r\n\t", 1)} {
			if d := receivedDate([]byte(same)); d != date && strings.Count(value, ";") < 2 {
				t.Fatalf("%q is of %d, and %q of %d", head, date, same, d)
			}
		}
		if d := receivedDate([]byte("Subject: x\r\n\r\n" + head)); d != state.NoDate {
			t.Fatalf("a date from the body: %d", d)
		}
	})
}
