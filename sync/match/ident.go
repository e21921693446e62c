package match

import (
	"mailsync/state"
)

// MessageIDs are the Message-IDs that a server told, "" for a message without one.
func MessageIDs(idents []state.Ident) map[state.UID]string {
	ids := make(map[state.UID]string, len(idents))
	for _, id := range idents {
		ids[id.UID] = id.MessageID
	}
	return ids
}
