package pop3

import "strconv"

// Behind each message comes a mark: a command whose answer is known before. A server that answers a RETR
// with two messages, or with none, would have each later message taken for the one before it, and where
// their sizes are equal nothing else tells them apart. With the mark an answer that is not the message's
// own shows at that message, before it counts. Where commands can be sent ahead it takes no round trip.

// mark is the command behind a message. LIST with its number is answered with that number. Where that
// makes no sense it is STAT, and nothing is sent ahead.
func (f *fetching) mark(m *message) string {
	if f.numbers() {
		return listOf(int(m.no))
	}
	return "STAT"
}

// numbers reports whether marks are LIST with a number.
func (f *fetching) numbers() bool { return f.s.list.hasList && !f.a.avoided["LIST n"] }

func listOf(no int) string { return "LIST " + strconv.Itoa(no) }

// marked reads the answer to the mark behind a message, and tells work of the items that ended with it.
// What is not the answer may be the fault of the message or of the mark: the next connection asks
// otherwise.
func (f *fetching) marked(at *ask, refused bool) error {
	c, ahead := f.s.c, f.ahead()
	text, err := "", error(nil)
	if !ahead {
		if err = c.put(f.mark(at.msg)); err == nil {
			err = c.flush()
		}
	}
	if err == nil {
		text, err = c.reply()
	}
	switch _, no := asRefusal(err); {
	case err != nil && !no:
	case f.known(at.msg, text, no) || refused && no: // what is not handed out may not be listed either
		err = nil
		if !ahead || f.over && f.sent == 0 {
			err = c.silent()
		}
	default:
		err = c.garbled("server answered %s behind message %d with %s", f.mark(at.msg), at.msg.no, c.spoken(text))
	}
	if err == nil {
		f.suspect = nil
		f.finish()
		return nil
	}
	if f.suspect != nil && (!hungUp(err) || at.again) {
		return f.doubted(err)
	}
	return err
}

// doubted notes that a connection broke where the mark behind a message may be what the server gets wrong.
func (f *fetching) doubted(err error) error {
	if f.numbers() {
		f.unclear = isGarbled(err)
		f.a.avoid("LIST n")
	}
	return err
}

// known reports whether a mark was answered as it has to be. Where the session had no answer to STAT
// that makes sense there is nothing to hold one against, and its listing is not complete: nothing is deleted.
func (f *fetching) known(m *message, text string, refused bool) bool {
	if f.numbers() {
		no, size, ok := scanListing([]byte(text))
		return !refused && ok && no == int(m.no) && startsWithNumber(size)
	}
	now, err := parseStat(text)
	return !f.s.list.hasStat || !refused && err == nil && now.messages == f.s.list.stat.messages
}

// startsWithNumber tells a line of LIST from words that begin with a number.
func startsWithNumber(rest []byte) bool { return len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' }
