package pop3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mailsync/backends/reach"
	"mailsync/state"
)

var errNoUIDL = errors.New("it has no unique-id of its own and is never deleted")

// Expunge removes messages from the server. They count as gone only once the server has
// answered +OK to their DELE and to the QUIT after it (RFC 1939 section 6), or where a
// complete listing does not have them. After a QUIT the session is over; the next call of
// any method begins another.
//
// It works in the session that listed the mailbox, which asks once more for the unique-id
// of each message right before. A message that has another size than it should, no
// unique-id of its own, or is refused by Confirm is Kept; one that the server refuses to
// delete, or whose DELE it answers with something that makes no sense, is part of the error. Where the
// listing is not complete, where connections break one after the other, or where the server
// counts fewer messages than should be left or names others, nothing is deleted at all.
func (a *Account) Expunge(ctx context.Context, req state.ExpungeRequest) (state.Expunged, error) {
	switch {
	case len(req.Messages) == 0:
		return state.Expunged{}, nil
	case !isInbox(req.Raw):
		return state.Expunged{}, errNoMailbox(req.Raw)
	case req.UIDValidity != uidValidity:
		return state.Expunged{}, state.ErrRenumbered
	case req.Trash != "":
		return state.Expunged{}, cannot("move messages to a trash mailbox")
	case a.o.ReadOnly:
		return state.Expunged{}, state.Faultf(state.Other, "this run must not change the server: nothing is deleted")
	}
	d := &deletion{req: req, broke: map[state.UID]error{}}
	err := a.insist(ctx, func(s *session) error { return d.over(ctx, s) }, func(err error) bool { return d.again(a, err) })
	out := state.Expunged{Gone: d.gone, Kept: d.kept, Refused: d.byServer()}
	slices.Sort(out.Gone)
	slices.Sort(out.Kept)
	return out, errors.Join(err, d.atQuit, d.refusals())
}

// over is one session of a deletion, to its end.
func (d *deletion) over(ctx context.Context, s *session) error {
	if s.c.expires() { // its QUIT would also delete what it fetched
		s.c.drop()
		var err error
		if s, err = s.a.open(ctx); err != nil {
			return err
		}
		defer context.AfterFunc(ctx, s.c.drop)()
	}
	d.sure, d.marked, d.marks, d.gone, d.kept, d.refused, d.at = nil, nil, map[int32]bool{}, nil, nil, nil, nil
	if err := s.markDeleted(ctx, d); err != nil {
		d.gone, d.kept, d.refused = nil, nil, nil // without QUIT nothing is deleted
		return err
	}
	if len(d.marks) == 0 {
		return nil
	}
	// Not this function's error: it must not run again after QUIT was sent.
	if err := s.c.quit(); err != nil {
		d.atQuit = fmt.Errorf("the deletions were not confirmed, and may have happened or not: %w", fault(err))
		return nil
	}
	d.gone = append(d.gone, d.marked...)
	return nil
}

// again decides whether another session is begun after one that broke. Unless it just ended, once, each
// answer is waited for from then on, so that it is known which message a connection breaks at; that one
// is left out.
func (d *deletion) again(a *Account, err error) bool {
	d.breaks++
	if d.at != nil {
		d.broke[d.at.uid] = fmt.Errorf("the connection broke at its DELE: %s", state.PlainText(err)) // no longer the account's failure
	}
	a.careful = a.careful || d.breaks > 1 || !reach.HungUp(err)
	return d.breaks <= maxBreaks
}

// deletion is a request, and what became of its messages.
type deletion struct {
	req    state.ExpungeRequest
	breaks int                 // sessions that broke
	broke  map[state.UID]error // messages at whose DELE one did
	atQuit error

	// Of the session that is on.
	sure       []*message // that are what they should be
	marked     []state.UID
	marks      map[int32]bool // the numbers of those, and of others that may be marked
	at         *message       // whose DELE is to be answered, where each is waited for
	gone, kept []state.UID
	refused    []refusedDeletion
}

// refusedDeletion is a message that is not deleted, and why.
type refusedDeletion struct {
	uid state.UID
	err error
}

// reason is what is the same in the errors of many.
func (r refusedDeletion) reason() string {
	if errors.Is(r.err, errRenamed) {
		return errRenamed.Error()
	}
	return r.err.Error()
}

func (d *deletion) refuse(uid state.UID, err error) {
	d.refused = append(d.refused, refusedDeletion{uid, err})
}

// byServer are the messages whose DELE the server refused, or the QUIT behind it.
func (d *deletion) byServer() (uids []state.UID) {
	if _, refused := asRefusal(d.atQuit); refused {
		uids = slices.Clone(d.marked)
	}
	for _, r := range d.refused {
		if _, refused := asRefusal(r.err); refused {
			uids = append(uids, r.uid)
		}
	}
	return uids
}

// fewRefusals is how many messages with one reason are reported one by one.
const fewRefusals = 3

const readOnlyHint = `the server may not let POP3 delete from this mailbox: ask its operator, or set delete = "never"`

// refusals are the errors of messages; many with one reason are reported as one, as where the mailbox
// can only be read.
func (d *deletion) refusals() error {
	by := map[string]int{}
	for _, r := range d.refused {
		by[r.reason()]++
	}
	var all []error
	for _, r := range d.refused {
		why := r.reason()
		switch n := by[why]; {
		case n > fewRefusals:
			all = append(all, state.Faultf(state.Other, "%d messages are not deleted, uid %d is the first: %w", n, r.uid, r.err).
				WithHint("%s", d.hint(r.err)))
			by[why] = 0
		case n > 0:
			all = append(all, fmt.Errorf("uid %d is not deleted: %w", r.uid, r.err))
		}
	}
	return errors.Join(all...)
}

// hint is what to do about a refusal of many. Where others were deleted, the mailbox can be written to.
func (d *deletion) hint(err error) string {
	if _, refused := asRefusal(err); !refused {
		return ""
	}
	if hint := state.HintOf(fault(err)); hint != "" || len(d.marked) > 0 {
		return hint
	}
	return readOnlyHint
}

// markDeleted sends DELE for what is sure to be the messages meant. After an error nothing
// may be deleted.
func (s *session) markDeleted(ctx context.Context, d *deletion) error {
	if err := s.numbered(ctx); err != nil {
		return err
	}
	l := s.list
	if !l.complete() {
		return errors.New("the server's listing is not complete: nothing is deleted")
	}
	if err := s.confirm(l, d); err != nil {
		return err
	}
	mark := s.markMany
	if s.a.careful {
		mark = s.markSingly
	}
	if err := mark(d); err != nil {
		return err
	}
	left := len(l.messages) - len(d.marks)
	if err := s.recount(left); err != nil {
		return err
	}
	if left > 0 && len(d.marks) > 0 {
		if err := s.leaves(l, d); err != nil {
			return err
		}
	}
	return s.c.silent()
}

// markMany sends DELE, many at once where the server lets us. An answer that makes no sense breaks the
// connection: which message it is about is not known.
func (s *session) markMany(d *deletion) error {
	return s.c.askAll(questions(d.sure, func(m *message) question {
		return question{about("DELE", m.no), func(_ string, err error) error {
			d.answered(m, err)
			return nil
		}}
	}))
}

// answered notes the answer to a DELE.
func (d *deletion) answered(m *message, err error) {
	if err != nil {
		d.refuse(m.uid, err)
		return
	}
	d.marked = append(d.marked, m.uid)
	d.marks[m.no] = true
}

var (
	errRenamed  = errors.New("its number is another message's now")
	errNotNamed = errors.New("the server does not list its unique-ids once more")
)

// confirm keeps of a request those messages that are what they should be, and asks for
// the unique-id of each of them.
func (s *session) confirm(l *listing, d *deletion) error {
	meant := d.meant(l)
	if s.a.careful || s.a.avoided["UIDL n"] {
		return s.namedAgain(l, meant, d)
	}
	var unsure []*message
	err := s.c.askAll(questions(meant, func(m *message) question {
		return question{about("UIDL", m.no), func(text string, err error) error {
			switch uidl := m.uidl(text); {
			case err == nil && uidl == m.text:
				d.sure = append(d.sure, m)
			case err == nil && uidl != "":
				d.refuse(m.uid, fmt.Errorf("%w: %s is what UIDL calls it", errRenamed, reach.Quoted(uidl)))
			default:
				unsure = append(unsure, m)
			}
			return nil
		}}
	}))
	if err != nil || len(unsure) == 0 {
		return err
	}
	return s.namedAgain(l, unsure, d)
}

// meant are the messages of a request as the listing has them, but for what is not to be deleted.
func (d *deletion) meant(l *listing) (meant []*message) {
	seen := map[state.UID]bool{}
	for _, want := range d.req.Messages {
		if seen[want.UID] {
			continue
		}
		seen[want.UID] = true
		m := l.find(want.UID)
		switch {
		case m == nil:
			d.gone = append(d.gone, want.UID)
		case d.broke[want.UID] != nil:
			d.refuse(m.uid, d.broke[want.UID])
		case m.text == "":
			d.refuse(m.uid, errNoUIDL)
			d.kept = append(d.kept, m.uid)
		case want.Size >= 0 && m.size != want.Size, d.req.Confirm != nil && !d.req.Confirm(m.onServer()):
			d.kept = append(d.kept, m.uid)
		default:
			meant = append(meant, m)
		}
	}
	return meant
}

// uidl reads the answer to UIDL with this message's number: the unique-id, as the base keeps it. It
// is "" where the answer has another message's number, or a number of octets in its place.
func (m *message) uidl(answer string) string {
	text, ok := singleUIDL(answer, m.no)
	if !ok || text != m.text && (text == strconv.FormatInt(m.size, 10) || digits(text) && !digits(m.text)) {
		return ""
	}
	return text
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// namedAgain asks for all unique-ids once more, for messages that UIDL with a number does not name. A
// complete listing that names a message again proves as much. It also shows that answers still belong to
// their commands: in another command's answer, or behind it, the rest would make no sense.
func (s *session) namedAgain(l *listing, meant []*message, d *deletion) error {
	now, refused, err := s.uidlsNow()
	if err != nil {
		return err
	}
	complete := now.hasUIDL && now.flaws == 0 && len(now.messages) == len(l.messages)
	for _, m := range meant {
		i, there := now.at(m.no)
		switch {
		case !complete || !there:
			d.refuse(m.uid, refused)
		case now.messages[i].text != m.text:
			d.refuse(m.uid, errRenamed)
		default:
			d.sure = append(d.sure, m)
		}
	}
	return nil
}

// uidlsNow asks for all unique-ids once more. refused is why there are none.
func (s *session) uidlsNow() (now *listing, refused, err error) {
	now, refused = &listing{}, errNotNamed
	err = s.c.ask(question{"UIDL", func(_ string, err error) error {
		if err != nil {
			refused = fmt.Errorf("%w: %v", errNotNamed, err) // it is not the DELE that is refused
			return nil
		}
		now.hasUIDL = true
		return now.unlessCut(s.c.lines(maxMessages, now.addUIDL))
	}})
	now.sort()
	return now, refused, err
}

// leaves sees that what is not marked is still there, under the numbers that it had. A server that numbers
// anew at each DELE (RFC 1939 section 5 forbids it) has marked others than were meant.
func (s *session) leaves(l *listing, d *deletion) error {
	now, refused, err := s.uidlsNow()
	if err != nil {
		return err
	}
	if !now.hasUIDL || now.flaws > 0 {
		return s.reset(fmt.Errorf("what is left was to be seen before anything is deleted: %w", refused))
	}
	for _, m := range now.messages {
		if i, there := l.at(m.no); !there || m.text != "" && l.messages[i].text != "" && m.text != l.messages[i].text {
			return s.reset(errNumbersAnew)
		}
	}
	for _, m := range l.messages {
		if _, there := now.at(m.no); !there && !d.marks[m.no] {
			return s.reset(errNumbersAnew)
		}
	}
	return nil
}

var errNumbersAnew = errors.New("after DELE the server has other messages left than were meant: nothing is deleted")
