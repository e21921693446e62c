package match

import (
	"context"

	"mailsync/state"
	"mailsync/sync/port"
)

// PairSent finds what messages became that were sent, among those that came: to[i] is the place of what
// sent[i] became, -1 without. Bodies are read, here and there, only where they have to decide; own reads
// that of sent[i]. What was read of came stays in it.
func PairSent(ctx context.Context, server port.Server, raw string, mark state.Mark, sent []Dispatched, came []Newcomer, least int, own func(i int) (*Sums, error)) (to []int, err error) {
	to = Unpaired(len(sent))
	pairByMessageID(sent, came, to)
	ask := Undecided(sent, came, to)
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
		if came[k].Sums == nil {
			uids = append(uids, came[k].UID)
		}
	}
	read, broke, err := Digests(ctx, server, raw, mark, uids)
	if err != nil {
		return nil, err
	}
	if port.Ends(broke) {
		return nil, broke
	}
	for _, k := range ask {
		if s := read[came[k].UID]; s != nil {
			came[k].Sums = s
		}
	}
	pairByBytes(sent, came, to, least)
	return to, nil
}

// Unpaired is a pairing of so many with nothing.
func Unpaired(n int) []int {
	to := make([]int, n)
	for i := range to {
		to[i] = -1
	}
	return to
}
