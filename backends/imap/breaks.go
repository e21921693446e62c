package imap

import (
	"errors"
	"os"
	"slices"
	"sync"

	"mailsync/state"
)

// A connection that breaks breaks at something: at a mailbox, at one message, or at nothing that
// can be named. What breaks it twice in a run is left out for the rest of the run, and the others
// are done over new connections; only what is tied to no object, or happens at several of them
// in a row, is the server's fault (spec 3.3, spec 5.8).

// How many connections may break.
const (
	// maxTimes is how often they may at one object.
	maxTimes = 2
	// maxBroken is how many may in a row, before they did anything, at different objects or
	// by the server's silence, for those cost a timeout each.
	maxBroken = 3
	// maxBreaks are in all, in a row: where each of them ends at once, the bad one among many
	// messages is found by halves.
	maxBreaks = 16
)

// object is a mailbox, or one message of it. The zero object stands for the server, or for several messages.
type object struct {
	raw string
	uid state.UID // 0: the mailbox
	// aside means that the mailbox could be opened, or was not to be, when the connection broke:
	// other things can still be done with it.
	aside bool
	name  string // of a file that was to be appended, which has no UID yet
}

// verdict is what is at fault where a connection broke.
type verdict int

const (
	tryAgain verdict = iota // the object's, perhaps: it is tried once more
	ofObject
	ofServer
	ofNone // it is tied to no object
)

// breaks remembers at what the connections of an account broke. It is safe for concurrent use.
type breaks struct {
	mu     sync.Mutex
	all    int              // in a row
	silent int              // of these, ended by the server's silence
	row    []object         // at which they broke, in a row
	sent   []object         // messages to be appended at which any broke, in a row
	times  map[object]int   // since something was done with it last
	left   map[string]error // mailboxes that are left out, with the reason
}

// at notes that a connection broke at an object.
func (b *breaks) at(o object, err error) verdict {
	switch {
	case b.many(o, err):
		return ofServer
	case o == object{}:
		return ofNone
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.times == nil {
		b.times, b.left = map[object]int{}, map[string]error{}
	}
	if b.times[o]++; b.times[o] < maxTimes {
		return tryAgain
	}
	if o.aside {
		delete(b.times, o)
	} else {
		b.left[o.raw] = o.fault(err)
	}
	return ofObject
}

// atAppend is many for a message that was to be appended. The second try of one proves no more than
// the first.
func (b *breaks) atAppend(message object, err error) bool {
	b.mu.Lock()
	again := slices.Contains(b.sent, message)
	b.sent = append(b.sent, message)
	b.mu.Unlock()
	return !again && b.many(message, err)
}

// many notes that a connection broke at an object before it did anything, and reports whether
// that is one too many in a row.
func (b *breaks) many(o object, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all++
	o.aside = false
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.silent++
	case o != object{} && !slices.Contains(b.row, o):
		b.row = append(b.row, o)
	}
	return b.all >= maxBreaks || b.silent+len(b.row) >= maxBroken
}

// any reports whether the connection before this one broke before it did anything.
func (b *breaks) any() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all > 0
}

// clear notes that a connection did something.
func (b *breaks) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all, b.silent, b.row, b.sent = 0, 0, nil, nil
}

// worked notes that what was to be done with a mailbox was done.
func (b *breaks) worked(raw string) {
	b.clear()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.times, object{raw: raw})
	delete(b.times, object{raw: raw, aside: true})
}

// once reports whether a connection broke at a mailbox, and nothing was done with it since.
func (b *breaks) once(raw string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.times[object{raw: raw}] > 0
}

// leftOut returns why a mailbox is left out for the rest of the run, nil where it is not.
func (b *breaks) leftOut(raw string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left[raw]
}

// fault makes a broken connection an object's failure, which does not end the run.
func (o object) fault(err error) error {
	return state.Faultf(state.Other, "%w: %w", state.ErrBreaks, err).
		WithHint("only this is given up, the rest goes on over new connections; the server's log may say why, and exclude leaves a mailbox out")
}

// breakAt is an error with the object at which the connection broke.
type breakAt struct {
	object
	err error
}

func (b *breakAt) Error() string { return b.err.Error() }
func (b *breakAt) Unwrap() error { return b.err }

// tied ties an error to an object, if the connection broke.
func (s *session) tied(o object, err error) error {
	if err == nil || !s.broken.Load() {
		return err
	}
	return &breakAt{o, err}
}

// blamed is the object at which a connection broke while a mailbox was worked on, "" none.
func blamed(raw string, err error) object {
	var at *breakAt
	switch {
	case errors.As(err, &at):
		return at.object
	case raw == "":
		return object{}
	}
	return object{raw: raw, aside: true}
}

// isNotNow reports whether the server put us off, and not for how much we ask: one mailbox
// may always be answered so.
func isNotNow(err error) bool {
	r, refused := asRefusal(err)
	return refused && !r.slowDown()
}
