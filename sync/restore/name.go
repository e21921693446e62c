package restore

import (
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// belowINBOX reports whether everything lies below INBOX on the server, which is no level of its own then.
func (r *restoring) belowINBOX() bool {
	return slices.ContainsFunc(r.listing.Mailboxes, func(l state.Listed) bool {
		top := "INBOX" + l.Sep
		return l.Sep != "" && len(l.Raw) > len(top) && strings.EqualFold(l.Raw[:len(top)], top) && !state.SameName(l.Levels[0], "INBOX")
	})
}

// isSource reports whether a source goes to a mailbox of that name as it is.
func (r *restoring) isSource(levels []string) bool {
	return slices.ContainsFunc(r.From, func(s port.Source) bool { return plan.SameLevels(slices.Concat(r.Into, s.Levels), levels) })
}
