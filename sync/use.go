package sync

import "mailsync/state"

// The special use of a mailbox (RFC 6154), sent mail say, is remembered as the server last told it: in
// the base, for commands that ask no server, and in the marker, for a tree whose state is gone or
// that was copied to another machine. A listing that told no uses at all, as those of a server that
// cannot, or that refused the better LIST this time, says nothing about them.

// lastUses are the special uses that are remembered, by state.RawKey.
func (r *run) lastUses() map[string]string {
	last := map[string]string{}
	for _, f := range r.found {
		if m := f.Marker; f.Err == nil && m.AccountID == r.row.ID && m.Role == state.RoleMailbox {
			last[state.RawKey(m.Raw)] = m.Use
		}
	}
	for _, row := range r.rows {
		if row.Role == state.RoleMailbox {
			last[state.RawKey(row.Raw)] = row.Use
		}
	}
	return last
}

// known returns a listed mailbox with the role it is known by: where this listing told none of any
// mailbox, the last one.
func (r *run) known(l state.Listed, last map[string]string) state.Listed {
	if !r.uses && l.Role == "" {
		l.Role = last[state.RawKey(l.Raw)]
	}
	return l
}

// recallUse takes the use that a marker tells of over into a box's row, where the server told none of
// any mailbox and the base, older than the marker or lost, knows none.
func (r *run) recallUse(b *box, m state.Marker) {
	if !r.uses && b.row.Use == "" && m.Use != "" {
		b.row.Use, b.useTold = m.Use, true
	}
}

// takeUse takes the use that the server told over into a box's row. Until the base has it too,
// the box has something to do.
func (r *run) takeUse(b *box) {
	if told := b.listed.Role; r.uses && told != b.row.Use {
		b.row.Use, b.useTold = told, true
	}
}
