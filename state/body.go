package state

import "io"

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

// Received is a body that lies whole, fsynced and closed in tmp/.
type Received struct {
	Incoming
	Tmp    string // its name in tmp/
	Digest [DigestSize]byte
	Bytes  int64 // octets that came
	OnDisk int64 // octets in the file
	Form   Form
	Headed bool // they begin with a header field (RFC 5322 section 2.2)
	// Vouched says that the file's name told the digest of its bytes, as the server had
	// sent them (only from Inspect).
	Vouched bool
	// Silent says that the file's name says nothing about flags but those in Flags (only from
	// Inspect).
	Silent bool
	// What follows is only for Link. Fresh says that nobody has seen the message where its file
	// is linked to, whoever has seen that file elsewhere; Durable that the file was synced in
	// this run; Apart that it is to be copied where it could be linked; Respell that the letters
	// a to z in its name are another Maildir's, so that its keywords are those in Flags.
	Fresh, Durable, Apart, Respell bool
	// Hints are what the file's name says (only from Inspect).
	Hints Hints
}

// Hints are what the name of a file of ours says of its bytes. It may be wrong.
type Hints struct {
	OnDisk int64  // octets in the file, -1 unknown
	Bytes  int64  // octets the server sent, -1 unknown
	Hash   string // the beginning of their digest, "" unknown
}

// patience is how often a reader may bring neither octets nor an error before it is given up.
const patience = 100

// Fill reads a body into p. The error is nil once p is full, io.EOF where the body ended
// before, and else the reader's own; n octets came in each case.
//
// Only io.EOF as it is ends a body. io.ReadFull is not for bodies: it says
// io.ErrUnexpectedEOF where a body ends within p, which is what a reader says whose
// connection was cut, and it drops an error that comes together with the last octet.
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
