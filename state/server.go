package state

import (
	"crypto/tls"
	"io"
)

// Probe is what a first connection to a server found out, as far as it got.
type Probe struct {
	Address      string               // that answered; "" where none did
	TLS          *tls.ConnectionState // nil for plain text, or where the handshake failed
	Greeted      bool                 // the server spoke the protocol
	LoggedIn     bool
	Capabilities []string // after the log-in, as the server spells them
}

// Listed is one mailbox as a server's LIST shows it.
type Listed struct {
	Raw        string   // the name as the server sent it, still in modified UTF-7
	Levels     []string // decoded to UTF-8, one element a level, a personal prefix taken off; INBOX is {"INBOX"}
	Sep        string   // hierarchy separator, "" where the namespace is flat
	Role       string   // of SPECIAL-USE in lower case without the backslash: "junk", "trash", "sent" …; "" without
	NoSelect   bool     // \Noselect or \NonExistent: a level, not a mailbox; also a namespace's root that cannot be opened
	MailboxID  string   // OBJECTID (RFC 8474), "" without
	Mark       Mark     // STATUS, where the server sent it with the listing
	HasMark    bool     // there is a Mark
	Size       int64    // STATUS SIZE in octets, -1 unknown
	Subscribed bool
	Err        error // why it cannot be looked at in this run: it was given up (ErrBreaks), or it is a root that is refused
}

// Listing is every mailbox of an account. One that did not end in a tagged OK is
// not a Listing but an error; names that could not be read are in Broken, and the
// listing then proves no absence.
type Listing struct {
	Mailboxes []Listed
	Broken    []string
	// Uses: the server lists special uses, so a mailbox without a Role has none. Else it may
	// have one that was not asked for.
	Uses     bool
	UIDPlus  bool // the server expunges by UID (RFC 4315 section 2.1)
	Move     bool // it moves messages in one step (RFC 6851)
	Labels   bool // mailboxes are labels of one message, as with Gmail: an expunge in one frees nothing
	EmailIDs bool // it identifies messages across mailboxes: EMAILID (RFC 8474) or X-GM-MSGID
}

// Quota is one STORAGE quota root of a mailbox (RFC 9208).
type Quota struct {
	Root        string
	Used, Limit int64 // octets
}

// StoreRequest asks for flag changes in one mailbox.
type StoreRequest struct {
	Raw         string
	UIDValidity uint32 // as the base knows it; nothing is done in another
	Changes     []FlagChange
	Keywords    *Keywords
	// Since is the MODSEQ of the scan the changes were planned on: a message that changed
	// after it is left alone (UNCHANGEDSINCE, RFC 7162 section 3.1.3) and is in the
	// echoes with the flags it has now. 0: unconditional.
	Since uint64
}

// Stored is what became of a StoreRequest.
type Stored struct {
	Echoed []OnServer // the messages as the server has them now, sorted by UID, without Size and Date
	// Denied are those of the flags that were not sent, or were refused, because the mailbox does
	// not let this user change them. It is no failure.
	Denied Flags
	Why    error // why, nil where none is
}

// FlagChange is one message's flags to add and to remove on the server.
type FlagChange struct {
	UID         UID
	Add, Remove Flags
}

// Outgoing is one message on its way to the server.
type Outgoing struct {
	Name  string // unique in its mailbox
	Flags Flags
	Date  int64 // INTERNALDATE in seconds since 1970; NoDate: the server's clock
	Size  int64 // octets as they are sent
	// Open opens the bytes as they are sent. It may be called again after a failure that
	// is known to have stored nothing.
	Open func() (io.ReadCloser, error)
}

// Appended is what became of one Outgoing.
type Appended struct {
	// UIDValidity and UID are from APPENDUID (RFC 4315 section 3), 0 without.
	UIDValidity uint32
	UID         UID
	// Without are the keywords that the message was stored without, for the server refused it with them.
	Without Flags
	// Err is nil after the tagged OK. Otherwise Doubt is what is known of the message.
	Err   error
	Doubt Doubt
}

// Doubt is what is not known of a message whose APPEND failed.
type Doubt uint8

const (
	NotStored Doubt = iota // none: the server does not have it
	// Vague: the server refused it without a reason. Then it should not have it
	// (RFC 9051 section 6.3.12), and some have.
	Vague
	// CutOff: the connection broke before the server had all of this message: another try may do, after
	// all others and alone.
	CutOff
	// Unsure: the connection broke before the answer; the message may have been stored.
	Unsure
)

// ExpungeRequest asks to delete messages from one mailbox permanently.
type ExpungeRequest struct {
	Raw         string
	UIDValidity uint32
	Messages    []Doomed // sorted by UID
	Keywords    *Keywords
	// Confirm is asked for each message with what the server shows of it right before,
	// in the session that expunges; a message it refuses stays. nil refuses none.
	Confirm func(OnServer) bool
	// Trash is the raw name of the mailbox to move the messages to first and to expunge
	// them in; "" expunges them where they are. "" on a server without UIDPLUS is refused.
	Trash string
}

// Doomed is one message to be expunged, with what must be true of it: where the server
// shows another size or date, it is another message and stays. -1 and NoDate are not
// compared.
type Doomed struct {
	UID  UID
	Size int64
	Date int64
}

// Expunged is what became of an ExpungeRequest.
type Expunged struct {
	Gone []UID // sorted: not in the mailbox any more, expunged now or proven to be gone already
	Kept []UID // sorted: refused by Confirm, or another message
	// Trashed are those of Gone that were moved to Trash and not expunged there: they use room
	// on the server as before. Sorted.
	Trashed []UID
	// Refused are messages that the server refused to delete, where it answers for each.
	Refused []UID
}

// Moved is one message that was moved from one mailbox to another on the server.
type Moved struct {
	From, To    UID
	UIDValidity uint32 // of the mailbox it is in now
}

// CopiedError is that of a Move after which messages are in both mailboxes: they were copied, and
// the originals are still there.
type CopiedError struct {
	Messages []Moved // sorted by From; To is 0 where it is not known
	Err      error
}

func (e *CopiedError) Error() string { return e.Err.Error() }
func (e *CopiedError) Unwrap() error { return e.Err }

// Ident is what identifies a message's content without its body.
type Ident struct {
	UID       UID
	MessageID string // the field's value without folding and outer blanks, "" without
	EmailID   string // EMAILID (RFC 8474) or X-GM-MSGID, "" where the server has none
}

// FileIdent is what identifies the content of a file without its digest.
type FileIdent struct {
	MessageID string // as in Ident
	Size      int64  // octets as the server sent them
	Date      int64  // INTERNALDATE in seconds since 1970 from its name, else the mtime
	Mtime     bool   // Date is the mtime
	Named     int64  // when it was delivered, from the name that another program gave it, or NoDate
	Received  int64  // the date of the first Received field, or NoDate
	Written   int64  // that of the Date field, or NoDate
	Packed    string // how it is compressed or encrypted, "" for one that is not
}
