package sync

import (
	"context"

	"mailsync/state"
)

// pairSent finds what messages became that were sent, among those that came: to[i] is the place of what
// sent[i] became, -1 without. Bodies are read, here and there, only where they have to decide; own reads
// that of sent[i]. What was read of came stays in it.
func pairSent(ctx context.Context, server Server, raw string, mark state.Mark, sent []dispatched, came []newcomer, least int, own func(i int) (*sums, error)) (to []int, err error) {
	to = unpaired(len(sent))
	pairByMessageID(sent, came, to)
	ask := undecided(sent, came, to)
	if len(ask) == 0 {
		return to, nil
	}
	for i := range sent {
		if to[i] < 0 {
			if sent[i].sums, err = own(i); err != nil {
				return nil, err
			}
		}
	}
	var uids []state.UID
	for _, k := range ask {
		if came[k].sums == nil {
			uids = append(uids, came[k].uid)
		}
	}
	read, broke, err := digests(ctx, server, raw, mark, uids)
	if err != nil {
		return nil, err
	}
	if ends(broke) {
		return nil, broke
	}
	for _, k := range ask {
		if s := read[came[k].uid]; s != nil {
			came[k].sums = s
		}
	}
	pairByBytes(sent, came, to, least)
	return to, nil
}

// unpaired is a pairing of so many with nothing.
func unpaired(n int) []int {
	to := make([]int, n)
	for i := range to {
		to[i] = -1
	}
	return to
}
