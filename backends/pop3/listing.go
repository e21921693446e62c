package pop3

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"mailsync/state"
)

// hugeMessage is a size that no message has: what is told of such a one is not believed.
const hugeMessage = 1 << 32

// maxMessages bounds how many messages a mailbox may list.
const maxMessages = 1 << 22

// message is one message as a session lists it.
type message struct {
	size  int64  // octets that LIST says, -1 not told
	text  string // its unique-id as Numbers keeps it; "" where it has none of its own
	no    int32  // its number, in this session only
	uid   state.UID
	inAll listed
}

// listed says which answers told of a message.
type listed uint8

const (
	inList listed = 1 << iota
	inUIDL
	twice // UIDL or LIST told of its number twice
)

// listing is the mailbox as a session shows it: a session begins with a lock and a
// snapshot, and what comes later is seen by the next (RFC 1939 section 4).
type listing struct {
	messages []message // sorted by number
	stat     stat
	hasStat  bool
	hasUIDL  bool // the server knows UIDL
	hasList  bool
	flaws    int // lines that make no sense
	named    bool
	byUID    map[state.UID]int32    // index in messages
	digests  map[state.UID]byDigest // of messages without a unique-id of their own
	trouble  []state.Trouble
}

// look asks for everything that there is to know of the mailbox, once a session.
func (s *session) look() error {
	if s.list != nil {
		return nil
	}
	l := &listing{}
	var lineErr error
	questions := []question{
		{"STAT", func(text string, err error) error {
			if err == nil {
				l.stat, err = parseStat(text)
				l.hasStat = err == nil
			}
			return nil
		}},
		{"UIDL", func(_ string, err error) error {
			if err != nil {
				lineErr = s.withoutUIDL(err)
				return nil
			}
			l.hasUIDL = true
			return s.c.lines(maxMessages, l.addUIDL)
		}},
		{"LIST", func(_ string, err error) error {
			if err != nil {
				return nil
			}
			l.hasList = true
			return s.c.lines(maxMessages, l.addSize)
		}},
	}
	if err := s.c.ask(questions...); err != nil {
		return err
	}
	if lineErr != nil {
		return lineErr
	}
	if !l.hasUIDL && !l.hasList {
		return errors.New("server answers neither UIDL nor LIST")
	}
	l.sort()
	s.list = l
	return nil
}

// withoutUIDL judges a refused UIDL. Messages are named by their digests only where the
// server does not know the command: to name them so because of a passing problem would
// bring every message a second time.
func (s *session) withoutUIDL(err error) error {
	r, _ := asRefusal(err)
	if r.code != "" || s.c.caps.has("UIDL") || s.a.o.Numbers.hasUIDLs() {
		return fmt.Errorf("list the unique-ids: %w", fault(err))
	}
	return nil
}

// addUIDL takes a line of UIDL: a number, a blank, and what is left is the unique-id,
// whatever it holds (RFC 1939 section 7 has 1 to 70 printable characters).
func (l *listing) addUIDL(line []byte, whole bool) {
	no, uidl, ok := scanListing(line)
	if !ok {
		l.flaws++
		return
	}
	m := message{no: int32(no), size: -1, inAll: inUIDL}
	// One too long to be read whole is as good as none.
	if uidl = bytes.TrimRight(uidl, " \t"); whole && len(uidl) > 0 {
		m.text = textOf(uidl)
	}
	l.messages = append(l.messages, m)
}

// addSize takes a line of LIST: a number and a size; a server may add more
// (RFC 1939 section 5).
func (l *listing) addSize(line []byte, _ bool) {
	no, rest, ok := scanListing(line)
	if !ok {
		l.flaws++
		return
	}
	m := message{no: int32(no), size: -1, inAll: inList}
	if f := bytes.Fields(rest); len(f) > 0 {
		if n, ok := number(f[0]); ok && n < hugeMessage {
			m.size = n
		}
	}
	l.messages = append(l.messages, m)
}

// sort joins what UIDL and LIST told by message number, and finds unique-ids that are
// not unique.
func (l *listing) sort() {
	slices.SortStableFunc(l.messages, func(a, b message) int { return int(a.no) - int(b.no) })
	joined := l.messages[:0]
	for _, m := range l.messages {
		last := len(joined) - 1
		if last < 0 || joined[last].no != m.no {
			joined = append(joined, m)
			continue
		}
		j := &joined[last]
		if j.inAll&m.inAll != 0 {
			// Two sizes or two unique-ids: neither is to be believed.
			l.flaws++
			j.inAll |= twice
			j.text, j.size = "", -1
			continue
		}
		if j.inAll |= m.inAll; j.inAll&twice == 0 {
			if m.text != "" {
				j.text = m.text
			}
			if m.size >= 0 {
				j.size = m.size
			}
		}
	}
	l.messages = slices.Clip(joined)
	l.unrepeat()
}

// unrepeat takes the unique-id from messages that share it.
func (l *listing) unrepeat() {
	seen := make(map[string]int, len(l.messages))
	for i := range l.messages {
		if t := l.messages[i].text; t != "" {
			seen[t]++
		}
	}
	for i := range l.messages {
		if m := &l.messages[i]; seen[m.text] > 1 {
			m.text = ""
		}
	}
}

// complete reports whether absence from this listing means anything: both answers came,
// made sense, and agree with each other and with STAT on which messages there are.
func (l *listing) complete() bool {
	if !l.hasStat || !l.hasList || l.flaws > 0 || l.stat.messages != len(l.messages) || len(l.trouble) > 0 {
		return false
	}
	want := inList
	if l.hasUIDL {
		want |= inUIDL
	}
	for i, m := range l.messages {
		// A session that has deleted nothing yet counts from 1 (RFC 1939 section 5).
		if m.inAll != want || int(m.no) != i+1 {
			return false
		}
	}
	return true
}

// octets is the sum of the sizes.
func (l *listing) octets() int64 {
	var n int64
	for _, m := range l.messages {
		n += max(0, m.size)
	}
	return n
}

// find returns a message by its UID.
func (l *listing) find(uid state.UID) (*message, bool) {
	i, ok := l.byUID[uid]
	if !ok {
		return nil, false
	}
	return &l.messages[i], true
}
