package pop3

import "mailsync/state"

// ask is one message of a parcel.
type ask struct {
	p     *parcel
	uid   state.UID
	msg   *message // as this connection lists it
	tries int      // connections that broke at it
	// again says that work has the message, and that no answer followed it: it is read once
	// more to see whether the same comes.
	again bool
	came  uint64 // the sum of its octets
	led   bool   // it began like an answer
}

// How much is asked for ahead of answers (RFC 2449 section 6.8). The commands always
// fit the buffers between us, some 12 KB, so that writing never waits for a server that
// waits for us to read. The octets are a distant server's: 32 MiB each 40 ms are more than
// most lines carry, and none of them is kept in memory here.
const (
	windowCommands = 512
	windowOctets   = 32 << 20
	unknownSize    = 64 << 10 // what a message counts whose size is not told
)

func (m *message) weight() int64 {
	if m.size < 0 {
		return unknownSize
	}
	return m.size
}

// window holds the messages that are to come, in order; the first of them are asked for already.
type window struct {
	asks      []*ask // not answered yet
	sent      int    // how many of them this connection was asked for
	announced int64  // octets of those that were sent
}

func (w *window) empty() bool { return len(w.asks) == 0 }

func (w *window) first() *ask { return w.asks[0] }

// reopen is for a new connection, which was asked for nothing.
func (w *window) reopen() { w.sent, w.announced = 0, 0 }

// halfFull reports whether half of the window is used up.
func (w *window) halfFull() bool {
	return w.sent > windowCommands/2 || w.announced > windowOctets/2
}

// takes reports whether one more message fits. An empty window takes any.
func (w *window) takes(m *message) bool {
	return w.sent == 0 || w.sent < windowCommands && w.announced+m.weight() <= windowOctets
}

// sentNext notes that the next message was asked for.
func (w *window) sentNext() {
	w.announced += w.asks[w.sent].msg.weight()
	w.sent++
}

// pop takes the first ask off.
func (w *window) pop() *ask {
	at := w.asks[0]
	w.asks = w.asks[1:]
	if w.sent > 0 {
		w.sent--
		w.announced -= at.msg.weight()
	}
	return at
}
