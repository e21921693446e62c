package state

import (
	"errors"
	"io"
	"maps"
	"slices"
)

// Item is what one command fetches: some UIDs of one mailbox, in ascending order.
type Item struct {
	ID          int // the engine's own
	Raw         string
	UIDValidity uint32
	UIDs        []UID
	Bytes       int64 // the sum of their announced sizes
	Unseen      []UID // those that the scan saw without \Seen, sorted
}

// Work hands out items and takes bodies. Its methods are called from several
// goroutines, one a connection.
type Work interface {
	// Next returns the next item for a connection that has the mailbox selected ("" if
	// none), or false when there is nothing more to begin.
	Next(selected string) (Item, bool)
	// Body takes one message's body. r ends with io.EOF after exactly the announced
	// octets, and with another error where the literal was cut off. Body reads what it
	// wants; the caller skips the rest. It returns an error only to stop the whole Fetch.
	Body(item Item, msg Incoming, r io.Reader) error
	// Done ends an item. err is nil after the tagged OK, and only then do its bodies
	// count; with a *PartError the others do. Messages that came without a body are simply
	// not there. What Body's reader failed with is told here as well.
	Done(item Item, err error)
}

// PartError is the end of an item in which some messages failed and the others did not. A
// body of one that failed does not count, though work was given it.
type PartError struct{ Failed map[UID]error }

func (e *PartError) Error() string { return errors.Join(e.all()...).Error() }

// Unwrap returns the errors in the order of the UIDs.
func (e *PartError) Unwrap() []error { return e.all() }

func (e *PartError) all() (all []error) {
	for _, uid := range slices.Sorted(maps.Keys(e.Failed)) {
		all = append(all, e.Failed[uid])
	}
	return all
}

// SeenWork is Work that wants to know of a server that sets \Seen on what is fetched, as
// none may do (RFC 9051 section 6.4.5). Marked is told of the messages, after their items
// are done, and whether \Seen was taken off them again.
type SeenWork interface {
	Work
	Marked(raw string, uids []UID, undone bool)
}
