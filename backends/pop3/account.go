package pop3

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/state"
)

// uidValidity is INBOX's.
const uidValidity = 1

// inbox is the one mailbox of POP3.
const inbox = "INBOX"

var errClosed = errors.New("the account is closed")

// Account is one account on a POP3 server. Its methods are safe for concurrent use; they
// wait for each other, for there is one session at a time: most servers lock the mailbox
// for it (RFC 1939 section 4).
type Account struct {
	o        Options
	trace    *redact.Trace
	commands atomic.Int64
	busy     chan struct{} // holds one token while nobody works

	// Of whoever has the token.
	patience *reach.Patience
	entrance entrance
	careful  bool            // an answer made no sense: from now on one is waited for before the next command
	unread   map[int32]int   // connections that broke where a message without a unique-id was read, by its number
	avoided  map[string]bool // commands of use, not of need, at which a connection broke

	mu      sync.Mutex // guards session against Close
	session *session
	closed  bool
}

// New checks the options and returns the account. It connects to nothing yet.
func New(o Options) (*Account, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	a := &Account{
		o: o, trace: &redact.Trace{To: o.Trace, Secrets: o.Secrets}, busy: make(chan struct{}, 1),
		patience: &reach.Patience{Most: o.MaxWait}, unread: map[int32]int{}, avoided: map[string]bool{},
	}
	a.entrance = entrance{Login: reach.NewLogin(&a.o.Options), worked: o.WorkedBefore, shut: map[string]bool{}}
	a.busy <- struct{}{}
	return a, nil
}

// enter waits until nobody else works. leave lets the next one in.
func (a *Account) enter(ctx context.Context) error {
	select {
	case <-a.busy:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.leave()
		return errClosed
	}
	return nil
}

func (a *Account) leave() { a.busy <- struct{}{} }

func (a *Account) setSession(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.session = s; a.closed {
		s.c.drop()
	}
}

// do runs f on a session, and where its connection breaks so many times more, each on another one.
// So f must be safe to run again.
func (a *Account) do(ctx context.Context, times int, f func(*session) error) error {
	return a.insist(ctx, f, func(error) bool { times--; return times >= 0 })
}

// insist runs f on a session, and on another one after each that broke, as long as again wants it.
func (a *Account) insist(ctx context.Context, f func(*session) error, again func(error) bool) error {
	if err := a.enter(ctx); err != nil {
		return err
	}
	defer a.leave()
	for {
		s, err := a.open(ctx)
		if err != nil {
			return err
		}
		err = s.during(ctx, f)
		if err == nil || !a.session.c.broken.Load() || ctx.Err() != nil || !again(err) {
			return err
		}
	}
}

// during runs f on the session; the end of ctx breaks the connection.
func (s *session) during(ctx context.Context, f func(*session) error) error {
	stop := context.AfterFunc(ctx, s.c.drop)
	defer stop()
	err := f(s)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fault(err)
}

// List returns INBOX. Where its STATUS is wanted, the session that the other methods
// will use is begun for it; else nothing is asked.
func (a *Account) List(ctx context.Context, want func(state.Listed) bool) (*state.Listing, error) {
	box := state.Listed{Raw: inbox, Levels: []string{inbox}, Size: -1}
	if want != nil && want(box) {
		err := a.do(ctx, 1, func(s *session) error {
			if err := s.look(); err != nil {
				return err
			}
			box.HasMark, box.Size = true, s.list.octets()
			box.Mark = state.Mark{UIDValidity: uidValidity, ModSeq: s.list.seq, Exists: uint32(s.list.count())}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return &state.Listing{Mailboxes: []state.Listed{box}, UIDPlus: true}, nil // DELE deletes single messages
}

// Scan lists all of the mailbox as the session shows it. Its UIDLs are to be committed with
// the records, or before.
func (a *Account) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	if !isInbox(req.Raw) {
		return nil, errNoMailbox(req.Raw)
	}
	if err := a.o.Numbers.Load(); err != nil {
		return nil, err
	}
	a.o.Numbers.reserve(req)
	var sn *state.ServerSnapshot
	err := a.do(ctx, maxBreaks-1, func(s *session) error {
		err := s.numbered(ctx)
		if err == nil {
			sn = s.snapshot()
		}
		return err
	})
	return sn, err
}

// Commands returns how many commands were sent so far.
func (a *Account) Commands() int64 { return a.commands.Load() }

// goodbye is how long a server may take for an answer on which nothing depends.
const goodbye = 2 * time.Second

// Close ends the session: with QUIT if nobody uses it and that deletes nothing, by closing
// the connection else. Nobody waits for the answer to that QUIT: what was to be deleted has had its own.
// The account is of no use after; a second call does nothing.
func (a *Account) Close() error {
	a.mu.Lock()
	s, closed := a.session, a.closed
	a.closed = true
	a.mu.Unlock()
	if closed || s == nil {
		return nil
	}
	select {
	case <-a.busy:
		defer a.leave()
		if !s.c.broken.Load() && !s.c.expires() {
			_ = s.c.leave() // everything is done by then
		}
	default:
	}
	s.c.drop()
	return nil
}

func isInbox(raw string) bool { return strings.EqualFold(raw, inbox) }

func errNoMailbox(raw string) error {
	return state.Faultf(state.Other, "POP3 has no mailbox %s", reach.Quoted(raw))
}

// This file is what POP3 has no command for. What would change the server is refused for
// good; what only asks gets the answer that there is nothing to know.

// cannot is the refusal of what no POP3 server can do.
func cannot(what string) error {
	return state.Faultf(state.Usage, "a POP3 server cannot %s", what).WithHint("that takes IMAP")
}

// Append is refused: POP3 only hands mail out.
func (a *Account) Append(context.Context, string, []state.Outgoing, *state.Keywords) ([]state.Appended, error) {
	return nil, cannot("take messages")
}

// Move is refused: there is one mailbox.
func (a *Account) Move(context.Context, string, uint32, []state.UID, string) ([]state.Moved, error) {
	return nil, cannot("move messages")
}

// CreateMailbox returns INBOX, and refuses any other mailbox.
func (a *Account) CreateMailbox(_ context.Context, levels []string, _ string) (state.Listed, error) {
	if len(levels) == 1 && isInbox(levels[0]) {
		return state.Listed{Raw: inbox, Levels: []string{inbox}, Size: -1}, nil
	}
	return state.Listed{}, cannot("make mailboxes")
}

// Store changes nothing and echoes nothing: there are no flags.
func (a *Account) Store(context.Context, state.StoreRequest) (state.Stored, error) {
	return state.Stored{}, nil
}

// Idents returns nothing: what identifies a message is its unique-id, and that is its
// number already.
func (a *Account) Idents(context.Context, string, uint32, []state.UID) ([]state.Ident, error) {
	return nil, nil
}

// Quota returns nothing: POP3 has no quota.
func (a *Account) Quota(context.Context, string) ([]state.Quota, error) { return nil, nil }

// Options are how an account is reached.
type Options struct {
	reach.Options

	// WorkedBefore means that a log-in worked in an earlier run: a refusal without a reason is
	// not taken for one of the password.
	WorkedBefore bool

	// Numbers are the account's, with what the base knows; nil: none are known. The same
	// must be the Maildirs' Keys.
	Numbers *Numbers
}

// complete sets what was left open, and checks the rest.
func (o *Options) complete() error {
	if o.Numbers == nil {
		o.Numbers = NewNumbers(nil)
	}
	return o.Complete(reach.Protocol{Name: "a POP3", Port: 110, Implicit: 995, StartTLS: "STLS"})
}
