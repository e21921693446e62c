package mailbox

import (
	"time"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Due reports whether a generation has to be compared whole. A clock that went back makes
// it due, too; comparing decides nothing by age.
func (r *Run) Due(g *state.Generation) bool {
	age := r.Now().Sub(time.Unix(g.Compared, 0))
	return age < 0 || age >= plan.CompareEvery
}
