package restore

import (
	"context"
	"fmt"

	"mailsync/state"
	"mailsync/sync/match"
)

// lookAfter counts what is there once everything was sent: a server that confirms a message
// may not have it. What was confirmed and is not listed, in a session that began later, is
// not restored; the next run looks again before it sends it once more.
func (t *transfer) lookAfter(ctx context.Context) error {
	if len(t.confirmed) == 0 || ctx.Err() != nil {
		return nil
	}
	var missing []sentMessage
	for _, anew := range []bool{false, true} {
		sn, err := t.Server.Scan(ctx, state.ScanRequest{Raw: t.m.raw, Full: true, Anew: anew, Keywords: t.kw})
		switch {
		case err != nil:
		case !sn.Complete && !anew:
			continue
		case !sn.Complete:
			err = fmt.Errorf("the server's listing is not complete: %d messages announced, %d listed", sn.Mark.Exists, len(sn.Messages))
		case sn.Mark.UIDValidity != t.m.mark.UIDValidity:
			missing, err = t.renumbered(ctx)
		default:
			missing, err = t.missing(ctx, sn, anew)
		}
		if err != nil {
			return fmt.Errorf("see whether %d messages are there that the server confirmed: %w", len(t.confirmed), err)
		}
		if len(missing) == 0 {
			return nil
		}
	}
	for _, c := range missing {
		t.said.Appended--
		t.said.Bytes -= c.sent.Bytes
		t.said.Refused++
		err := state.Faultf(state.Other, "%v: the server confirmed it and does not list it", c.message).
			WithHint("run restore again: it sends what is still not there")
		if err := t.Problem(t.said.To, 0, err); err != nil {
			return err
		}
	}
	return nil
}

// renumbered does what missing does where the mailbox has other numbers than those it had when
// the first message was sent: Courier gives an empty mailbox new ones until something is in it.
// No UID that was told says anything then, so all is matched as if nothing had been sent.
func (t *transfer) renumbered(ctx context.Context) (missing []sentMessage, err error) {
	if err := t.look(ctx); err != nil {
		return nil, err
	}
	for _, c := range t.confirmed {
		if c.message.there == nil {
			missing = append(missing, c)
		}
	}
	return missing, t.remember()
}

// missing returns those of the confirmed messages that a listing lacks, and notes which UIDs
// the others have. Without UIDs each message that came since stands for one of them, as far as
// nothing speaks against it.
func (t *transfer) missing(ctx context.Context, sn *state.ServerSnapshot, final bool) (missing []sentMessage, err error) {
	told := map[state.UID]bool{}
	var untold []*sentMessage
	for i := range t.confirmed {
		c := &t.confirmed[i]
		switch {
		case c.sent.UID == 0:
			untold = append(untold, c)
		case !sn.Shows(c.sent.UID):
			missing = append(missing, *c)
		}
		told[c.sent.UID] = true
	}
	if len(untold) == 0 || len(missing) > 0 && !final {
		return missing, nil
	}
	var among []*offered
	for _, msg := range sn.Messages {
		if t.m.byUID[msg.UID] == nil && !told[msg.UID] {
			among = append(among, &offered{OnServer: msg})
		}
	}
	least := match.AlikeBody
	if final {
		least = match.AlikeByNumber
	}
	to, err := t.m.became(ctx, untold, among, least)
	if err != nil {
		return nil, err
	}
	var found []state.Sent
	for i, k := range to {
		if k < 0 {
			missing = append(missing, *untold[i])
			continue
		}
		untold[i].sent.UID, untold[i].sent.Confirmed = among[k].UID, false
		found = append(found, untold[i].sent)
	}
	if len(found) == 0 {
		return missing, nil
	}
	if err := t.Step("note %d in restore's record", len(found)); err != nil {
		return nil, err
	}
	return missing, t.ledger.Settle(found)
}
