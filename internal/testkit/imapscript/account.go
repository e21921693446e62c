package imapscript

import (
	"slices"
	"strings"
	"sync"
	"time"

	"mailsync/internal/testkit/saslserver"
)

// Account is what a healthy server holds. Tests may change it between commands, under
// its lock.
type Account struct {
	sync.Mutex
	User, Password string
	SASL           saslserver.User // how mechanisms behave; its name and password are set from these
	Caps           string          // after log-in; DefaultCaps if empty
	PreAuth        bool            // the greeting is PREAUTH: whoever connects is the user
	Limit          int             // of how many messages one command is done (RFC 9738), whatever Caps announce; 0: any number
	Window         int             // of how many messages of a mailbox is shown, the newest, before ENABLE UIDONLY; 0: all
	Mailboxes      []*Mailbox
}

// DefaultCaps is what a healthy server announces.
const DefaultCaps = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ENABLE ID NAMESPACE UNSELECT UIDPLUS CONDSTORE ESEARCH " +
	"LIST-EXTENDED LIST-STATUS SPECIAL-USE"

// Mailbox is one mailbox of an Account.
type Mailbox struct {
	Name        string // raw
	Attrs       string // "\\Sent"; "" none
	UIDValidity uint32
	UIDNext     uint32
	ModSeq      uint64 // the highest; 0: the mailbox has none
	Messages    []*Message
}

// Message is one message of a Mailbox.
type Message struct {
	UID    uint32
	Flags  []string
	Date   time.Time
	Body   string
	ModSeq uint64
	ID     string // what EMAILID and X-GM-MSGID tell, "" without
}

// NewAccount returns an account for ada, password secret, with an empty INBOX.
func NewAccount() *Account {
	a := &Account{User: "ada", Password: "secret"}
	a.Add("INBOX")
	return a
}

// Add makes a mailbox with messages that have these bodies, UIDs from 1 on.
func (a *Account) Add(name string, bodies ...string) *Mailbox {
	m := &Mailbox{Name: name, UIDValidity: uint32(1000 + len(a.Mailboxes)), UIDNext: 1, ModSeq: 1}
	a.Mailboxes = append(a.Mailboxes, m)
	for _, body := range bodies {
		m.Append(body)
	}
	return m
}

// Append adds a message with flags to the mailbox and returns it. Its date is some
// minutes after the one before it.
func (m *Mailbox) Append(body string, flags ...string) *Message {
	m.bump()
	date := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(m.UIDNext) * 7 * time.Minute)
	msg := &Message{UID: m.UIDNext, Flags: flags, Date: date, Body: body, ModSeq: m.ModSeq}
	m.UIDNext++
	m.Messages = append(m.Messages, msg)
	return msg
}

// Mailbox returns the mailbox with that raw name, nil if there is none.
func (a *Account) Mailbox(name string) *Mailbox {
	for _, m := range a.Mailboxes {
		if m.Name == name || strings.EqualFold(name, "INBOX") && strings.EqualFold(m.Name, "INBOX") {
			return m
		}
	}
	return nil
}

// Message returns the message with that UID, nil if there is none.
func (m *Mailbox) Message(uid uint32) *Message {
	for _, msg := range m.Messages {
		if msg.UID == uid {
			return msg
		}
	}
	return nil
}

// SetFlags replaces a message's flags and gives it a new MODSEQ.
func (m *Mailbox) SetFlags(msg *Message, flags ...string) {
	m.bump()
	msg.Flags, msg.ModSeq = flags, m.ModSeq
}

// Expunge removes a message; its MODSEQ goes to the mailbox.
func (m *Mailbox) Expunge(uid uint32) {
	m.bump()
	m.Messages = slices.DeleteFunc(m.Messages, func(msg *Message) bool { return msg.UID == uid })
}

// bump makes a new MODSEQ, if the mailbox has any.
func (m *Mailbox) bump() {
	if m.ModSeq > 0 {
		m.ModSeq++
	}
}

func (m *Mailbox) unseen() (n int) {
	for _, msg := range m.Messages {
		if !slices.Contains(msg.Flags, `\Seen`) {
			n++
		}
	}
	return n
}

// size returns the octets of all messages.
func (m *Mailbox) size() (n int) {
	for _, msg := range m.Messages {
		n += len(msg.Body)
	}
	return n
}
