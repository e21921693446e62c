package list

import (
	"mailsync/state"
)

// The special use of a mailbox (RFC 6154), sent mail say, is remembered as the server last told it: in
// the base, for commands that ask no server, and in the marker, for a tree whose state is gone or
// that was copied to another machine. A listing that told no uses at all, as those of a server that
// cannot, or that refused the better LIST this time, says nothing about them.

// lastUses are the special uses that are remembered, by state.RawKey.
func (r *Run) lastUses() map[string]string {
	last := map[string]string{}
	for _, f := range r.Found {
		if m := f.Marker; f.Err == nil && m.AccountID == r.Row.ID && m.Role == state.RoleMailbox {
			last[state.RawKey(m.Raw)] = m.Use
		}
	}
	for _, row := range r.Rows {
		if row.Role == state.RoleMailbox {
			last[state.RawKey(row.Raw)] = row.Use
		}
	}
	return last
}

// known returns a listed mailbox with the role it is known by: where this listing told none of any
// mailbox, the last one.
func (r *Run) known(l state.Listed, last map[string]string) state.Listed {
	if !r.Can.Uses && l.Role == "" {
		l.Role = last[state.RawKey(l.Raw)]
	}
	return l
}
