package plan

import (
	"mailsync/state"
)

// brakeFloor is the size of a mailbox from which on emptying it is suspicious.
const brakeFloor = 10

// Brake looks at a plan before anything of it is done. Where it would carry over more
// deletions than MaxDelete from one side to the other, or empty a mailbox that held more
// than ten messages, it returns the plan without those deletions, and how many it held back.
// Messages whose files vanished in such numbers are not remembered as kept away either.
// Deletions that make room (archive) are no concern of the brake.
//
// A brake that was pulled stays pulled until it is released with --max-delete, or most of
// what it holds is there again: new mail must not make an emptied mailbox look like one
// from which a part was deleted. before is what was held back in the last run, now in this.
func Brake(ops []Op, base []state.Record, p Policy, before state.Held) (kept []Op, now state.Held) {
	var n state.Held
	for _, o := range ops {
		switch side(o) {
		case onServer:
			n.OnServer++
		case onDisk:
			n.OnDisk++
		}
	}
	total := 0
	for _, r := range base {
		if r.Status.HasFile() && r.Status != state.OnlyHere {
			total++
		}
	}
	stop := map[deletion]bool{
		onServer: p.brakes(n.OnServer, total, before.OnServer),
		onDisk:   p.brakes(n.OnDisk, total, before.OnDisk),
	}
	if !stop[onServer] && !stop[onDisk] {
		return ops, state.Held{}
	}
	for _, o := range ops {
		switch d := side(o); {
		case d == onServer && stop[d]:
			now.OnServer++
		case d == onDisk && stop[d]:
			now.OnDisk++
		default:
			kept = append(kept, o)
		}
	}
	return kept, now
}

// brakes reports whether n deletions on one side, of total messages, are too many; before
// is how many of them were held back in the last run.
func (p Policy) brakes(n, total, before int) bool {
	if n > p.MaxDelete {
		return true
	}
	return !p.Meant && (total > brakeFloor && n >= total || before > 0 && 2*n > before)
}

// deletion is the side on which a deletion that an operation carries over was made.
type deletion uint8

const (
	none deletion = iota
	onServer
	onDisk
)

func side(o Op) deletion {
	switch {
	case o.Kind == OpRemove:
		return onServer
	case o.Kind == OpExpunge, o.Kind == OpAgree && o.Status == state.KeptAway:
		return onDisk
	}
	return none
}
