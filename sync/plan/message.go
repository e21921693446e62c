package plan

import (
	"fmt"

	"mailsync/state"
)

// Message names one message of an account.
type Message struct {
	Mailbox string // decoded name, levels joined by "/"
	UID     state.UID
}

// String is the message as --accept takes it.
func (m Message) String() string { return fmt.Sprintf("%s:%d", m.Mailbox, m.UID) }
