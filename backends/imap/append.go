package imap

import (
	"context"
	"errors"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// How much is under way on one connection before an answer is waited for: what is
// unanswered when the connection breaks is unsure.
const (
	appendsAhead = 32
	octetsAhead  = 8 << 20
)

// longAppend is the length of a message from which on it is better sent after the others, if any.
const longAppend = 1 << 20

// Append sends messages to a mailbox, one APPEND behind the other, and returns what
// became of each. A body is read while it is sent; one that is not as long as announced
// never becomes a message. Where the connection breaks, what was sent and not
// answered is Unsure, and the message that was being sent, if it alone was under way, is
// Again; neither is sent once more, and the rest is sent over another connection. A server
// that is busy is waited for. The error is for what was not sent at all: no connection could be
// had, or one after the other broke, at messages of this Append and of those before.
func (a *Account) Append(ctx context.Context, raw string, msgs []state.Outgoing, kw *state.Keywords) ([]state.Appended, error) {
	if len(msgs) == 0 {
		return nil, nil
	}
	if kw == nil {
		kw = state.NewKeywords(nil)
	}
	ap := &appending{a: a, raw: raw, msgs: msgs, kw: kw, out: make([]state.Appended, len(msgs)),
		bare: make([]bool, len(msgs)), later: make([]state.Doubt, len(msgs))}
	for i := range msgs {
		ap.todo = append(ap.todo, i)
	}
	err := ap.run(ctx)
	if err != nil {
		err = inMailbox(raw, "append to", err)
		for _, i := range ap.todo {
			ap.out[i] = state.Appended{Err: err, Doubt: ap.later[i]}
		}
	}
	return ap.out, err
}

// appending is an Append under way.
type appending struct {
	a    *Account
	raw  string
	msgs []state.Outgoing
	kw   *state.Keywords
	out  []state.Appended

	todo    []int // of msgs: neither sent nor refused
	bare    []bool
	later   []state.Doubt // of msgs: Vague where the server put them off
	flying  []appended    // sent and not answered, oldest first
	octets  int64         // of flying
	largest int64         // what the server takes; 0 or less: unknown
	fruit   bool          // the connection brought an answer
	end     error         // why nothing more is sent on it
	brokeAt *object       // the message at which it broke
	long    bool          // that message is long
}

// appended is one APPEND that was sent.
type appended struct {
	i    int
	sent *wire.Sent
}

// run works on one connection after the other. Two that break before a message was begun are
// enough; those that break at messages are counted over all Appends of the account.
func (ap *appending) run(ctx context.Context) error {
	if err := ap.a.mayChange(); err != nil {
		return err
	}
	ap.a.quota.forget()
	for barren := 0; ; {
		s, err := ap.a.acquire(ctx, "", true)
		if err != nil {
			return err
		}
		if s.hasSelected(ap.raw) && !s.caps.Has(goimap.CapUnselect) && ap.otherMailbox() == "" {
			s.logout() // another connection has nothing selected
			ap.a.release(s)
			continue
		}
		stop := s.watch(ctx)
		ap.fruit, ap.end, ap.brokeAt = false, nil, nil
		ap.on(ctx, s)
		stop()
		broken := s.broken.Load()
		ap.a.release(s)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ap.fruit {
			barren = 0
			ap.a.appendBreaks.clear()
		}
		b, later := asBusy(ap.end)
		switch {
		case ap.brokeAt != nil && !later:
			ap.longLast()
			if ap.a.appendBreaks.atAppend(*ap.brokeAt, ap.end) {
				return ap.enough()
			}
		case broken && !later && !ap.fruit && len(ap.todo) > 0:
			if barren++; barren == 2 {
				return ap.end
			}
		}
		if len(ap.todo) == 0 {
			return nil
		}
		if later {
			if err := ap.a.waitFor(ctx, b); err != nil {
				return err
			}
		}
	}
}

// longLast has long messages wait for the others: where a connection broke at one it may break at all.
func (ap *appending) longLast() {
	var short, long []int
	for _, i := range ap.todo {
		if ap.msgs[i].Size < longAppend {
			short = append(short, i)
		} else {
			long = append(long, i)
		}
	}
	ap.todo = append(short, long...)
}

// enough is the error after too many connections broke in a row. It is the server's failure, unless
// the server has stored something in this run, or the message was long: then it is that of what
// was sent to this mailbox.
func (ap *appending) enough() error {
	ap.a.appendBreaks.clear()
	if !ap.a.server.stored.Load() && !ap.long {
		return ap.end
	}
	return state.Faultf(state.Other, "the connection broke at one message after the other: %v", ap.end).
		WithHint("the server may have a limit on the length of a message that it does not announce; run it again, it goes on where it stopped")
}

// on sends on one session what there is to send, and takes all answers.
func (ap *appending) on(ctx context.Context, s *session) {
	if ap.end = ap.leave(ctx, s); ap.end == nil {
		ap.end = ap.learnLimit(ctx, s)
	}
	for ap.end == nil && len(ap.todo) > 0 {
		careful := ap.a.appendBreaks.any() // one at a time, so that the message to blame is known
		for len(ap.flying) > 0 && (len(ap.flying) == appendsAhead || careful || ap.octets > octetsAhead || ap.flying[0].sent.Answered()) {
			ap.reap(ctx, s)
		}
		if ap.end == nil {
			ap.send(ctx, s, ap.todo[0])
		}
	}
	for len(ap.flying) > 0 {
		ap.reap(ctx, s)
	}
}

// leave makes sure that the mailbox is not the one that is selected: Courier takes no message
// for one that is open read-only, and GNU imap4d confirms each for one that is open for
// changes and keeps few of them. CLOSE would expunge, so it is never used.
func (ap *appending) leave(ctx context.Context, s *session) error {
	if !s.hasSelected(ap.raw) {
		return nil
	}
	if s.caps.Has(goimap.CapUnselect) { // RFC 3691
		_, err := s.run(ctx, "UNSELECT", nil)
		if err == nil {
			s.at = nil
			return nil
		}
		if !isRefusal(err) {
			return err
		}
	}
	other := ap.otherMailbox()
	_, err := s.open(ctx, other, true)
	if s.broken.Load() {
		ap.a.breaks.at(object{raw: other}, err) // the next connection has none selected
	}
	// RFC 9051 section 6.3.2: a mailbox that cannot be opened leaves none selected.
	if isRefusal(err) {
		return nil
	}
	return err
}

// otherMailbox returns a mailbox that can be opened in place of ours, "" where none is known.
func (ap *appending) otherMailbox() string {
	other := ap.a.names.otherThan(ap.raw)
	if ap.a.breaks.once(other) {
		return ""
	}
	return other
}

// hasSelected reports whether the session has a mailbox selected.
func (s *session) hasSelected(raw string) bool { return s.at != nil && state.SameName(s.at.raw, raw) }

// learnLimit finds out how large a message may be (RFC 7889). A limit of 0 is that of a server which
// has none, or knows none (maddy 0.8): what a mailbox takes at all, an APPEND shows.
func (ap *appending) learnLimit(ctx context.Context, s *session) error {
	ap.largest = 0
	limit, ok := s.caps.AppendLimit()
	switch {
	case !ok:
	case limit != nil:
		ap.largest = int64(*limit)
	case ap.a.server.noLimit.Load():
	default:
		st, err := s.statusByName(ctx, ap.raw, "APPENDLIMIT")
		if err != nil && !isRefusal(err) {
			ap.a.server.noLimit.Store(true)
			return err
		}
		if err == nil {
			ap.largest = st.largest
		}
	}
	return nil
}

// send sends the message that is first in todo, unless it cannot be read or is too large.
func (ap *appending) send(ctx context.Context, s *session, i int) {
	msg := &ap.msgs[i]
	if ap.largest > 0 && msg.Size > ap.largest {
		ap.drop(i, state.NotStored, state.Faultf(state.Other, "%d octets are more than the %d that the server takes", msg.Size, ap.largest).
			WithHint("the server takes no message this large; it stays here"))
		return
	}
	body, err := msg.Open()
	if err != nil {
		ap.drop(i, state.NotStored, err)
		return
	}
	defer body.Close()
	r, err := ahead(body, msg.Size)
	if err != nil {
		ap.drop(i, state.NotStored, err)
		return
	}
	sent, err := s.w.SendLiteral(ctx, ap.command(i), wire.Literal{Size: msg.Size, Sync: s.mustAsk(msg.Size), Body: r})
	var wrong *wire.BodyError
	switch {
	case err == nil:
		ap.todo = ap.todo[1:]
		ap.flying = append(ap.flying, appended{i, sent})
		ap.octets += msg.Size
		return
	case errors.As(err, &wrong):
		ap.fruit = true // it is not the server's fault
		ap.drop(i, state.NotStored, wrong.Err)
	case len(ap.flying) == 0 && ctx.Err() == nil:
		ap.blame(i)
		ap.drop(i, state.CutOff, s.fault(ctx, err))
	}
	ap.end = s.fault(ctx, err) // with others under way it may be the fault of one of those
}

// blame notes at which message the connection broke.
func (ap *appending) blame(i int) {
	ap.brokeAt, ap.long = &object{raw: ap.raw, name: ap.msgs[i].Name}, ap.msgs[i].Size >= longAppend
}

// drop ends the message that is first in todo, and was not stored.
func (ap *appending) drop(i int, doubt state.Doubt, err error) {
	ap.fail(i, doubt, err)
	ap.todo = ap.todo[1:]
}

func (ap *appending) fail(i int, doubt state.Doubt, err error) {
	ap.out[i] = state.Appended{Err: err, Doubt: doubt}
}

// reap takes the answer to the oldest APPEND.
func (ap *appending) reap(ctx context.Context, s *session) {
	one := ap.flying[0]
	ap.flying = ap.flying[1:]
	ap.octets -= ap.msgs[one.i].Size
	answer, err := one.sent.Wait(ctx)
	if err == nil {
		ap.fruit = true
		ap.a.server.stored.Store(true)
		ap.a.patience.Worked()
		ap.out[one.i] = appendUID(answer.Code)
		if ap.bare[one.i] {
			ap.out[one.i].Without = ap.words(one.i)
		}
		return
	}
	r, refused := asRefusal(err)
	if !refused {
		err = s.fault(ctx, err)
		ap.fail(one.i, state.Unsure, err)
		if ap.end == nil {
			ap.end = err
		}
		if ap.brokeAt == nil { // a server takes them in turn
			ap.blame(one.i)
		}
		return
	}
	ap.fruit = true
	again := func() { ap.todo = append([]int{one.i}, ap.todo...) }
	switch _, later := r.comeBack(); {
	case later && !r.hasCode("LIMIT"): // LIMIT is about the message (RFC 5530 section 3)
		ap.later[one.i] = state.Vague
		again()
		if ap.end == nil {
			ap.end = s.fault(ctx, err)
		}
	case !ap.bare[one.i] && ap.words(one.i) != 0 && (r.code == "" || r.hasCode("LIMIT", "NOPERM", "CANNOT")):
		ap.bare[one.i] = true // some servers take no keywords, and answer with a bare NO
		again()
	default:
		ap.fail(one.i, r.doubt(), r.ofAppend())
	}
}
