package plan

import (
	"mailsync/state"
)

// brakeFloor is the size of a mailbox from which on emptying it is suspicious.
const brakeFloor = 10

// Brake checks a plan before anything of it is done. Where it would carry over more
// deletions than MaxDelete from one side to the other, or empty a mailbox that had more
// than ten messages, it returns the plan without those deletions, and how many it held back.
// Messages whose files vanished in such numbers are not remembered as kept away either.
// Deletions that make room (archive) do not count.
//
// A brake that was pulled stays pulled until it is released with --max-delete, or most of
// what it holds back is there again: new mail must not make an emptied mailbox look like one
// from which a part was deleted. before is what was held back in the last run, now in this one.
func Brake(ops []Op, base []state.Record, p Policy, before state.Held) (kept []Op, now state.Held) {
	var all state.Held
	for _, o := range ops {
		if n := deletions(&all, o); n != nil {
			*n++
		}
	}
	total := 0
	for _, r := range base {
		if r.Status.HasFile() && r.Status != state.OnlyHere {
			total++
		}
	}
	if all == (state.Held{}) {
		return ops, now
	}
	for _, o := range ops {
		if n := deletions(&all, o); n == nil || !p.brakes(*n, total, *deletions(&before, o)) {
			kept = append(kept, o)
		} else {
			*deletions(&now, o)++
		}
	}
	return kept, now
}

// deletions is the count of the side on which a deletion was made that an operation carries
// over, nil for any other operation.
func deletions(h *state.Held, o Op) *int {
	switch {
	case o.Kind == OpRemove:
		return &h.OnServer
	case o.Kind == OpExpunge, o.Kind == OpAgree && o.Status == state.KeptAway:
		return &h.OnDisk
	}
	return nil
}

// brakes reports whether n deletions on one side, of total messages, are too many; before
// is how many of them were held back in the last run.
func (p Policy) brakes(n, total, before int) bool {
	if n > p.MaxDelete {
		return true
	}
	return !p.Meant && (total > brakeFloor && n >= total || before > 0 && 2*n > before)
}
