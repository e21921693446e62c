package restore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// target is one mailbox on the server, and what goes there.
type target struct {
	levels  []string
	role    string
	listed  state.Listed // where it is there
	there   bool
	sources []port.Source
	said    Restored
}

// view reports whether all that goes to a mailbox comes from mailboxes that show what others hold.
func (g *target) view() bool {
	return !slices.ContainsFunc(g.sources, func(s port.Source) bool { return !plan.IsView(cmp.Or(s.Row.Use, s.Role)) })
}

// layout is where on the server the mailboxes of a restore go.
type layout struct {
	from    []port.Source
	into    []string // levels under which everything goes
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
		if from := at[key].said.From; !slices.Contains(from, s.Name) {
			at[key].said.From = append(from, s.Name)
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
	g.said.To = plan.DisplayName(g.levels)
	if by != "" {
		y.note(g.said.To, fmt.Sprintf("%q has %q in its name, which parts levels on this server; %q is put in its place", s.Name, sep, by), "")
	}
	return g
}

// find finds the server's mailbox of a role, "" none, else the one of that name. Of several
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

// belowINBOX reports whether everything lies below INBOX on the server, which is no level of its own then.
func (y *layout) belowINBOX() bool {
	return slices.ContainsFunc(y.listing.Mailboxes, func(l state.Listed) bool {
		top := "INBOX" + l.Sep
		return l.Sep != "" && len(l.Raw) > len(top) && strings.EqualFold(l.Raw[:len(top)], top) && !state.SameName(l.Levels[0], "INBOX")
	})
}

// isSource reports whether a source goes to a mailbox of that name as it is.
func (y *layout) isSource(levels []string) bool {
	return slices.ContainsFunc(y.from, func(s port.Source) bool { return plan.SameLevels(slices.Concat(y.into, s.Levels), levels) })
}
