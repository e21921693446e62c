package state

import (
	"math"
	"net/mail"
	"strings"
)

// Status is where a message stands between server and disk.
type Status uint8

// The states of a message. Live is settled; OnlyHere, KeptAway, Skipped and Archived are
// settled too, for they need nothing done; the others are planned again in every run
// until they settle.
const (
	Live        Status = iota // on the server and on disk
	OnlyHere                  // on disk; the server had it once
	KeptAway                  // on the server; the user removed the file
	Skipped                   // on the server; larger than max_size
	Accepted                  // on the server; the user accepts that it cannot be fetched
	Outstanding               // on the server; not here yet, or its fetch failed
	Gone                      // was Live, was deleted on the server; not carried over yet
	Doubtful                  // Live, but what the server has may be something else: fetched once more
	Unstable                  // Live; the server sends other bytes each time
	Released                  // archive may delete the server's copy in this run
	Archived                  // not on the server; its file is in an archive Maildir
	Longer                    // Live; more octets arrived than the server announces
	Shorter                   // Live; a little less arrived than it announces, which may be an estimate
	Lacking                   // Live; far less arrived than it announces, or nothing that is a message
)

var statusNames = [...]string{"live", "only here", "kept away", "skipped", "accepted",
	"outstanding", "gone", "doubtful", "unstable", "released", "archived", "longer", "shorter", "lacking"}

// Statuses is how many there are.
const Statuses = len(statusNames)

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// Settled reports whether nothing is left to do for a message in this state.
func (s Status) Settled() bool {
	switch s {
	case Outstanding, Gone, Doubtful, Released:
		return false
	}
	return true
}

// HasFile reports whether the base expects a file on disk in this state.
func (s Status) HasFile() bool {
	switch s {
	case Live, OnlyHere, Gone, Doubtful, Unstable, Released, Longer, Shorter, Lacking:
		return true
	}
	return false
}

// Misfit reports whether a message's bytes were fetched, and are not as many as the server announces.
func (s Status) Misfit() bool { return s == Longer || s == Shorter || s == Lacking }

// OnServer reports whether the base expects the message on the server in this state.
func (s Status) OnServer() bool { return s != OnlyHere && s != Gone && s != Archived }

// Form is how a message's bytes are stored in its file.
type Form uint8

// The forms of a file.
const (
	FormUnknown Form = iota // adopted, not read yet
	FormLF                  // CRLF became LF; the server's bytes are rebuilt by the reverse
	FormRaw                 // byte for byte: it holds a bare CR or a bare LF, or no line end at all
)

// Record is what the base knows of one message: 40 bytes.
//
// It has two flag words. Seen is the server's flags as of the mailbox's ModSeq;
// Agreed is what server and disk last agreed on. A change of the server's that has
// not reached the disk is Seen≠Agreed.
type Record struct {
	UID     UID
	Variant uint8
	Status  Status
	Form    Form
	Tries   uint8 // of a message in doubt: sessions in which its bytes were fetched; of a Misfit 2: they were the same
	Seen    Flags
	Agreed  Flags
	Size    int64 // octets as announced, RFC822.SIZE; -1 unknown
	Date    int64 // INTERNALDATE in seconds since 1970, or NoDate
}

// DigestSize is the length of a SHA-256 in bytes.
const DigestSize = 32

// Proof is what is known of a message's bytes, kept apart from Record because a run
// with nothing to prove never loads it.
type Proof struct {
	UID      UID
	Digest   [DigestSize]byte // SHA-256 of the bytes the server sent
	Bytes    int64            // how many those were
	ByServer bool             // the bytes came from the server; false: the digest was taken from a file
	EmailID  string           // EMAILID or X-GM-MSGID, "" unknown
	// Fetched is when these bytes became durable here, in seconds since 1970 by our clock; 0
	// unknown. Of a file that was adopted it is when that was done: how long it had been
	// here before, nobody knows.
	Fetched int64
}

// Proves reports whether bytes that were read are those that are recorded.
func (p *Proof) Proves(r *Received) bool { return p.Digest == r.Digest && p.Bytes == r.Bytes }

// UIDL ties a POP3 unique-id (RFC 1939 section 7), of any bytes and length, to the UID
// that stands for it inside the program.
type UIDL struct {
	UID  UID
	UIDL string
}

// Tally counts a generation's records by what a user asks about: OnServer those with
// Status.OnServer, Here those that have a file (OnlyHere among them), the others
// those of that one status. The base keeps it; what a caller writes into it is ignored.
type Tally struct {
	OnServer, Here, Outstanding, KeptAway, Skipped, OnlyHere int
	HereBytes                                                int64
	// Doubtful are those in doubt whatever else is known of the server. Estimated are those that are
	// in doubt unless its sizes are estimates. Misfits are all with Status.Misfit.
	Doubtful, Estimated, Misfits int
}

// InDoubt is how many messages are here and may not be what the server has.
func (t Tally) InDoubt(estimates bool) int {
	if estimates {
		return t.Doubtful
	}
	return t.Doubtful + t.Estimated
}

// Add counts one more record.
func (t *Tally) Add(r Record) { t.count(r, 1) }

// Take counts one record less: it undoes an Add of the same record.
func (t *Tally) Take(r Record) { t.count(r, -1) }

func (t *Tally) count(r Record, n int) {
	if r.Status.OnServer() {
		t.OnServer += n
	}
	if r.Status.HasFile() {
		t.Here += n
		if r.Size > 0 {
			t.HereBytes += int64(n) * r.Size
		}
	}
	if r.Status.Misfit() {
		t.Misfits += n
	}
	switch r.Status {
	case Outstanding:
		t.Outstanding += n
	case KeptAway:
		t.KeptAway += n
	case Skipped:
		t.Skipped += n
	case OnlyHere:
		t.OnlyHere += n
	case Doubtful, Unstable, Lacking:
		t.Doubtful += n
	case Longer:
		if r.Tries < 2 {
			t.Estimated += n
		}
	case Shorter:
		t.Estimated += n
	}
}

// NoDate is the date of a message whose INTERNALDATE is missing, unreadable or none.
// Such a message is never old.
const NoDate = math.MinInt64

// firstDate is the first second of 1971.
const firstDate = 365 * 24 * 60 * 60

// DateOf is a message's date in seconds since 1970, or NoDate for what is not a date: servers that
// know no date send the zero of their clock (30-Dec-1899, 01-Jan-1970, the latter in any time
// zone), and file systems have the zero of theirs. No message on a server is as old as that.
func DateOf(seconds int64) int64 {
	if seconds < firstDate {
		return NoDate
	}
	return seconds
}

// lastDate is the end of year 9999: what is later is not the date of a message.
const lastDate = 253402300799

// ParseDate reads a date as headers have it (RFC 5322 section 3.3), in seconds since 1970; NoDate for what is not a date.
func ParseDate(text string) int64 {
	when, err := mail.ParseDate(strings.TrimSpace(text))
	if err != nil || when.Unix() > lastDate {
		return NoDate
	}
	return DateOf(when.Unix())
}
