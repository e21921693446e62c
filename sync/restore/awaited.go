package restore

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
)

// awaited finds what an earlier run sent without being told a UID, whatever the server made
// of it. A confirmed message is there as long as anything is that can be it.
func (m *matching) awaited(ctx context.Context) error {
	var sent []match.Dispatched
	var which []int
	known, sizes := map[state.UID]bool{}, map[int64]bool{}
	for _, s := range m.sent {
		known[s.UID] = true
		sizes[s.Bytes] = sizes[s.Bytes] || s.UID == 0
	}
	of := map[[state.DigestSize]byte][]int{}
	for i, c := range m.local {
		if m.to[i] != nil || !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		of[d] = append(of[d], i)
	}
	for _, s := range m.open() {
		if left := of[s.Digest]; len(left) > 0 {
			c := m.local[left[0]]
			which, of[s.Digest] = append(which, left[0]), left[1:]
			sent = append(sent, match.Dispatched{Next: s.UIDNext, Bytes: s.Bytes, Date: c.ident.Date, MessageID: c.ident.MessageID, Confirmed: s.Confirmed})
		}
	}
	if len(sent) == 0 {
		return nil
	}
	free := slices.DeleteFunc(m.free(), func(o *offered) bool { return known[o.UID] })
	to, err := m.became(ctx, which, sent, free, match.AlikeByNumber)
	if err != nil {
		return err
	}
	for j, k := range to {
		if k >= 0 {
			m.pair(which[j], free[k])
		}
	}
	return nil
}

// became finds what local messages became that were sent, among those of the mailbox that may
// be it; to[i] is the place of what sent[i] became, -1 without.
func (m *matching) became(ctx context.Context, which []int, sent []match.Dispatched, among []*offered, least int) (to []int, err error) {
	lowest := ^uint32(0)
	for _, d := range sent {
		lowest = min(lowest, d.Next)
	}
	came := make([]match.Newcomer, len(among))
	var uids []state.UID
	at := map[state.UID]int{}
	for k, o := range among {
		came[k] = match.Newcomer{Uid: o.UID, Size: o.Size, Date: o.Date, Sums: o.sum}
		at[o.UID] = k
		if uint64(o.UID) >= uint64(lowest) {
			uids = append(uids, o.UID)
		}
	}
	if len(uids) == 0 {
		return match.Unpaired(len(sent)), nil
	}
	slices.Sort(uids)
	idents, err := m.server.Idents(ctx, m.raw, m.mark.UIDValidity, uids)
	if err != nil {
		return nil, err
	}
	for _, id := range idents {
		if k, listed := at[id.UID]; listed {
			came[k].MessageID = id.MessageID
		}
	}
	to, err = match.PairSent(ctx, m.server, m.raw, m.mark, sent, came, least, func(i int) (*match.Sums, error) { return m.local[which[i]].sums() })
	for k := range came {
		among[k].sum = came[k].Sums
	}
	return to, err
}
