package imap

import (
	"context"
	"fmt"
	"slices"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// order is one command about messages.
type order struct {
	before string
	uids   []state.UID
	after  string
}

// send sends one command, or several where the UIDs are many.
func (st *storing) send(ctx context.Context, s *session, before string, uids []state.UID, after string) error {
	return st.sendAll(ctx, s, []order{{before, uids, after}})[0]
}

// maxOrders is how many commands are sent before the first answer is waited for.
const maxOrders = 50

// back selects the mailbox again where another one was opened behind what was sent in it.
func (st *storing) back(ctx context.Context) (err error) {
	at := st.at
	if at == nil || at.s.at == at {
		return nil
	}
	at.s.forgoNext()
	st.at, err = at.s.openAs(ctx, at.raw, at.mark.UIDValidity, false)
	if err != nil {
		st.at = at
	}
	return err
}

// sendAll sends commands, and then waits for their answers. It returns the error of each.
func (st *storing) sendAll(ctx context.Context, s *session, orders []order) []error {
	type part struct {
		order, count int
		line         string
		sent         *wire.Sent
		done         *partly
	}
	var parts []part
	errs := make([]error, len(orders))
	if err := st.back(ctx); err != nil {
		return slices.Repeat([]error{err}, len(orders))
	}
	st.left, st.crossed = false, false
	note := func(i, count int, err error) {
		if err != nil && errs[i] == nil {
			errs[i] = fmt.Errorf("%d messages:%s: %w", count, orders[i].after, err)
		}
	}
	wait := func(most int) {
		for len(parts) > most {
			p := parts[0]
			parts = parts[1:]
			ok, err := p.sent.Wait(ctx)
			st.crossed = st.crossed || p.sent.Crossed()
			if err = s.fault(ctx, err); err == nil && p.done.left(ok) {
				if err = st.back(ctx); err == nil {
					ok, err = s.goOn(ctx, p.done, p.line, ok, st.take)
				}
			}
			note(p.order, p.count, st.answered(orders[p.order].uids, ok, err))
		}
	}
	for i := range orders {
		o := &orders[i]
		slices.Sort(o.uids)
		o.uids = slices.Compact(o.uids)
		for set, some := range s.pieces(o.uids) {
			line, done := o.before+set+o.after, &partly{}
			sent, err := s.w.Send(ctx, line, done.hear(st.take))
			if err != nil {
				note(i, len(some), s.fault(ctx, err))
				break
			}
			parts = append(parts, part{i, len(some), line, sent, done})
			wait(maxOrders)
		}
	}
	if st.last && s.selectNext(ctx) {
		st.left = true
	}
	wait(0)
	st.doubt(s, orders)
	return errs
}

// doubt forgets what was echoed where commands changed places while another mailbox was opened behind them: it may be of that one.
func (st *storing) doubt(s *session, orders []order) {
	if !st.crossed || !st.left {
		return
	}
	s.a.server.inTurn.Store(true)
	for _, o := range orders {
		for _, uid := range o.uids {
			delete(st.echo, uid)
		}
	}
}
