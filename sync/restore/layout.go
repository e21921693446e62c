package restore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// target is one mailbox on the server, and what is put there.
type target struct {
	levels  []string
	role    string
	listed  state.Listed // where it is there
	there   bool
	sources []port.Source
	done    Restored
}

// view reports whether all that is put into a mailbox is from mailboxes that show what others hold.
func (g *target) view() bool {
	return !slices.ContainsFunc(g.sources, func(s port.Source) bool { return !plan.IsView(cmp.Or(s.Row.Use, s.Role)) })
}

// layout is where on the server the mailboxes of a restore are put.
type layout struct {
	from    []port.Source
	into    []string // levels under which everything is put
	listing *state.Listing
	note    func(mailbox, text, hint string)
}

// targets finds a mailbox on the server for each source. Two sources with one name have one
// target.
func (y *layout) targets() []*target {
	y.assignRoles()
	var targets []*target
	at := map[string]*target{}
	for _, s := range y.from {
		if s.Maildir == nil {
			continue
		}
		g := y.targetOf(s)
		key := strings.Join(g.levels, "\x00")
		if g.there {
			key = "\x01" + state.RawKey(g.listed.Raw)
		}
		if at[key] == nil {
			at[key] = g
			targets = append(targets, g)
		}
		at[key].sources = append(at[key].sources, s)
		if from := at[key].done.From; !slices.Contains(from, s.Name) {
			at[key].done.From = append(from, s.Name)
		}
	}
	return targets
}

func (y *layout) targetOf(s port.Source) *target {
	g := &target{levels: s.Levels, role: s.Role}
	if len(y.into) > 0 {
		g.levels, g.role = slices.Concat(y.into, s.Levels), ""
	}
	if y.belowINBOX() && len(g.levels) > 1 && state.SameName(g.levels[0], "INBOX") && !plan.SameLevels(g.levels[1:], []string{"INBOX"}) {
		g.levels = g.levels[1:]
	}
	sep := plan.SeparatorOf(y.listing)
	spelled, by := plan.SpelledFor(g.levels, sep, y.isSource)
	g.levels = spelled
	if g.listed, g.there = y.find(g.levels, g.role); g.there {
		g.levels, by = g.listed.Levels, ""
	}
	g.done.To = plan.DisplayName(g.levels)
	if by != "" {
		y.note(g.done.To, fmt.Sprintf("%q has %q in its name, which separates levels on this server; %q is put in its place", s.Name, sep, by), "")
	}
	return g
}

// find finds the server's mailbox of a role, if one is given, else the one of that name. Of several
// mailboxes with the role it is the one that has the name too, if there is one.
func (y *layout) find(levels []string, role string) (found state.Listed, there bool) {
	ofRole := false
	for _, l := range y.listing.Mailboxes {
		named, has := plan.SameLevels(l.Levels, levels), role != "" && l.Role == role
		switch {
		case l.NoSelect:
		case named && has:
			return l, true
		case has && !ofRole, named && !there:
			found, there, ofRole = l, true, has
		}
	}
	return found, there
}

// belowINBOX reports whether everything is below INBOX on the server, which is not a level of its own then.
func (y *layout) belowINBOX() bool {
	return slices.ContainsFunc(y.listing.Mailboxes, func(l state.Listed) bool {
		top := "INBOX" + l.Sep
		return l.Sep != "" && len(l.Raw) > len(top) && strings.EqualFold(l.Raw[:len(top)], top) && !state.SameName(l.Levels[0], "INBOX")
	})
}

// isSource reports whether a source is put into a mailbox of that name, unchanged.
func (y *layout) isSource(levels []string) bool {
	return slices.ContainsFunc(y.from, func(s port.Source) bool { return plan.SameLevels(slices.Concat(y.into, s.Levels), levels) })
}

// Mail of a mailbox for sent mail is put into the server's own one, whatever either is called. What a mailbox is for
// is known from its server, or, where that gave no roles, from its name.

// assignRoles leaves each role to one mailbox, for mailboxes are not merged: the others
// keep their names.
func (y *layout) assignRoles() {
	y.from = slices.Clone(y.from)
	roles := slices.Sorted(maps.Keys(usualNames()))
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

// holder picks the source that has a role: of those that are known to have it, else
// of those that could have it, first the one that has the name of the server's mailbox of that role,
// then the one with the most usual name.
func (y *layout) holder(role string) (name string, ok bool) {
	known := slices.ContainsFunc(y.from, func(s port.Source) bool { return s.Role == role })
	names := usualNames()[role]
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

// usualNames are the names that mail programs give to the mailboxes of a role.
var usualNames = sync.OnceValue(func() map[string][]string {
	return map[string][]string{
		"sent":    {"sent", "sent items", "sent messages", "sent mail", "sent-mail", "gesendet", "gesendete elemente", "gesendete objekte", "envoyés", "enviados"},
		"drafts":  {"drafts", "draft", "entwürfe", "brouillons", "borradores"},
		"trash":   {"trash", "deleted items", "deleted messages", "bin", "papierkorb", "gelöschte elemente", "corbeille", "papelera"},
		"junk":    {"junk", "spam", "junk e-mail", "junk email", "bulk mail"},
		"archive": {"archive", "archives", "archiv"},
	}
})

// usualName is a name as in usualNames, "" for one with levels.
func usualName(levels []string) string {
	if len(levels) == 2 && strings.HasPrefix(levels[0], "[G") { // [Gmail], [Google Mail]
		levels = levels[1:]
	}
	if len(levels) != 1 {
		return ""
	}
	return strings.ToLower(levels[0])
}

// roleByName guesses the role of a mailbox from its name.
func roleByName(levels []string) string {
	for role, names := range usualNames() {
		if slices.Contains(names, usualName(levels)) {
			return role
		}
	}
	return ""
}
