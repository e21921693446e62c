package state

import "crypto/tls"

// Probe is what a first connection to a server showed, as far as it came.
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
	Mark       Mark     // STATUS, where the server told it with the listing
	HasMark    bool     // Mark was told
	Size       int64    // STATUS SIZE in octets, -1 unknown
	Subscribed bool
	Err        error // why nothing can be known of it in this run: it is given up (ErrBreaks), or a root that is refused
}

// Listing is every mailbox of an account. One that did not end in a tagged OK is
// not a Listing but an error; names that could not be read are in Broken, and the
// listing then proves no absence.
type Listing struct {
	Mailboxes []Listed
	Broken    []string
	// Uses says that the server told special uses: a mailbox without a Role has none. Else it may
	// have one that was not asked for.
	Uses     bool
	UIDPlus  bool // the server expunges by UID (RFC 4315 section 2.1)
	Move     bool // it moves messages in one step (RFC 6851)
	Labels   bool // mailboxes are labels of one message, as with Gmail: an expunge in one frees nothing
	EmailIDs bool // it tells which messages are the same one: EMAILID (RFC 8474) or X-GM-MSGID
}

// Quota is one STORAGE quota root of a mailbox (RFC 9208).
type Quota struct {
	Root        string
	Used, Limit int64 // octets
}
