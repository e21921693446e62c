package imap

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"mailsync/backends/reach"
	"mailsync/state"
)

// Compression is when COMPRESS=DEFLATE (RFC 4978) is used where it is offered.
type Compression string

// When to compress.
const (
	CompressAuto   Compression = "auto" // not on loopback
	CompressAlways Compression = "always"
	CompressNever  Compression = "never"
)

// Options are how an account is reached.
type Options struct {
	reach.Options

	Connections int         // at the same time; 0: 1
	Compress    Compression // "" is CompressAuto
	Sizes       bool        // List asks for the mailboxes' sizes where STATUS=SIZE is offered
	Quota       bool        // Quota will be asked for INBOX after new messages were fetched
	NoID        bool        // do not identify us to the server (RFC 2971)
	Version     string      // sent with ID

	// Notice is given what the server wants the user to see, quoted and cut: each text once,
	// and not many. It must not wait for the server; nil: they are dropped.
	Notice func(text string)
}

// complete sets what was left open, and checks the rest.
func (o *Options) complete() error {
	o.Connections = max(o.Connections, 1)
	if o.Compress == "" {
		o.Compress = CompressAuto
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	switch o.Compress {
	case CompressAuto, CompressAlways, CompressNever:
	default:
		return state.Faultf(state.Usage, "compress cannot be %q", string(o.Compress)).
			WithHint(`it is "auto", "always" or "never"`)
	}
	return o.Complete(reach.Protocol{Name: "an IMAP", Port: 143, Implicit: 993, StartTLS: "STARTTLS"})
}

// Account is one account on an IMAP server. Its methods are safe for concurrent use.
type Account struct {
	o        Options
	pool     pool
	patience *reach.Patience
	commands atomic.Int64 // of sessions that are gone
	login    *reach.Login
	server   observed
	names    names
	noticed  notices
	expected expectations
	quota    quotaAhead

	breaks       breaks // of all connections but the further ones of Fetches
	appendBreaks breaks // of Appends
}

// New checks the options and returns the account. It connects to nothing yet.
func New(o Options) (*Account, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	a := &Account{o: o, pool: newPool(o.Connections), patience: &reach.Patience{Most: o.MaxWait}}
	a.login = reach.NewLogin(&a.o.Options)
	return a, nil
}

// final is an error after which nothing is tried again: what was sent may have been done.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// finally makes an error final.
func finally(err error) error {
	if err == nil {
		return nil
	}
	return &final{err}
}

// mayChange comes before anything that changes the server. It refuses where this run must not, and drops what was asked for ahead,
// which may not be true any more.
func (a *Account) mayChange() error {
	if a.o.ReadOnly {
		return errors.New("this run must not change the server")
	}
	a.expected.forget()
	return nil
}

// change is do for what changes which messages the server has.
func (a *Account) change(ctx context.Context, raw string, f func(*session) error) error {
	if err := a.mayChange(); err != nil {
		return err
	}
	a.quota.forget()
	return a.do(ctx, raw, f)
}

// changeFlags is do for what changes messages that are there.
func (a *Account) changeFlags(ctx context.Context, raw string, f func(*session) error) error {
	if err := a.mayChange(); err != nil {
		return err
	}
	return a.doFor(ctx, &waiter{raw: raw, flags: true}, f)
}

// do runs f on a session. Where the connection breaks it is run once more on another one, and
// breaks.go decides what is at fault if that breaks, too; where the server wants us to come back
// later, after a wait. So f must be safe to run twice, or return a *final error once it is not.
func (a *Account) do(ctx context.Context, raw string, f func(*session) error) error {
	return a.doFor(ctx, &waiter{raw: raw}, f)
}

// doFor is do for a waiter.
func (a *Account) doFor(ctx context.Context, w *waiter, f func(*session) error) error {
	raw := w.raw
	for again := false; ; {
		if err := a.breaks.leftOut(raw); err != nil {
			return err
		}
		s, err := a.wait(ctx, w, true)
		if err != nil {
			return err
		}
		stop := s.watch(ctx)
		err = f(s)
		stop()
		broken := s.broken.Load()
		a.release(s)
		if err == nil {
			a.patience.Worked()
			a.breaks.worked(raw)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var over *final
		isFinal := errors.As(err, &over)
		at := blamed(raw, err)
		if b, later := asBusy(err); later && !isFinal {
			waited := a.waitFor(ctx, b) == nil
			switch own := at.raw != "" && isNotNow(err); {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case own && broken: // as whatever breaks it
			case waited:
				continue
			case own && !a.breaks.many(at, err):
				return state.Faultf(state.Other, "%w", err).WithHint("%s", state.HintOf(err))
			default:
				return err
			}
		}
		if !broken {
			a.breaks.clear()
			return err
		}
		switch verdict := a.breaks.at(at, err); {
		case verdict == ofServer, verdict == ofNone && again:
			return err
		case verdict == ofObject, isFinal:
			return at.fault(err)
		}
		again = true
	}
}

// waitFor waits as long as b asks, or longer each time where it names no time. It returns at
// once, with the error to give up with, where that would be too long.
func (a *Account) waitFor(ctx context.Context, b *reach.Busy) error {
	waited, err := a.patience.Wait(ctx, b.Wait)
	if waited {
		return err
	}
	return gaveUp(b)
}

// Commands returns how many commands were sent so far.
func (a *Account) Commands() int64 {
	n := a.commands.Load()
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	for s := range a.pool.all {
		n += s.w.Commands()
	}
	return n
}

// Close logs out of every session that is free and breaks those that are in use. The
// account must not be used afterwards; a second call does nothing.
func (a *Account) Close() error {
	p := &a.pool
	p.mu.Lock()
	free := p.free
	p.free, p.closed = nil, true
	for _, s := range free {
		delete(p.all, s)
	}
	for s := range p.all {
		s.drop() // whoever uses it gives it back
	}
	p.signal()
	p.mu.Unlock()

	var wg sync.WaitGroup
	for _, s := range free {
		wg.Go(func() {
			s.leave()
			a.commands.Add(s.w.Commands())
		})
	}
	wg.Wait()
	a.expected.end()
	return nil
}

// observed is what an account's server was seen to do, or to fail at, in this run, whatever it
// announces. All sessions of the account go by it.
type observed struct {
	noMailboxID atomic.Bool // a listing that asked for MAILBOXID could not be read
	bareList    atomic.Bool // a LIST that asked for STATUS broke the connection
	noLimit     atomic.Bool // a STATUS that asked for APPENDLIMIT broke the connection
	alone       atomic.Bool // bodies are asked for alone: what followed one could not be read
	peeks       atomic.Bool // \Seen was left alone by a FETCH of bodies
	stored      atomic.Bool // an APPEND was answered with OK
	inTurn      atomic.Bool // a mailbox is opened once what was sent in another one is answered: commands changed places, or it broke
}

// maxNotices is how many texts of one server the user is shown in one run.
const maxNotices = 10

// notices are what the user was shown.
type notices struct {
	mu    sync.Mutex
	shown []string
}

// notice shows the user a text of the server's, once.
func (a *Account) notice(text string) {
	n := &a.noticed
	n.mu.Lock()
	defer n.mu.Unlock()
	if text == "" || len(n.shown) >= maxNotices || slices.Contains(n.shown, text) {
		return
	}
	n.shown = append(n.shown, text)
	a.o.Notice(text)
}
