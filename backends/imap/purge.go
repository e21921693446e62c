package imap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mailsync/state"
)

// purge expunges, in the trash mailbox, what was just moved there; were are the messages
// as they were before. One that is not of the same size is another message and stays. It returns,
// by the UIDs that they had, those that are seen to be expunged; that holds also beside an error.
func purge(ctx context.Context, s *session, trash string, moved []state.Moved, were []state.OnServer) (purged map[state.UID]bool, err error) {
	if len(moved) == 0 {
		return nil, nil
	}
	at, err := s.openToChange(ctx, trash, moved[0].UIDValidity)
	if err != nil {
		return nil, err
	}
	before := map[state.UID]int64{} // sizes
	for _, m := range were {
		before[m.UID] = m.Size
	}
	now := map[state.UID]int64{}
	for _, m := range moved {
		if m.UIDValidity == at.mark.UIDValidity {
			now[m.To] = before[m.From]
		}
	}
	uids := slices.Sorted(maps.Keys(now))
	kw := state.NewKeywords(nil)
	shown, err := at.show(ctx, uids, kw)
	if err != nil {
		return nil, err
	}
	shown = slices.DeleteFunc(shown, func(m state.OnServer) bool { return m.Size != now[m.UID] })
	if len(shown) == 0 {
		return nil, fmt.Errorf("none of %d is to be found there", len(uids))
	}
	marked, err := at.setDeleted(ctx, uidsOf(shown), kw)
	if err != nil {
		return nil, err
	}
	trouble := at.expunge(ctx, slices.Sorted(maps.Keys(marked)))
	if s.broken.Load() {
		return nil, trouble
	}
	still, err := at.there(ctx, uids)
	if err != nil {
		return nil, errors.Join(trouble, err)
	}
	purged = map[state.UID]bool{}
	for _, m := range moved {
		_, left := slices.BinarySearch(still, m.To)
		if _, was := marked[m.To]; was && !left {
			purged[m.From] = true
		}
	}
	if trouble == nil && len(still) > 0 {
		trouble = fmt.Errorf("%d of %d are still there", len(still), len(uids))
	}
	return purged, trouble
}
