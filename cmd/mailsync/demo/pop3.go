package demo

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// POP3 is a POP3 server in memory, on loopback, for the demo's one user: what RFC 1939
// asks of one, CAPA and PIPELINING.
type POP3 struct {
	Port int

	listener net.Listener

	mu       sync.Mutex
	messages []stored
	arrived  int
}

// stored is a message on the POP3 server. Its number in UIDL never changes.
type stored struct {
	id   int
	text string
}

// StartPOP3 starts a server that has these messages.
func StartPOP3(texts []string) (*POP3, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &POP3{listener: listener, Port: listener.Addr().(*net.TCPAddr).Port}
	for _, text := range texts {
		d.Deliver(text)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go d.serve(conn)
		}
	}()
	return d, nil
}

// Close takes no more connections.
func (d *POP3) Close() { _ = d.listener.Close() } // everything it had is in memory

// Deliver puts a message into the mailbox, with the Received field that gives it its date.
func (d *POP3) Deliver(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.arrived++
	date := Begin.AddDate(0, 0, 3*d.arrived).Format(time.RFC1123Z)
	d.messages = append(d.messages, stored{d.arrived, "Received: from engine.example; " + date + "\r\n" + text})
}

// Texts are the messages that it has, the oldest first.
func (d *POP3) Texts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var texts []string
	for _, m := range d.messages {
		texts = append(texts, m.text)
	}
	return texts
}

// session is one connection, and the mailbox as it was when that began.
type session struct {
	w       *bufio.Writer
	user    string
	login   bool
	shown   []stored
	deleted map[int]bool // by index in shown
}

func (d *POP3) serve(conn net.Conn) {
	defer conn.Close()
	s := &session{w: bufio.NewWriter(conn), deleted: map[int]bool{}}
	lines := bufio.NewScanner(conn)
	s.answer("+OK the demo's POP3 server")
	for quit := false; !quit && s.w.Flush() == nil && lines.Scan(); {
		verb, arg, _ := strings.Cut(lines.Text(), " ")
		switch verb = strings.ToUpper(verb); {
		case verb == "CAPA":
			s.list("CAPA", []string{"USER", "UIDL", "TOP", "PIPELINING"})
		case verb == "QUIT":
			d.remove(s)
			s.answer("+OK good-bye")
			quit = true
		case verb == "USER":
			s.user = arg
			s.answer("+OK and the password?")
		case verb == "PASS" && s.user == User && arg == Password:
			d.mu.Lock()
			s.login, s.shown = true, slices.Clone(d.messages)
			d.mu.Unlock()
			s.answer("+OK welcome")
		case !s.login:
			s.answer("-ERR log in first")
		default:
			s.transact(verb, arg)
		}
	}
	_ = s.w.Flush() // whoever is gone misses a good-bye
}

// remove deletes what a session marked, now that it ends as it should.
func (d *POP3) remove(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = slices.DeleteFunc(d.messages, func(m stored) bool {
		i := slices.Index(s.shown, m)
		return i >= 0 && s.deleted[i]
	})
}

// transact answers what may be asked once logged in.
func (s *session) transact(verb, arg string) {
	switch verb {
	case "STAT":
		octets := 0
		all := s.each(func(m stored) string { octets += len(m.text); return "" })
		s.answer("+OK %d %d", len(all), octets)
		return
	case "NOOP":
		s.answer("+OK")
		return
	case "RSET":
		clear(s.deleted)
		s.answer("+OK")
		return
	}
	number, _, _ := strings.Cut(arg, " ")
	i, err := strconv.Atoi(number)
	known := err == nil && i > 0 && i <= len(s.shown) && !s.deleted[i-1]
	size := func(m stored) string { return strconv.Itoa(len(m.text)) }
	id := func(m stored) string { return "demo-" + strconv.Itoa(m.id) }
	switch {
	case verb == "LIST" && arg == "":
		s.list("scan listing", s.each(size))
	case verb == "UIDL" && arg == "":
		s.list("unique-id listing", s.each(id))
	case !known:
		s.answer("-ERR no such command, or no such message")
	case verb == "LIST":
		s.answer("+OK %d %s", i, size(s.shown[i-1]))
	case verb == "UIDL":
		s.answer("+OK %d %s", i, id(s.shown[i-1]))
	case verb == "RETR":
		s.list("message", strings.Split(strings.TrimSuffix(s.shown[i-1].text, "\r\n"), "\r\n"))
	case verb == "TOP":
		head, _, _ := strings.Cut(s.shown[i-1].text, "\r\n\r\n")
		s.list("header", append(strings.Split(head, "\r\n"), ""))
	case verb == "DELE":
		s.deleted[i-1] = true
		s.answer("+OK marked")
	default:
		s.answer("-ERR no such command")
	}
}

// each makes a line of each message that is not marked, with its number before it.
func (s *session) each(f func(stored) string) (lines []string) {
	for i, m := range s.shown {
		if !s.deleted[i] {
			lines = append(lines, fmt.Sprintf("%d %s", i+1, f(m)))
		}
	}
	return lines
}

func (s *session) answer(format string, args ...any) {
	fmt.Fprintf(s.w, format+"\r\n", args...) // what fails shows when it is flushed
}

// list sends a multi-line answer, the dots at the beginnings of its lines doubled.
func (s *session) list(what string, lines []string) {
	s.answer("+OK %s follows", what)
	for _, line := range lines {
		if strings.HasPrefix(line, ".") {
			line = "." + line
		}
		s.answer("%s", line)
	}
	s.answer(".")
}
