package sync

import (
	"slices"
	"strings"

	"mailsync/state"
)

// A level of a name may hold what parts levels on the server: "Person K." where that is a dot. Something else is put
// in its place there, and the report says what.

// spelledFor returns levels as a server can have them that parts levels with sep, and what was put in sep's place, ""
// where nothing had to be. taken says which names others have: it is none of those.
func spelledFor(levels []string, sep string, taken func([]string) bool) (spelled []string, by string) {
	if sep == "" || !slices.ContainsFunc(levels, func(l string) bool { return strings.Contains(l, sep) }) {
		return levels, ""
	}
	if by = "_"; sep == by {
		by = "-"
	}
	for _, l := range levels {
		spelled = append(spelled, strings.ReplaceAll(l, sep, by))
	}
	for last := len(spelled) - 1; taken(spelled); {
		spelled[last] += by
	}
	return spelled, by
}

// separatorOf is what parts levels on the server, as its listing tells.
func separatorOf(listing *state.Listing) string {
	for _, l := range listing.Mailboxes {
		if l.Sep != "" {
			return l.Sep
		}
	}
	return ""
}

// belowINBOX reports whether everything lies below INBOX on the server, which is no level of its own then.
func (r *restoring) belowINBOX() bool {
	return slices.ContainsFunc(r.listing.Mailboxes, func(l state.Listed) bool {
		top := "INBOX" + l.Sep
		return l.Sep != "" && len(l.Raw) > len(top) && strings.EqualFold(l.Raw[:len(top)], top) && !state.SameName(l.Levels[0], "INBOX")
	})
}

// isSource reports whether a source goes to a mailbox of that name as it is.
func (r *restoring) isSource(levels []string) bool {
	return slices.ContainsFunc(r.From, func(s Source) bool { return sameLevels(slices.Concat(r.Into, s.Levels), levels) })
}
