package pop3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"mailsync/state"
)

var (
	errNoUIDL  = errors.New("it has no unique-id of its own and is never deleted")
	errRenamed = errors.New("its number stands for another message now")
)

// Expunge removes messages from the server. They count as gone only once the server has
// answered +OK to their DELE and to the QUIT after it (RFC 1939 section 6), or where a
// complete listing does not have them. After a QUIT the session is over; the next call of
// any method begins another.
//
// It works in the session that listed the mailbox, which asks once more for the unique-id
// of each message right before. A message that has another size than it should, no
// unique-id of its own, or is refused by Confirm is Kept; one that the server refuses to
// delete is part of the error. Where the listing is not complete, where the connection
// breaks, or where the server counts fewer messages than should be left, nothing is
// deleted at all.
func (a *Account) Expunge(ctx context.Context, req state.ExpungeRequest) (out state.Expunged, err error) {
	switch {
	case len(req.Messages) == 0:
		return out, nil
	case !isInbox(req.Raw):
		return out, errNoMailbox(req.Raw)
	case req.UIDValidity != uidValidity:
		return out, state.ErrRenumbered
	case req.Trash != "":
		return out, cannot("move messages to a trash mailbox")
	case a.o.ReadOnly:
		return out, state.Faultf(state.Other, "this run must not change the server: nothing is deleted")
	}
	var refused, atQuit error
	err = a.do(ctx, func(s *session) error {
		s, stop, err := s.thatDeletesOnly(ctx)
		if err != nil {
			return err
		}
		defer stop()
		d, err := s.markDeleted(ctx, req)
		if err != nil {
			return err
		}
		out, refused = state.Expunged{Gone: d.missing, Kept: d.kept}, d.refused
		if len(d.marked) == 0 {
			return nil
		}
		// Not this function's error: it must not run again after QUIT was sent.
		if atQuit = s.c.quit(); atQuit == nil {
			out.Gone = append(out.Gone, d.marked...)
		}
		return nil
	})
	if atQuit != nil {
		atQuit = fmt.Errorf("the deletions were not confirmed, and may have happened or not: %w", fault(atQuit))
	}
	slices.Sort(out.Gone)
	slices.Sort(out.Kept)
	return out, errors.Join(err, atQuit, refused)
}

// thatDeletesOnly returns the session, or another one where QUIT would also delete what this
// one fetched. stop is to be called when it is over.
func (s *session) thatDeletesOnly(ctx context.Context) (_ *session, stop func() bool, err error) {
	if !s.c.expires() {
		return s, func() bool { return true }, nil
	}
	s.c.drop()
	if s, err = s.a.open(ctx); err != nil {
		return nil, nil, err
	}
	return s, context.AfterFunc(ctx, s.c.drop), nil
}

// deletion is what became of the messages of a request, short of QUIT.
type deletion struct {
	missing, kept, marked []state.UID
	refused               error
}

func (d *deletion) refuse(uid state.UID, err error) {
	d.refused = errors.Join(d.refused, fmt.Errorf("uid %d is not deleted: %w", uid, err))
}

// markDeleted sends DELE for what is sure to be the messages meant. After an error nothing
// may be deleted.
func (s *session) markDeleted(ctx context.Context, req state.ExpungeRequest) (d deletion, err error) {
	l, err := s.numbered(ctx)
	if err != nil {
		return d, err
	}
	if !l.complete() {
		return d, errors.New("the server's listing is not complete: nothing is deleted")
	}
	sure, err := s.confirm(l, req, &d)
	if err != nil {
		return d, err
	}
	for part := range slices.Chunk(sure, batch) {
		var questions []question
		for _, m := range part {
			questions = append(questions, question{dele(int(m.no)), func(_ string, err error) error {
				if err != nil {
					d.refuse(m.uid, err)
					return nil
				}
				d.marked = append(d.marked, m.uid)
				return nil
			}})
		}
		if err := s.c.ask(questions...); err != nil {
			return d, err
		}
	}
	return d, s.recount(len(l.messages) - len(d.marked))
}

// confirm keeps of a request those messages that are what they should be, and asks for
// the unique-id of each of them.
func (s *session) confirm(l *listing, req state.ExpungeRequest, d *deletion) (sure []*message, err error) {
	var meant []*message
	seen := map[state.UID]bool{}
	for _, want := range req.Messages {
		if seen[want.UID] {
			continue
		}
		seen[want.UID] = true
		m, ok := l.find(want.UID)
		switch {
		case !ok:
			d.missing = append(d.missing, want.UID)
		case m.text == "":
			d.refuse(m.uid, errNoUIDL)
			d.kept = append(d.kept, m.uid)
		case want.Size >= 0 && m.size != want.Size, req.Confirm != nil && !req.Confirm(m.onServer()):
			d.kept = append(d.kept, m.uid)
		default:
			meant = append(meant, m)
		}
	}
	for part := range slices.Chunk(meant, batch) {
		var questions []question
		for _, m := range part {
			questions = append(questions, question{uidlOf(int(m.no)), func(text string, err error) error {
				switch {
				case err != nil:
					d.refuse(m.uid, err)
				case !m.is(text):
					d.refuse(m.uid, errRenamed)
					d.kept = append(d.kept, m.uid)
				default:
					sure = append(sure, m)
				}
				return nil
			}})
		}
		if err := s.c.ask(questions...); err != nil {
			return nil, err
		}
	}
	return sure, nil
}

// is reports whether the answer to UIDL with this message's number tells of it.
func (m *message) is(text string) bool {
	no, uidl, ok := scanListing([]byte(text))
	uidl = bytes.TrimRight(uidl, " \t")
	return ok && no == int(m.no) && len(uidl) > 0 && textOf(uidl) == m.text
}

// recount asks whether no more is marked than was meant to be: a server that counts fewer
// messages than should be left is told to forget it all (RSET), and left. One that
// counts more does not count as RFC 1939 section 5 wants it to, which loses nothing.
func (s *session) recount(left int) error {
	now := stat{messages: math.MaxInt}
	err := s.c.ask(question{"STAT", func(text string, err error) error {
		if st, parsed := parseStat(text); err == nil && parsed == nil {
			now = st
		}
		return nil
	}})
	if err != nil || now.messages >= left {
		return err
	}
	_, err = s.c.command("RSET")
	s.c.drop() // without QUIT nothing is deleted, whatever the answer was
	return errors.Join(fmt.Errorf("server counts %d messages where %d should be left: nothing is deleted", now.messages, left), err)
}
