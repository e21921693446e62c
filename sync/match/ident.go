package match

import (
	"context"

	"mailsync/state"
	"mailsync/sync/port"
)

// Identify asks the server for the Message-IDs of what is sought in a mailbox. Of a message that it does not tell
// nothing is known, its size neither: its bytes will tell.
func Identify(ctx context.Context, server port.Server, raw string, uidValidity uint32, sought []Sought) error {
	if len(sought) == 0 {
		return nil
	}
	uids := make([]state.UID, len(sought))
	for i, s := range sought {
		uids[i] = s.UID
	}
	idents, err := server.Idents(ctx, raw, uidValidity, uids)
	if err != nil {
		return err
	}
	ids := MessageIDs(idents)
	for i := range sought {
		id, told := ids[sought[i].UID]
		if sought[i].MessageID = id; !told {
			sought[i].Size = -1
		}
	}
	return nil
}

// MessageIDs are the Message-IDs that a server told, "" for a message without one.
func MessageIDs(idents []state.Ident) map[state.UID]string {
	ids := make(map[state.UID]string, len(idents))
	for _, id := range idents {
		ids[id.UID] = id.MessageID
	}
	return ids
}
