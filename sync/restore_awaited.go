package sync

import (
	"context"
	"slices"

	"mailsync/state"
)

// awaited finds what an earlier run sent without being told a UID, whatever the server made
// of it. A confirmed message is there as long as anything is that can be it.
func (m *matching) awaited(ctx context.Context) error {
	var sent []dispatched
	var which []int
	known, sizes := map[state.UID]bool{}, map[int64]bool{}
	for _, s := range m.sent {
		known[s.UID] = true
		sizes[s.Bytes] = sizes[s.Bytes] || s.UID == 0
	}
	of := map[[state.DigestSize]byte][]int{}
	for i, c := range m.cargo {
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
			c := m.cargo[left[0]]
			which, of[s.Digest] = append(which, left[0]), left[1:]
			sent = append(sent, dispatched{next: s.UIDNext, bytes: s.Bytes, date: c.ident.Date, messageID: c.ident.MessageID, confirmed: s.Confirmed})
		}
	}
	if len(sent) == 0 {
		return nil
	}
	free := slices.DeleteFunc(m.free(), func(o *offered) bool { return known[o.UID] })
	to, err := m.became(ctx, which, sent, free, alikeByNumber)
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

// became finds what messages of the cargo became that were sent, among those of the mailbox that may
// be it; to[i] is the place of what sent[i] became, -1 without.
func (m *matching) became(ctx context.Context, which []int, sent []dispatched, among []*offered, least int) (to []int, err error) {
	lowest := ^uint32(0)
	for _, d := range sent {
		lowest = min(lowest, d.next)
	}
	came := make([]newcomer, len(among))
	var uids []state.UID
	at := map[state.UID]int{}
	for k, o := range among {
		came[k] = newcomer{uid: o.UID, size: o.Size, date: o.Date, sums: o.sum}
		at[o.UID] = k
		if uint64(o.UID) >= uint64(lowest) {
			uids = append(uids, o.UID)
		}
	}
	if len(uids) == 0 {
		return unpaired(len(sent)), nil
	}
	slices.Sort(uids)
	idents, err := m.r.Server.Idents(ctx, m.raw, m.mark.UIDValidity, uids)
	if err != nil {
		return nil, err
	}
	for _, id := range idents {
		if k, listed := at[id.UID]; listed {
			came[k].messageID = id.MessageID
		}
	}
	to, err = pairSent(ctx, m.r.Server, m.raw, m.mark, sent, came, least, func(i int) (*sums, error) { return m.cargo[which[i]].sums() })
	for k := range came {
		among[k].sum = came[k].sums
	}
	return to, err
}
