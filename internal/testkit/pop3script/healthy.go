package pop3script

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mailsync/internal/testkit/saslserver"
)

// Box is what a healthy server holds for its one user. Tests may change it between
// commands, under its lock; a session goes on with what it found when it logged in.
type Box struct {
	sync.Mutex
	User, Password string
	SASL           saslserver.User // how mechanisms behave; its name and password are set from these
	Stamp          string          // the greeting's timestamp, for APOP
	Caps           []string        // nil: CAPA is not known
	NoUIDL, NoTOP  bool
	Hides          bool // a message that was fetched is not listed in later sessions
	KeepsDeleted   bool // DELE and QUIT do nothing
	Expires        bool // QUIT deletes what was fetched (EXPIRE 0)
	Renumbers      bool // DELE gives the messages behind it other numbers
	Messages       []*Message
	added          int
}

// Message is one message of a Box.
type Message struct {
	UIDL   string
	Body   string
	Size   int // as LIST tells it; 0: as it is
	Hidden bool
}

// DefaultCaps is what a healthy server lists.
var DefaultCaps = []string{"TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "USER", "SASL PLAIN"}

// NewBox returns a box of ada's, password secret, with messages that have these bodies,
// UIDLs from u1 on.
func NewBox(bodies ...string) *Box {
	b := &Box{User: "ada", Password: "secret", Caps: slices.Clone(DefaultCaps)}
	for _, body := range bodies {
		b.Add(body)
	}
	return b
}

// Add adds a message and returns it.
func (b *Box) Add(body string) *Message {
	b.added++
	m := &Message{UIDL: fmt.Sprint("u", b.added), Body: body}
	b.Messages = append(b.Messages, m)
	return m
}

// Bodies returns what is in the box, sorted.
func (b *Box) Bodies() []string {
	b.Lock()
	defer b.Unlock()
	var all []string
	for _, m := range b.Messages {
		all = append(all, m.Body)
	}
	slices.Sort(all)
	return all
}

// Answer replaces one of a healthy server's answers. It returns false to let the server
// answer as usual, after what Answer has sent.
type Answer func(p *Peer, args string) bool

// Answers are by verb; "GREETING" is for the greeting.
type Answers map[string]Answer

// Say is an answer of these lines.
func Say(lines ...string) Answer {
	return func(p *Peer, _ string) bool { p.Send(lines...); return true }
}

// session is one connection to a healthy server.
type session struct {
	*Peer
	box     *Box
	user    string
	login   bool
	shown   []*Message
	deleted map[*Message]bool
	taken   map[*Message]bool // fetched, and deleted at QUIT for that
}

// Healthy makes a Handler that serves a box as a good server does. Its answers may be
// replaced.
func Healthy(box *Box, replaced Answers) Handler {
	return func(p *Peer) {
		s := &session{Peer: p, box: box, deleted: map[*Message]bool{}, taken: map[*Message]bool{}}
		if a := replaced["GREETING"]; a == nil || !a(p, "") {
			p.Send(strings.TrimSpace("+OK ready " + box.Stamp))
		}
		for {
			verb, args, ok := p.Next()
			if !ok {
				return
			}
			if a := replaced[verb]; a != nil && a(p, args) {
				continue
			}
			s.do(verb, args)
			if verb == "QUIT" {
				return
			}
		}
	}
}

// do answers one command.
func (s *session) do(verb, args string) {
	s.box.Lock()
	defer s.box.Unlock()
	switch verb {
	case "CAPA":
		if s.box.Caps == nil {
			s.Send("-ERR unknown command")
			return
		}
		s.Send("+OK")
		s.Text(strings.Join(s.box.Caps, "\r\n"))
	case "STLS":
		s.StartTLS()
	case "QUIT":
		// Where nothing goes nothing is touched: a client that deleted nothing does not wait for the answer.
		if goes := len(s.deleted)+len(s.taken) > 0; goes && !s.box.KeepsDeleted {
			s.box.Messages = slices.DeleteFunc(s.box.Messages, func(m *Message) bool { return s.deleted[m] || s.taken[m] })
		}
		s.Send("+OK bye")
	case "NOOP":
		s.Send("+OK")
	default:
		if s.login {
			s.loggedIn(verb, args)
		} else {
			s.logIn(verb, args)
		}
	}
}

func (s *session) logIn(verb, args string) {
	switch verb {
	case "UTF8":
		s.Send("+OK")
	case "USER":
		s.user = args
		s.Send("+OK")
	case "PASS":
		s.enter(s.user == s.box.User && args == s.box.Password)
	case "APOP":
		sum := md5.Sum([]byte(s.box.Stamp + s.box.Password))
		s.enter(s.box.Stamp != "" && args == s.box.User+" "+hex.EncodeToString(sum[:]))
	case "AUTH":
		s.auth(args)
	default:
		s.Send("-ERR log in first")
	}
}

// auth takes PLAIN, OAUTHBEARER and XOAUTH2, with the initial response in the command or
// after a "+".
func (s *session) auth(args string) {
	u := s.box.SASL
	u.Name, u.Password = s.box.User, s.box.Password
	right, told := u.LogIn(args, saslserver.Peer{TLS: s.Secure(), Send: func(line string) { s.Send(line) }, Line: s.Line})
	if told != "" {
		s.Send("-ERR [AUTH] you said " + told)
		return
	}
	s.enter(right)
}

func (s *session) enter(right bool) {
	if s.login = right; !right {
		s.Send("-ERR [AUTH] wrong user or password")
		return
	}
	for _, m := range s.box.Messages {
		if !m.Hidden {
			s.shown = append(s.shown, m)
		}
	}
	s.Send("+OK logged in")
}

func (s *session) loggedIn(verb, args string) {
	switch verb {
	case "STAT":
		n, octets := 0, 0
		s.each(func(_ int, m *Message) { n++; octets += m.size() })
		s.Sendf("+OK %d %d", n, octets)
	case "LIST":
		s.list(args, func(m *Message) string { return strconv.Itoa(m.size()) })
	case "UIDL":
		if s.box.NoUIDL {
			s.Send("-ERR unknown command")
			return
		}
		s.list(args, func(m *Message) string { return m.UIDL })
	case "RETR", "TOP":
		s.retr(verb, args)
	case "DELE":
		if m := s.message(args); m != nil {
			s.deleted[m] = true
			if s.box.Renumbers {
				s.shown = slices.DeleteFunc(s.shown, func(o *Message) bool { return o == m })
			}
			s.Send("+OK marked")
		}
	case "RSET":
		clear(s.deleted)
		s.Send("+OK")
	default:
		s.Send("-ERR unknown command")
	}
}

// each calls f with the number and the message of all that are not marked.
func (s *session) each(f func(no int, m *Message)) {
	for i, m := range s.shown {
		if !s.deleted[m] {
			f(i+1, m)
		}
	}
}

func (s *session) list(args string, what func(*Message) string) {
	if args != "" {
		if m := s.message(args); m != nil {
			s.Sendf("+OK %s %s", args, what(m))
		}
		return
	}
	s.Send("+OK")
	var lines strings.Builder
	s.each(func(no int, m *Message) { fmt.Fprintf(&lines, "%d %s\r\n", no, what(m)) })
	s.Text(lines.String())
}

func (s *session) retr(verb, args string) {
	no, _, _ := strings.Cut(args, " ")
	m := s.message(no)
	switch {
	case verb == "TOP" && s.box.NoTOP:
		s.Send("-ERR unknown command")
	case m == nil:
	case verb == "TOP":
		header, _, _ := strings.Cut(m.Body, "\r\n\r\n")
		s.Send("+OK")
		s.Text(header + "\r\n\r\n")
	default:
		m.Hidden = m.Hidden || s.box.Hides
		if s.box.Expires {
			s.taken[m] = true
		}
		s.Send("+OK")
		s.Text(m.Body)
	}
}

// message is the one with a number, nil after it has said that there is none.
func (s *session) message(no string) *Message {
	n, err := strconv.Atoi(no)
	if err != nil || n < 1 || n > len(s.shown) || s.deleted[s.shown[n-1]] {
		s.Send("-ERR no such message")
		return nil
	}
	return s.shown[n-1]
}

func (m *Message) size() int {
	if m.Size != 0 {
		return m.Size
	}
	return len(m.Body)
}
