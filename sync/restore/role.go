package restore

import (
	"maps"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A mailbox for sent mail goes to the server's own one, whatever either is called. What a mailbox is for
// is what its server said; where that told of nothing, its name speaks.

// assignRoles leaves each role to one mailbox, for mailboxes are not thrown together: the others
// go by their names.
func (y *layout) assignRoles() {
	y.from = slices.Clone(y.from)
	roles := slices.Sorted(maps.Keys(usualNames))
	if y.listing.Labels {
		roles = append(roles, plan.Views...)
	}
	for i := range y.from {
		if s := &y.from[i]; plan.SameLevels(s.Levels, []string{"INBOX"}) || !slices.Contains(roles, s.Role) {
			s.Role = ""
		}
	}
	for _, role := range roles {
		name, ok := y.holder(role)
		for i := range y.from {
			s := &y.from[i]
			switch {
			case ok && s.Name == name && (s.Role == "" || s.Role == role):
				s.Role = role
			case s.Role == role:
				s.Role = ""
			}
		}
	}
}

// holder picks the source that has a role: of those that are known to have it, and where there
// is none, of those that could, first the one that is called as the server's mailbox of that role,
// then the one with the most usual name.
func (y *layout) holder(role string) (name string, ok bool) {
	known := slices.ContainsFunc(y.from, func(s port.Source) bool { return s.Role == role })
	names := usualNames[role]
	best := len(names) + 1
	for _, s := range y.from {
		rank := slices.Index(names, usualName(s.Levels))
		switch {
		case known && s.Role != role, s.Role != "" && s.Role != role:
			continue
		case y.hasRole(s.Levels, role):
			rank = -1
		case rank < 0 && !known:
			continue
		case rank < 0:
			rank = len(names)
		}
		if rank < best {
			name, best, ok = s.Name, rank, true
		}
	}
	return name, ok
}

// hasRole reports whether the server's mailbox of a name has a role.
func (y *layout) hasRole(levels []string, role string) bool {
	return slices.ContainsFunc(y.listing.Mailboxes, func(l state.Listed) bool {
		return l.Role == role && !l.NoSelect && plan.SameLevels(l.Levels, levels)
	})
}

// usualNames are what mail programs call the mailboxes that servers give a role to.
var usualNames = map[string][]string{
	"sent":    {"sent", "sent items", "sent messages", "sent mail", "sent-mail", "gesendet", "gesendete elemente", "gesendete objekte", "envoyés", "enviados"},
	"drafts":  {"drafts", "draft", "entwürfe", "brouillons", "borradores"},
	"trash":   {"trash", "deleted items", "deleted messages", "bin", "papierkorb", "gelöschte elemente", "corbeille", "papelera"},
	"junk":    {"junk", "spam", "junk e-mail", "junk email", "bulk mail"},
	"archive": {"archive", "archives", "archiv"},
}

// usualName is a name as usualNames has it, "" for one with levels.
func usualName(levels []string) string {
	if len(levels) == 2 && strings.HasPrefix(levels[0], "[G") { // [Gmail], [Google Mail]
		levels = levels[1:]
	}
	if len(levels) != 1 {
		return ""
	}
	return strings.ToLower(levels[0])
}

// roleByName guesses the role of a mailbox whose server did not tell it.
func roleByName(levels []string) string {
	for role, names := range usualNames {
		if slices.Contains(names, usualName(levels)) {
			return role
		}
	}
	return ""
}
