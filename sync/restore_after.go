package sync

import (
	"context"
	"fmt"

	"mailsync/state"
)

// confirmed is a message of which the server said in this run that it stored it.
type confirmed struct {
	cargo *cargo
	sent  state.Sent // without a UID where none was told
}

// lookAfter counts what is there once everything was sent: a server that confirms a message
// may not have it. What was confirmed and is not listed, in a session that began later, is
// not restored; the next run looks again before it sends it once more.
func (r *restoring) lookAfter(ctx context.Context, g *goal, m *matching, kw *state.Keywords) error {
	if len(m.confirmed) == 0 || ctx.Err() != nil {
		return nil
	}
	var missing []confirmed
	for _, anew := range []bool{false, true} {
		sn, err := r.Server.Scan(ctx, state.ScanRequest{Raw: m.raw, Full: true, Anew: anew, Keywords: kw})
		if err == nil && (!sn.Complete || sn.Mark.UIDValidity != m.mark.UIDValidity) {
			err = fmt.Errorf("the server's listing is not complete")
		}
		if err == nil {
			missing, err = r.missing(ctx, m, sn, anew)
		}
		if err != nil {
			return fmt.Errorf("see whether %d messages are there that the server confirmed: %w", len(m.confirmed), err)
		}
		if len(missing) == 0 {
			return nil
		}
	}
	for _, c := range missing {
		g.said.Appended--
		g.said.Bytes -= c.sent.Bytes
		g.said.Refused++
		err := state.Faultf(state.Other, "%v: the server confirmed it and does not list it", c.cargo).
			WithHint("run restore again: it sends what is still not there")
		if err := r.problem(g.said.To, err); err != nil {
			return err
		}
	}
	return nil
}

// missing returns those of the confirmed messages that a listing lacks, and notes which UIDs
// the others have. Without UIDs each message that came since stands for one of them, as far as
// nothing speaks against it.
func (r *restoring) missing(ctx context.Context, m *matching, sn *state.ServerSnapshot, final bool) (missing []confirmed, err error) {
	told := map[state.UID]bool{}
	var untold []*confirmed
	for i := range m.confirmed {
		c := &m.confirmed[i]
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
		if m.byUID[msg.UID] == nil && !told[msg.UID] {
			among = append(among, &offered{OnServer: msg})
		}
	}
	at := map[*cargo]int{}
	for i, c := range m.cargo {
		at[c] = i
	}
	sent := make([]dispatched, len(untold))
	which := make([]int, len(untold))
	for i, c := range untold {
		sent[i] = dispatched{next: c.sent.UIDNext, bytes: c.sent.Bytes, date: c.cargo.ident.Date, messageID: c.cargo.ident.MessageID, confirmed: true}
		which[i] = at[c.cargo]
	}
	least := alikeBody
	if final {
		least = alikeByNumber
	}
	to, err := m.became(ctx, which, sent, among, least)
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
	if err := r.step("note %d in restore's record", len(found)); err != nil {
		return nil, err
	}
	r.turn.take()
	defer r.turn.give()
	return missing, r.Ledger.Settle(found)
}
