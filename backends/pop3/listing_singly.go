package pop3

import (
	"bytes"
	"cmp"
	"slices"
)

// A listing of unique-ids may leave messages out that STAT and LIST have. They are asked
// for one by one (UIDL with a number, RFC 1939 section 7).

// How many are asked for in a session at most; where commands cannot be sent ahead, each costs
// a round trip.
const (
	maxSingles     = 4096
	maxSinglesSlow = 512
)

// askSingly asks for the unique-ids of messages that the listing does not name. A server that
// names none of a batch is asked for no more.
func (s *session) askSingly(l *listing) error {
	if s.a.avoided["UIDL n"] {
		return nil
	}
	most := maxSinglesSlow
	if s.c.pipelines() {
		most = maxSingles
	}
	first := 1 // where UIDL was refused it is probably not known
	if l.hasUIDL {
		first = batch - 1
	}
	named := map[int32]string{}
	for left := l.nameless(most); len(left) > 0; {
		part := left[:min(first, len(left))]
		left, first = left[len(part):], batch-1
		before := len(named)
		if err := s.askUIDLs(part, named); err != nil {
			s.a.avoided["UIDL n"] = true
			return err
		}
		if len(named) == before {
			break
		}
	}
	l.nameAs(named)
	return nil
}

// askUIDLs asks for some unique-ids. The NOOP behind them shows whether each had one line for
// its answer: a server that does not look at the number lists them all, and those lines
// would be taken for the next answers.
func (s *session) askUIDLs(numbers []int32, named map[int32]string) error {
	var questions []question
	for _, no := range numbers {
		questions = append(questions, question{about("UIDL", no), func(text string, err error) error {
			if uidl, ok := singleUIDL(text, no); err == nil && ok {
				named[no] = uidl
			}
			return nil
		}})
	}
	return s.c.ask(append(questions, question{"NOOP", func(string, error) error { return nil }})...)
}

// singleUIDL reads the answer to UIDL with a number: the unique-id, as the base keeps it.
func singleUIDL(answer string, no int32) (text string, ok bool) {
	of, uidl, ok := scanListing([]byte(answer))
	uidl = bytes.TrimRight(uidl, " \t")
	return textOf(uidl), ok && of == no && len(uidl) > 0
}

// nameless are the numbers, at most so many, of messages that there are and that the listing
// of unique-ids does not name. One that shares its unique-id with another, or has one that is too
// long to be read, would be named in the same way again.
func (l *listing) nameless(most int) (numbers []int32) {
	next := 1 // the lowest number that was not looked at
	upTo := func(end int) {
		for ; next < end && next <= l.stat && len(numbers) < most; next++ {
			numbers = append(numbers, int32(next))
		}
	}
	for _, m := range l.messages {
		upTo(int(m.no))
		if next = int(m.no) + 1; m.text == "" && m.inAll&(repeats|tooLong) == 0 && len(numbers) < most {
			numbers = append(numbers, m.no)
		}
	}
	upTo(l.stat + 1)
	return numbers
}

// nameAs takes unique-ids that were asked for singly, but for those that several messages have.
func (l *listing) nameAs(named map[int32]string) {
	if len(named) == 0 {
		return
	}
	times := map[string]int{}
	for _, m := range l.messages {
		times[m.text]++
	}
	for _, text := range named {
		times[text]++
	}
	for no, text := range named {
		if times[text] > 1 {
			continue
		}
		i, there := l.at(no)
		if !there {
			l.messages = slices.Insert(l.messages, i, message{no: no, size: -1})
		}
		l.messages[i].text = text
		l.hasUIDL = true
	}
}

// at finds a message by its number, or where it would be.
func (l *listing) at(no int32) (i int, there bool) {
	return slices.BinarySearchFunc(l.messages, no, func(m message, no int32) int { return cmp.Compare(m.no, no) })
}
