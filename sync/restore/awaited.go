package restore

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
)

// sentMessage is a local message and what the ledger has of its sending.
type sentMessage struct {
	message *message
	sent    state.Sent // without a UID where none was told
}

// awaited finds what an earlier run sent without being told a UID, whatever the server made
// of it. A confirmed message is there as long as anything is that can be it.
func (m *matching) awaited(ctx context.Context) error {
	known, sizes := map[state.UID]bool{}, map[int64]bool{}
	for _, s := range m.sent {
		known[s.UID] = true
		sizes[s.Bytes] = sizes[s.Bytes] || s.UID == 0
	}
	of := map[[state.DigestSize]byte][]*message{}
	for _, c := range m.local {
		if c.there != nil || !sizes[c.ident.Size] {
			continue
		}
		d, err := c.digest()
		if err != nil {
			return err
		}
		of[d] = append(of[d], c)
	}
	var sent []*sentMessage
	for _, s := range m.open() {
		if left := of[s.Digest]; len(left) > 0 {
			sent, of[s.Digest] = append(sent, &sentMessage{left[0], s}), left[1:]
		}
	}
	if len(sent) == 0 {
		return nil
	}
	free := slices.DeleteFunc(m.free(), func(o *offered) bool { return known[o.UID] })
	to, err := m.became(ctx, sent, free, match.AlikeByNumber)
	if err != nil {
		return err
	}
	for i, k := range to {
		if k >= 0 {
			sent[i].message.pair(free[k])
		}
	}
	return nil
}

// became finds what messages became that were sent, among those of the mailbox that may
// be it; to[i] is the place of what sent[i] became, -1 without.
func (m *matching) became(ctx context.Context, sent []*sentMessage, among []*offered, least int) (to []int, err error) {
	lowest := ^uint32(0)
	dispatched := make([]match.Dispatched, len(sent))
	for i, s := range sent {
		lowest = min(lowest, s.sent.UIDNext)
		id := s.message.ident
		dispatched[i] = match.Dispatched{Next: s.sent.UIDNext, Bytes: s.sent.Bytes, Date: id.Date, MessageID: id.MessageID, Confirmed: s.sent.Confirmed}
	}
	came := make([]match.Newcomer, len(among))
	var uids []state.UID
	at := map[state.UID]int{}
	for k, o := range among {
		came[k] = match.Newcomer{UID: o.UID, Size: o.Size, Date: o.Date, Sums: o.sum}
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
	to, err = match.PairSent(ctx, m.server, m.raw, m.mark, dispatched, came, least, func(i int) (*match.Sums, error) { return sent[i].message.sums() })
	for k := range came {
		among[k].sum = came[k].Sums
	}
	return to, err
}
