package fetch

import (
	"mailsync/state"
	"mailsync/sync/mailbox"
)

// mended says which file a body that was fetched to repair it replaces, "" for none.
func (f *fetching) mended(b *mailbox.Box, a *arrival) (old string, err error) {
	m, ok := b.Bodies.Mend[a.op.UID]
	switch {
	case !ok:
		return "", nil
	case m.Want == nil || m.Want.Digest == a.received.Digest:
		return m.File, nil
	}
	return "", f.Problem(b.Name, a.op.UID, state.Faultf(state.Differs, "the server sends other bytes than it did when this message was first fetched; what is here stays beside them"))
}
