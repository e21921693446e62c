package sync

import (
	"time"

	"mailsync/state"
)

// compareEvery is how long the word of a server that nothing changed is taken, before
// everything is compared: a UID whose message is another one shows in no delta.
const compareEvery = 7 * 24 * time.Hour

// due reports whether a generation has to be compared whole. A clock that went back makes
// it due, too; comparing decides nothing by age.
func (r *run) due(g *state.Generation) bool {
	age := r.now().Sub(time.Unix(g.Compared, 0))
	return age < 0 || age >= compareEvery
}
