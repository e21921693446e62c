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
	// not there. What Body's reader failed with is passed here as well.
	Done(item Item, err error)
}

// CountingWork is Work that counts what arrives while it does. Arriving gets the octets of a message of an item that
// were received before Body gets that message; Body's reader reads them once more.
type CountingWork interface {
	Work
	Arriving(item Item, octets int)
}

// MeasuredWork is Work that knows how much Next will still hand out, about. Connections are made for as much as that only.
type MeasuredWork interface {
	Work
	Left() (messages int, octets int64)
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

// SeenWork is Work that has to know of a server that sets \Seen on what is fetched, as
// none may do (RFC 9051 section 6.4.5). Marked gets the messages, after their items
// are done, and whether \Seen was removed from them again.
type SeenWork interface {
	Work
	Marked(raw string, uids []UID, undone bool)
}

// Incoming is a message on its way from the server to the disk.
type Incoming struct {
	UID     UID
	Variant uint8 // 0 means 1
	Token   string
	Flags   Flags // the server's as the body came, or as the scan saw them
	Date    int64 // INTERNALDATE in seconds since 1970, or NoDate
	Size    int64 // octets announced by the literal; -1 unknown
}

// Placed is a file in its place.
type Placed struct {
	Name  string // "cur/…" or "new/…"
	Flags Flags  // those its name carries, which may be fewer than were wanted
	Found bool   // it was there before
}

// Received is a body that is complete, fsynced and closed in tmp/.
type Received struct {
	Incoming
	Tmp    string // its name in tmp/
	Digest [DigestSize]byte
	Bytes  int64 // octets that came
	OnDisk int64 // octets in the file
	Form   Form
	Headed bool // they begin with a header field (RFC 5322 section 2.2)
	// Confirmed: the digest in the file's name is that of its bytes, as the server had
	// sent them (only from Inspect).
	Confirmed bool
	// Silent is that of OnDisk (only from Inspect).
	Silent bool
	// What follows is only for Link. Fresh: nobody has seen the message where its file
	// is linked to, whoever has seen that file elsewhere. Durable: the file was synced in
	// this run. Apart: it is to be copied where it could be linked. Respell: the letters
	// a to z in its name are another Maildir's, so its keywords are those in Flags.
	Fresh, Durable, Apart, Respell bool
	// Hints are only from Inspect.
	Hints Hints
}

// Hints are what the name of a file of ours has about its bytes. It may be wrong.
type Hints struct {
	OnDisk int64  // octets in the file, -1 unknown
	Bytes  int64  // octets the server sent, -1 unknown
	Hash   string // the beginning of their digest, "" unknown
}

// patience is how often a reader may return neither octets nor an error before it is given up.
const patience = 100

// Fill reads a body into p. The error is nil once p is full, io.EOF where the body ended
// before, and else the reader's own; n octets were read in each case.
//
// Only io.EOF itself ends a body. io.ReadFull is not for bodies: it returns
// io.ErrUnexpectedEOF where a body ends within p, which is what a reader returns when its
// connection was cut, and it drops an error that arrives with the last octet.
func Fill(r io.Reader, p []byte) (n int, err error) {
	for idle := 0; n < len(p) && err == nil; {
		var k int
		k, err = r.Read(p[n:])
		if n += k; k > 0 {
			idle = 0
		} else if idle++; err == nil && idle >= patience {
			err = io.ErrNoProgress
		}
	}
	return n, err
}
