package imap

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"mailsync/backends/reach"
	"mailsync/state"
)

// Some servers (iCloud) set \Seen on what is fetched with BODY.PEEK[]. After a Fetch of
// messages that were unseen, one mailbox of them is looked at once more: a server
// that left one of them unseen is believed from then on. Else all are looked at, and
// \Seen is removed again where this run may change the server.

// unseen are messages of one mailbox that were fetched and were unseen before.
type unseen struct {
	uidValidity uint32
	uids        []state.UID
}

// fetchedUnseen notes those of an item that were unseen; missing were not sent.
func (f *fetcher) fetchedUnseen(it state.Item, missing []state.UID) {
	if len(it.Unseen) == 0 || f.a.server.peeks.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.unseen[it.Raw]
	if u == nil {
		u = &unseen{uidValidity: it.UIDValidity}
		f.unseen[it.Raw] = u
	}
	for _, uid := range it.Unseen {
		if _, left := slices.BinarySearch(missing, uid); !left && u.uidValidity == it.UIDValidity {
			u.uids = append(u.uids, uid)
		}
	}
}

// probed is how many messages show whether a server marks what is fetched.
const probed = 20

// unmark finds out whether the server has marked what was fetched, and undoes it or
// reports it. That it cannot find out does not fail the Fetch.
func (a *Account) unmark(ctx context.Context, fetched map[string]*unseen, work state.Work) {
	marks := false
	for _, raw := range slices.SortedFunc(maps.Keys(fetched), func(x, y string) int {
		return len(fetched[y].uids) - len(fetched[x].uids) // the more, the surer
	}) {
		u := fetched[raw]
		slices.Sort(u.uids)
		if !marks {
			there, seen, err := a.seenOf(ctx, raw, u.uidValidity, u.uids[:min(len(u.uids), probed)])
			if err != nil || len(seen) < there {
				a.server.peeks.Store(err == nil) // the user has seen what is seen
				return
			}
			marks = len(seen) > 0
		}
		_, seen, err := a.seenOf(ctx, raw, u.uidValidity, u.uids)
		if err != nil || len(seen) == 0 {
			continue
		}
		undone := !a.o.ReadOnly && a.unsee(ctx, raw, u.uidValidity, seen)
		a.o.Log.Warn(fmt.Sprintf("the server marked %d messages as seen that were only fetched", len(seen)), "mailbox", reach.Clean(raw), "undone", undone)
		if w, wants := work.(state.SeenWork); wants {
			w.Marked(raw, seen, undone)
		}
	}
}

// seenOf returns how many of some messages are there, and those that have \Seen now.
func (a *Account) seenOf(ctx context.Context, raw string, uidValidity uint32, uids []state.UID) (there int, seen []state.UID, err error) {
	err = a.do(ctx, raw, func(s *session) error {
		if at := s.at; at == nil || at.raw != raw || at.same(uidValidity) != nil {
			if _, err := s.openAs(ctx, raw, uidValidity, true); err != nil {
				return err
			}
		}
		st := newStoring(state.NewKeywords(nil), uids)
		if err := st.send(ctx, s, "UID FETCH ", uids, " (UID FLAGS)"); err != nil {
			return err
		}
		there, seen = len(st.echo), nil
		for _, m := range st.echoes() {
			if m.Flags&state.Seen != 0 {
				seen = append(seen, m.UID)
			}
		}
		return nil
	})
	return there, seen, err
}

// unsee removes \Seen from messages and reports whether it is removed from all of them.
func (a *Account) unsee(ctx context.Context, raw string, uidValidity uint32, uids []state.UID) bool {
	var changes []state.FlagChange
	for _, uid := range uids {
		changes = append(changes, state.FlagChange{UID: uid, Remove: state.Seen})
	}
	stored, err := a.Store(ctx, state.StoreRequest{Raw: raw, UIDValidity: uidValidity, Changes: changes, Keywords: state.NewKeywords(nil)})
	if err != nil {
		a.o.Log.Info("cannot remove \\Seen again", "mailbox", reach.Clean(raw), "err", err)
		return false
	}
	return len(stored.Echoed) == len(uids) && !slices.ContainsFunc(stored.Echoed, func(m state.OnServer) bool { return m.Flags&state.Seen != 0 })
}
