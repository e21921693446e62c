package sync

import (
	"fmt"
	"strings"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// heldBack is what the brake holds back in a mailbox: on which side the messages are gone, on which they
// stay, and what lets the deletions pass.
func (r *run) heldBack(b *mailbox.Box, held state.Held) error {
	b.Leave(mailbox.HeldBack)
	var parts, then []string
	if n := held.OnDisk; n > 0 {
		parts = append(parts, fmt.Sprintf("%s on disk %s on the server", gone(n), stay(n)))
		if r.Policy.OnDiskDelete == plan.Delete {
			then = append(then, "deletes them on the server")
		} else {
			then = append(then, "leaves them on the server and never fetches them again")
		}
	}
	if n := held.OnServer; n > 0 {
		parts = append(parts, fmt.Sprintf("%s on the server %s on disk", gone(n), stay(n)))
		then = append(then, "moves their files on disk to the trash")
	}
	return r.Problem(b.Name, 0, state.Faultf(state.Braked, "%d deletions held back: %s", held.OnServer+held.OnDisk, strings.Join(parts, "; ")).
		WithHint("if that is meant, \"mailsync sync --max-delete %d %s\", once, %s", max(held.OnDisk, held.OnServer), r.Name, strings.Join(then, ", and ")))
}

func gone(n int) string {
	if n == 1 {
		return "1 message that is gone"
	}
	return fmt.Sprintf("%d messages that are gone", n)
}

func stay(n int) string {
	if n == 1 {
		return "stays"
	}
	return "stay"
}
