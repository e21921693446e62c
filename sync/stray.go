package sync

import (
	"slices"

	"mailsync/state"
)

// A POP3 server may give its messages other unique-ids one day. They are new messages then,
// by all that it says, and have to be fetched; but a body that equals a file whose own
// unique-id is no longer listed is that file's message (SPEC section 6). Such files are strays.

// byUniqueID reports whether a box's messages are identified by unique-ids (POP3).
func (b *box) byUniqueID() bool { return b.server != nil && b.server.UIDLs != nil }

// listed reports whether the server's listing has a UID.
func (b *box) lists(uid state.UID) bool {
	_, there := slices.BinarySearchFunc(b.server.Messages, uid, func(m state.OnServer, u state.UID) int { return int(int64(m.UID) - int64(u)) })
	return there
}

// strays are the files here whose messages a complete listing does not have.
func (b *box) strays() (strays []state.OnDisk) {
	if !b.byUniqueID() || !b.server.Complete {
		return nil
	}
	for _, m := range b.disk.Messages {
		if !b.lists(m.UID) {
			strays = append(strays, m)
		}
	}
	return strays
}

// newcomers reports whether the server lists messages that the base does not know.
func (b *box) newcomers() bool {
	return b.byUniqueID() && slices.ContainsFunc(b.server.Messages, func(m state.OnServer) bool {
		_, known := b.find(m.UID)
		return !known
	})
}

// straySpares are the strays as what a fetched body may prove to be.
func (b *box) straySpares() (spares []*spare) {
	for _, m := range b.strays() {
		s := &spare{name: b.disk.NameAt(m.Name), flags: m.Flags, bytes: m.Size, stray: m.UID}
		s.Size, s.Date = m.Size, state.NoDate
		spares = append(spares, s)
	}
	return spares
}

// brokenOff reports whether a stray is what a run left that gave its file to another
// message and broke off: before the commit that message is outstanding, after it nothing
// is known of the stray any more. Other files with two names are the user's doing.
func (b *box) brokenOff(stray, message state.UID) bool {
	old, oldKnown := b.find(stray)
	now, nowKnown := b.find(message)
	if b.fresh || !nowKnown || !b.lists(message) {
		return false
	}
	if !oldKnown {
		return b.records[now].Status != state.Outstanding
	}
	was := b.records[old].Status
	return b.records[now].Status == state.Outstanding && (was == state.OnlyHere || was == state.Gone)
}

// knowsOne reports whether a POP3 server lists a message that was ever seen there. Its
// UIDVALIDITY proves nothing, and what was collected is not on it any more.
func knowsOne(records []state.Record, listed []state.OnServer) bool {
	return slices.ContainsFunc(listed, func(m state.OnServer) bool {
		_, known := slices.BinarySearchFunc(records, m.UID, func(r state.Record, u state.UID) int { return int(int64(r.UID) - int64(u)) })
		return known
	})
}
