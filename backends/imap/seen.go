package imap

import (
	"context"
	"fmt"
	"maps"
	"slices"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"mailsync/backends/reach"
	"mailsync/state"
)

// Some servers (iCloud) set \Seen on what is fetched with BODY.PEEK[]. After messages that were unseen
// were fetched, some of them are looked at once more: a server that left one of them unseen is believed from
// then on. That is asked behind the last bodies of a mailbox, without waiting for them. If it does not show that, all are looked at
// after the Fetch, and \Seen is removed again where this run may change the server.

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

// look is a question for the flags of messages whose bodies were asked for just before.
type look struct {
	fl     *flight
	uids   []state.UID // sorted
	unseen []state.UID // of these, they are
	done   chan struct{}
}

// probe looks at messages of the last command under way that asks for unseen ones of the selected mailbox, once in a Fetch.
func (r *run) probe() {
	if r.f.a.server.peeks.Load() || r.f.a.server.alone.Load() {
		return
	}
	var fl *flight
	for _, of := range r.flights {
		if of.item.Raw == r.selected && len(of.item.Unseen) > 0 {
			fl = of
		}
	}
	if fl == nil || r.f.looks.Swap(true) {
		return
	}
	l := &look{fl: fl, uids: slices.Clone(fl.item.Unseen[:min(len(fl.item.Unseen), probed)]), done: make(chan struct{})}
	slices.Sort(l.uids)
	r.look = l
	var set goimap.UIDSet
	for _, uid := range l.uids {
		set.AddNum(goimap.UID(uid))
	}
	cmd := r.s.c.Fetch(set, &goimap.FetchOptions{UID: true, Flags: true})
	go l.drain(cmd)
}

// drain takes the answers.
func (l *look) drain(cmd *imapclient.FetchCommand) {
	defer close(l.done)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		var uid state.UID
		flags := state.Seen
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = state.UID(item.UID)
			case imapclient.FetchItemDataFlags:
				flags = systemFlags(item.Flags)
			}
		}
		if _, asked := slices.BinarySearch(l.uids, uid); asked && flags&state.Seen == 0 {
			l.unseen = append(l.unseen, uid)
		}
	}
	_ = cmd.Close() // an answer that was refused shows nothing
}

// probed believes the server if a message whose body it has sent is unseen still.
func (r *run) probed() {
	if r.look == nil {
		return
	}
	<-r.look.done
	for _, uid := range r.look.unseen {
		if _, missing := slices.BinarySearch(r.look.fl.left, uid); !missing && r.look.fl.ended {
			r.f.a.server.peeks.Store(true)
		}
	}
	r.look = nil
}

// unmark finds out whether the server has marked what was fetched, and undoes it or
// reports it. That it cannot find out does not fail the Fetch.
func (a *Account) unmark(ctx context.Context, fetched map[string]*unseen, work state.Work) {
	if a.server.peeks.Load() {
		return
	}
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
