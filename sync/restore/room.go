package restore

import (
	"context"

	"mailsync/state"
	"mailsync/sync/mailbox"
)

// roomThere reports that the server's quota has no room for so many messages, before the first is sent. A server that does not
// know, or does not say, is sent them: it refuses what it does not take. So is one whose mailboxes are labels: a message that
// is in several of them takes its room once, and it is not known what it will take for the same.
func roomThere(ctx context.Context, r *mailbox.Run, messages int, octets int64) error {
	if messages == 0 || r.Can.Labels {
		return nil
	}
	quotas, err := r.Server.Quota(ctx, "INBOX")
	if err != nil {
		if r.Log != nil {
			r.Log.Info("ask for the quota", "account", r.Name, "err", err)
		}
		return ctx.Err()
	}
	for _, q := range quotas {
		if free := max(0, q.Limit-q.Used); q.Limit > 0 && octets > free {
			return state.Faultf(state.Other, "%s are to be sent (%d messages), and the server's quota has %s left of %s; nothing was sent",
				state.Size(octets), messages, state.Size(free), state.Size(q.Limit)).
				WithHint("make room there (\"mailsync help archive\"), raise the quota, or restore less: --mailbox, --since")
		}
	}
	return nil
}
