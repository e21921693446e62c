package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// Mark is how far a mailbox was known when it was last scanned: what the answer to STATUS or
// SELECT was then.
type Mark struct {
	UIDValidity uint32 // 0: the server sent none, or an impossible one
	UIDNext     uint32 // 0: not known
	ModSeq      uint64 // HIGHESTMODSEQ (RFC 7162), or a ListingSeq; 0: the mailbox has none
	Exists      uint32
}

// ListingSeq is in place of a MODSEQ, which has 63 bits (RFC 7162 section 4), where the server lists its messages and counts no
// changes. It is made of a digest of the whole listing: the same as long as the server lists the same, and
// neither earlier nor later than another one.
func ListingSeq(digest [DigestSize]byte) uint64 { return binary.BigEndian.Uint64(digest[:]) | 1<<63 }

// IsListing reports whether a mark has a ListingSeq.
func (m Mark) IsListing() bool { return m.ModSeq>>63 == 1 }

// OnServer is one message as a scan of the server saw it: 32 bytes.
type OnServer struct {
	UID   UID
	Flags Flags
	Size  int64 // RFC822.SIZE in octets, -1 unknown
	Date  int64 // INTERNALDATE in seconds since 1970, or NoDate
}

// ScanRequest is what of a mailbox has to be looked at.
type ScanRequest struct {
	Raw      string
	Since    Mark      // what the base knows; the zero Mark, or Full, asks for everything
	Known    int       // how many messages the base believes to be on the server
	KnownUID []UID     // those messages, sorted; only needed where Since is given
	Full     bool      // compare everything, whatever Since allows
	Writable bool      // open it as for changes, where this run may change anything: then Permanent is certain
	Anew     bool      // over a new connection: an older one may show what it knew before
	Lost     bool      // files of the mailbox are here, and the base knows nothing of them
	Keywords *Keywords // names the flags in the answer; new names get bits
}

// ExpectedScan is a scan that will be asked for, as far as it is known before: KnownUID is not.
type ExpectedScan struct {
	ScanRequest
	Now Mark // what the listing says of the mailbox
}

// ServerSnapshot is a mailbox as one scan saw it.
//
// With All set its scope is every UID: one
// that is not in Messages is not on the server. Otherwise its scope is the
// UIDs in Messages (there) and Gone (not there), and everything else is as the
// base last saw it. Absence counts only if Complete is set.
type ServerSnapshot struct {
	Mark      Mark
	All       bool
	Complete  bool       // spec 5.3: tagged OK, as many UIDs as EXISTS, all valid, unique, 32-bit
	Messages  []OnServer // sorted by UID, unique
	Gone      []UID      // sorted; only without All
	Lowest    UID        // the lowest that the server has; 0 where that was not looked at, or there is none
	Window    bool       // everything that the server shows was listed, and it may show a part only: it was All
	Hides     bool       // there are messages below Lowest that it does not show: nothing can be done with those
	Limit     uint32     // the server shows no more messages than this of any mailbox, as it announced; 0: all
	Permanent Flags      // flags that STORE can change here (PERMANENTFLAGS)
	NewWords  bool       // the server lets clients make new keywords (\*)
	ReadOnly  bool       // it was opened only to be read: what can be changed is not known
	MailboxID string     // OBJECTID, as sent when the mailbox was opened; "" without
	Trouble   []Trouble  // messages that could not be read from the listing
	// Nameless are messages that have no lasting identity (POP3: a unique-id that
	// repeats or is missing), sorted: they are fetched, and never deleted.
	Nameless []UID
	// UIDLs returns the numbers that were given by now, here and to files of the Maildir, and
	// that the base does not know yet; they are committed with the scan. nil except for POP3.
	UIDLs func() []UIDL
}

// FindOnServer returns the place of a UID among messages that are sorted by it, and whether it has one.
func FindOnServer(messages []OnServer, uid UID) (int, bool) {
	return slices.BinarySearchFunc(messages, uid, func(m OnServer, u UID) int { return cmp.Compare(m.UID, u) })
}

// Shows reports whether a message is among those that the scan listed.
func (s *ServerSnapshot) Shows(uid UID) bool {
	_, ok := FindOnServer(s.Messages, uid)
	return ok
}

// Has reports whether a message that was on the server when it was last scanned is still
// there, by a complete snapshot.
func (s *ServerSnapshot) Has(uid UID) bool {
	_, gone := slices.BinarySearch(s.Gone, uid)
	return s.Shows(uid) || !s.All && !gone
}

// Learned is a complete snapshot of everything, once the base has learned what it shows: without its messages,
// which are the base's. Any other is returned as it is.
func (s *ServerSnapshot) Learned() *ServerSnapshot {
	if s == nil || !s.Complete || !s.All {
		return s
	}
	rest := *s
	rest.All, rest.Messages = false, nil
	return &rest
}

// Trouble is one message that a scan or a fetch could not read.
type Trouble struct {
	UID UID // 0: unknown
	Err error
}

// OnDisk is one file of this mailbox's current generation: 32 bytes.
type OnDisk struct {
	UID     UID
	Name    uint32 // offset of its name in DiskSnapshot.Names
	Flags   Flags  // letters that have a name
	Size    int64  // W=: octets the server sent, -1 where the name has none
	Variant uint8  // 1, or n for U<uid>-n
	New     bool   // in new/: fresh mail, without flags
	Hashed  bool   // its name has the digest of its bytes
	Silent  bool   // the name does not show all of its flags: see Spoken
	Hidden  bool   // mail programs do not read the flags in the name as we do
}

// InfoSeps are what is read as the beginning of the info part of a file's name, before "2,": the Maildir
// specification's, what isync and others write where there can be no colon, and what file systems
// of Windows make of one.
var InfoSeps = [...]string{":", ";", "!", "\uf03a"}

// FlagsByName are the flags that a file has by its name. A silent name is one that lost its flags, as on a
// file system without colons: its file has those that were agreed on, and what the name shows.
func FlagsByName(silent bool, shown, agreed Flags) Flags {
	if silent {
		return agreed | shown
	}
	return shown
}

// Foreign is one file that is not of this mailbox's current generation: another
// program's, another mailbox's, or an older generation's.
type Foreign struct {
	Token   string // "" for a file that carries none
	UID     UID
	Variant uint8
	New     bool
	Silent  bool // as in OnDisk
	Flags   Flags
	Letters string // a to z of its name; their keywords are in Flags if the letters are this Maildir's
	Name    string // as in OnDisk: "cur/…" or "new/…"
	Size    int64  // W=, -1 unknown
	Date    int64  // from the name of a file with a token, else NoDate
}

// ClockGrain is more than the coarsest step of the clock that stamps files: two changes
// farther apart than this have different times.
const ClockGrain = 20 * time.Millisecond

// ClockTick is how often that clock moves on, on most systems.
const ClockTick = 4 * time.Millisecond

// DirMark is the result of a stat of a Maildir's directories. Two equal marks, both
// taken when the directories had been quiet for longer than the clock's grain, mean
// that nothing changed between them.
type DirMark struct {
	CurIno, NewIno     uint64
	CurBtime           int64 // birth times and change times in nanoseconds since 1970, 0 where the system has none
	CurCtime, NewCtime int64
	KeywordsCtime      int64 // of dovecot-keywords, 0 without
	MarkerCtime        int64 // of the marker, 0 without
	Trusted            bool  // taken on a local file system, and older than the clock's grain
}

// Same reports whether both marks are of the same directories, whatever happened in
// them. Unequal: the Maildir was copied, restored or moved to another disk.
func (m DirMark) Same(o DirMark) bool {
	return m.CurIno == o.CurIno && m.CurBtime == o.CurBtime && m.NewIno == o.NewIno
}

// DiskSnapshot is a Maildir as a scan of new and cur saw it.
type DiskSnapshot struct {
	Mark     DirMark  // taken before the scan began
	Scanned  bool     // false: nothing was looked at, and the disk is as the base has it
	Complete bool     // a missing UID is proven to be missing (spec 5.4)
	Still    bool     // no name changed while it was taken, as far as can be seen: no file of another program is missing
	Messages []OnDisk // sorted by UID, then Variant, then Name, silent ones last; doubles of one identity are all listed
	Foreign  []Foreign
	Names    []byte    // the names, each ended by a zero byte
	Words    Words     // keywords of the letters in names
	Can      Flags     // flags a file name can carry here
	NotMail  []NotMail // in new and cur, and not a message: links, folders, sockets, names that are not UTF-8
}

// Words are the keywords that the letters a to z stand for in the names of one Maildir, "" where
// that is not known.
type Words [26]string

// NameAt returns the name, "cur/…" or "new/…", at an offset of Names; "" where names were not kept.
func (d *DiskSnapshot) NameAt(off uint32) string {
	name, _, _ := bytes.Cut(d.Names[off:], []byte{0})
	return string(name)
}
