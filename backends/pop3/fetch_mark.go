package pop3

import (
	"mailsync/backends/reach"
)

// Behind each message follows a mark: a command whose answer is known before. A server that answers a RETR
// with two messages, or with none, would have each later message taken for the one before it, and where
// their sizes are equal nothing else tells them apart; so would one that numbers its messages anew while
// the session lasts. With the mark an answer that is not the message's own shows at that message, before
// it counts. Where commands can be sent ahead it takes no round trip.

// mark is the command behind a message: the first of these whose answers make sense to us. Behind the last
// nothing is sent ahead.
type mark string

const (
	markUIDL mark = "UIDL n" // answered with the number and the unique-id
	markLIST mark = "LIST n" // answered with the number
	markSTAT mark = "STAT"
)

func (f *fetching) mark(m *message) mark {
	switch {
	case m.text != "" && !f.a.avoided[string(markUIDL)]:
		return markUIDL
	case f.s.list.hasList && !f.a.avoided[string(markLIST)]:
		return markLIST
	}
	return markSTAT
}

// of is the command for a message.
func (k mark) of(m *message) string {
	switch k {
	case markUIDL:
		return about("UIDL", m.no)
	case markLIST:
		return about("LIST", m.no)
	}
	return string(k)
}

// known reports whether a mark was answered as it has to be. Where the session had no answer to STAT
// that makes sense there is nothing to hold one against, and its listing is not complete: nothing is deleted.
func (k mark) known(l *listing, m *message, text string, refused bool) bool {
	switch k {
	case markUIDL:
		return !refused && m.uidl(text) == m.text
	case markLIST:
		no, size, ok := scanListing([]byte(text))
		return !refused && ok && no == m.no && startsWithNumber(size)
	}
	now, ok := parseStat(text)
	return !l.hasStat || !refused && ok && now == l.stat
}

// startsWithNumber reports whether a line of LIST goes on with a size, and not with words.
func startsWithNumber(rest []byte) bool { return len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' }

// marked reads the answer to the mark behind a message, and reports to work the items that ended with it.
// What is not the answer may be the fault of the message or of the mark: the next connection asks
// otherwise.
func (f *fetching) marked(at *ask, refused bool) error {
	c, ahead, k := f.s.c, f.ahead() && !at.again, f.mark(at.msg)
	text, err := "", error(nil)
	if !ahead {
		if err = c.put(k.of(at.msg)); err == nil {
			err = c.flush()
		}
	}
	if err == nil {
		text, err = c.reply()
	}
	switch _, no := asRefusal(err); {
	case err != nil && !no:
	case k.known(f.s.list, at.msg, text, no) || refused && no: // what is not handed out may not be listed either
		err = nil
		if !ahead || f.over && f.window.sent == 0 {
			err = c.silent()
		}
	default:
		err = c.garbled("server answered %s behind message %d with %s", k.of(at.msg), at.msg.no, c.spoken(text))
	}
	if err == nil {
		f.suspect = nil
		f.finish()
		return nil
	}
	if f.suspect != nil && (!reach.HungUp(err) || at.again) {
		return f.doubted(at, err)
	}
	return err
}

// doubted notes that a connection broke where the mark behind a message may be what the server gets wrong.
func (f *fetching) doubted(at *ask, err error) error {
	if k := f.mark(at.msg); k != markSTAT {
		f.unclear = isGarbled(err)
		f.a.avoided[string(k)] = true
	}
	return err
}
