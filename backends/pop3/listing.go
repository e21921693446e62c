package pop3

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"mailsync/state"
)

// hugeMessage is a size that no message has: it is not believed.
const hugeMessage = 1 << 32

// maxMessages bounds how many messages a mailbox may list.
const maxMessages = 1 << 22

// maxAhead bounds for how many messages there is room before they are listed, whatever STAT counts: 800 kB.
const maxAhead = 1 << 14

// message is one message as a session lists it.
type message struct {
	size  int64  // octets by LIST, -1 unknown
	text  string // its unique-id as Numbers keeps it; "" where it has none of its own
	no    int32  // its number, in this session only
	uid   state.UID
	inAll listed
}

// listed is which answers name a message.
type listed uint8

const (
	inList listed = 1 << iota
	inUIDL
	twiceInList // it has the number twice
	twiceInUIDL
	repeats // another message has its unique-id
	tooLong // its line is longer than is read
)

// listing is the mailbox as a session shows it: a session begins with a lock and a
// snapshot, and what arrives later is seen by the next (RFC 1939 section 4).
type listing struct {
	messages []message // sorted by number
	next     int       // of messages: the one that the next line of LIST is about, where it has the order of UIDL
	stat     int       // messages that STAT counts
	hasStat  bool
	hasUIDL  bool // the server knows UIDL
	hasList  bool
	inUIDL   int    // lines of UIDL
	inList   int    // lines of LIST
	flaws    int    // lines that make no sense, and listings that were cut short
	held     int    // messages without a name, which they would get twice: they are not shown
	seq      uint64 // stands for all of it (state.ListingSeq), 0 where it is not enough to know what is there
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
	var noUIDL error
	questions := []question{
		{"STAT", func(text string, err error) error {
			if err == nil {
				l.stat, l.hasStat = parseStat(text)
				l.messages = make([]message, 0, min(l.stat, maxAhead))
			}
			return nil
		}},
		{"UIDL", func(_ string, err error) error {
			if noUIDL = err; err != nil {
				return nil
			}
			l.hasUIDL = true
			return l.unlessCut(s.c.lines(maxMessages, l.addUIDL))
		}},
		{"LIST", func(_ string, err error) error {
			if err != nil {
				return nil
			}
			l.hasList = true
			return l.unlessCut(s.c.lines(maxMessages, l.addSize))
		}},
	}
	if err := s.c.ask(questions...); err != nil {
		return err
	}
	l.sort()
	if err := s.askSingly(l); err != nil {
		return err
	}
	if noUIDL != nil && !l.hasUIDL {
		if err := s.withoutUIDL(noUIDL); err != nil {
			return err
		}
	}
	if !l.hasUIDL && !l.hasList {
		return errors.New("server answers neither UIDL nor LIST")
	}
	l.seq = l.sequence()
	s.list = l
	return nil
}

// sequence is made of what each message is known by. Where the listing is not complete, or a message has no unique-id of
// its own, another message could be in its place, and there is none.
func (l *listing) sequence() uint64 {
	if !l.hasUIDL || !l.complete() {
		return 0
	}
	sum := sha256.New()
	var b []byte
	for _, m := range l.messages {
		if m.text == "" {
			return 0
		}
		b = binary.LittleEndian.AppendUint64(b[:0], uint64(m.size))
		b = binary.LittleEndian.AppendUint64(b, uint64(len(m.text)))
		sum.Write(append(b, m.text...))
	}
	return state.ListingSeq([sha256.Size]byte(sum.Sum(b[:0])))
}

// unlessCut takes a refusal in the middle of a listing for its end: what precedes it is
// known, and the listing is not complete.
func (l *listing) unlessCut(err error) error {
	if _, refused := asRefusal(err); refused {
		l.flaws++
		return nil
	}
	return err
}

// withoutUIDL judges a refused UIDL. Messages are named by their digests only where the
// server does not know the command: to name them so because of a passing problem would
// bring every message a second time.
func (s *session) withoutUIDL(err error) error {
	if err := s.a.o.Numbers.Load(); err != nil {
		return err
	}
	r, _ := asRefusal(err)
	if r.code != "" || r.later() || s.c.caps.has("UIDL") || s.a.o.Numbers.hasUIDLs() {
		return fmt.Errorf("list the unique-ids: %w", fault(err))
	}
	return nil
}

// addUIDL takes a line of UIDL: a number, a blank, and what is left is the unique-id,
// whatever it holds (RFC 1939 section 7 has 1 to 70 printable characters).
func (l *listing) addUIDL(line []byte, complete bool) {
	l.inUIDL++
	no, uidl, ok := scanListing(line)
	if !ok {
		l.flaws++
		return
	}
	m := message{no: no, size: -1, inAll: inUIDL}
	// One that is too long is not one.
	if uidl = bytes.TrimRight(uidl, " \t"); !complete {
		m.inAll |= tooLong
	} else if len(uidl) > 0 {
		m.text = textOf(uidl)
	}
	l.messages = append(l.messages, m)
}

// addSize takes a line of LIST: a number and a size; a server may add more
// (RFC 1939 section 5).
func (l *listing) addSize(line []byte, _ bool) {
	l.inList++
	no, rest, ok := scanListing(line)
	if !ok {
		l.flaws++
		return
	}
	m := message{no: no, size: -1, inAll: inList}
	for first := range bytes.FieldsSeq(rest) {
		if n, ok := number(first); ok && n < hugeMessage {
			m.size = n
		}
		break
	}
	if l.next < len(l.messages) {
		if j := &l.messages[l.next]; j.no == no && j.inAll&inList == 0 {
			j.size, j.inAll = m.size, j.inAll|inList
			l.next++
			return
		}
	}
	l.messages = append(l.messages, m)
}

// sort joins the lines of UIDL and LIST by message number, and finds unique-ids that are
// not unique.
func (l *listing) sort() {
	if byNumber := func(a, b message) int { return int(a.no) - int(b.no) }; !slices.IsSortedFunc(l.messages, byNumber) {
		slices.SortStableFunc(l.messages, byNumber)
	}
	joined := l.messages[:0]
	for _, m := range l.messages {
		last := len(joined) - 1
		if last < 0 || joined[last].no != m.no {
			joined = append(joined, m)
			continue
		}
		j := &joined[last]
		again := j.inAll & m.inAll & (inList | inUIDL)
		if again != 0 {
			l.flaws++
		}
		// Of two sizes or two unique-ids neither is to be believed.
		switch j.inAll |= m.inAll | again<<2; {
		case j.inAll&twiceInUIDL != 0:
			j.text = ""
		case m.text != "":
			j.text = m.text
		}
		switch {
		case j.inAll&twiceInList != 0:
			j.size = -1
		case m.size >= 0:
			j.size = m.size
		}
	}
	l.messages = slices.Clip(joined)
	l.unrepeat()
}

// unrepeat takes the unique-id from messages that share it.
func (l *listing) unrepeat() {
	if l.ascends() {
		return
	}
	seen := make(map[string]int, len(l.messages))
	for i := range l.messages {
		if t := l.messages[i].text; t != "" {
			seen[t]++
		}
	}
	for i := range l.messages {
		if m := &l.messages[i]; m.text != "" && seen[m.text] > 1 {
			m.text = ""
			m.inAll |= repeats
		}
	}
}

// ascends reports whether each message has a unique-id that is greater than the one before. Many servers count them, and then
// no two are the same.
func (l *listing) ascends() bool {
	last := ""
	for i := range l.messages {
		if text := l.messages[i].text; text > last {
			last = text
		} else {
			return false
		}
	}
	return true
}

// complete reports whether absence from this listing means anything: both answers are there,
// made sense, and agree with each other and with STAT on which messages there are.
func (l *listing) complete() bool {
	if !l.hasStat || !l.hasList || l.flaws > 0 || l.held > 0 || l.stat != len(l.messages) || len(l.trouble) > 0 {
		return false
	}
	want := inList
	if l.hasUIDL {
		want |= inUIDL
	}
	for i, m := range l.messages {
		// A session that has deleted nothing yet counts from 1 (RFC 1939 section 5).
		if m.inAll&^(repeats|tooLong) != want || int(m.no) != i+1 {
			return false
		}
	}
	return true
}

// count is how many messages there are, by the answer that has most.
func (l *listing) count() int { return max(len(l.messages), l.stat) }

// flaw is why a listing is not complete.
func (l *listing) flaw() string {
	shown := func(known bool, n int) string {
		if !known {
			return "(no answer)"
		}
		return strconv.Itoa(n)
	}
	text := fmt.Sprintf("the server's listing is not complete: of its messages STAT counts %s, LIST names %s, UIDL %s",
		shown(l.hasStat, l.stat), shown(l.hasList, l.inList), shown(l.hasUIDL, l.inUIDL))
	if l.flaws > 0 {
		text += "; some of it makes no sense or was cut short"
	}
	if l.held > 0 {
		text += fmt.Sprintf("; %d without a unique-id were left for the next run, as they may be here already", l.held)
	}
	return text + "; nothing counts as gone and nothing is deleted"
}

// octets is the sum of the sizes.
func (l *listing) octets() int64 {
	var n int64
	for _, m := range l.messages {
		n += max(0, m.size)
	}
	return n
}

// find returns a message by its UID, nil where it is not listed.
func (l *listing) find(uid state.UID) *message {
	if i, ok := l.byUID[uid]; ok {
		return &l.messages[i]
	}
	return nil
}
