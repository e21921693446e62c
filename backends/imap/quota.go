package imap

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// Quota returns the STORAGE quota roots of a mailbox (RFC 9208 section 4.2). A server
// without QUOTA has none, and Courier names a root that has no limit. With Options.Quota the answer may be up to quotaAge old.
func (a *Account) Quota(ctx context.Context, raw string) ([]state.Quota, error) {
	if roots, known, err := a.quota.answer(raw); known {
		return roots, err
	}
	var out []state.Quota
	err := a.do(ctx, "", func(s *session) error {
		if !s.caps.Has(goimap.CapQuota) {
			return nil
		}
		q := newQuotaReader()
		if _, err := s.run(ctx, quotaCommand(raw), q.take); err != nil {
			return s.tied(object{raw: raw, aside: true}, inMailbox(raw, "quota of", err))
		}
		out = q.list()
		return nil
	})
	return out, err
}

func quotaCommand(raw string) string { return "GETQUOTAROOT " + quoteName(raw) }

// quotaAhead is the quota of INBOX, asked for in the turn of the scans where these will show new messages: to fetch them changes
// no quota, so it need not take a turn when they are here. What changes one makes it forgotten. It is sent before the scans: Dovecot
// answers it before a FETCH that was sent before it, and then nobody would know whose answers the untagged ones are.
type quotaAhead struct {
	mu    sync.Mutex
	asked bool      // or it is too late for that
	stale bool      // what is answered is not true any more
	known time.Time // when it was answered; zero: not known
	roots []state.Quota
	err   error
}

const (
	quotaMailbox = "INBOX"
	// quotaAge is how old an answer may be. A run that takes longer can spare a turn.
	quotaAge = time.Minute
)

// begin reports whether it is to be asked for, once.
func (q *quotaAhead) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := !q.asked
	q.asked = true
	return first
}

func (q *quotaAhead) keep(roots []state.Quota, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.known, q.roots, q.err = time.Now(), roots, err
}

// forget is called before anything is sent that changes how much the server holds.
func (q *quotaAhead) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked, q.stale = true, true
}

// answer returns what is known. That the server refused, or that the connection broke at the question, is an answer as well: it
// is not asked twice what it does not answer.
func (q *quotaAhead) answer(raw string) (roots []state.Quota, known bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if raw != quotaMailbox || q.stale || q.known.IsZero() || time.Since(q.known) > quotaAge {
		return nil, false, nil
	}
	return q.roots, true, q.err
}

// sendQuota asks for it without waiting, where that is wanted; wait takes the answer.
func (s *session) sendQuota(ctx context.Context) (wait func()) {
	q := &s.a.quota
	if !s.a.o.Quota || !s.caps.Has(goimap.CapQuota) || !q.begin() {
		return func() {}
	}
	reader := newQuotaReader()
	sent, err := s.w.Send(ctx, quotaCommand(quotaMailbox), reader.take)
	return func() {
		if err == nil {
			_, err = sent.Wait(ctx)
		}
		if err = s.fault(ctx, err); ctx.Err() == nil {
			q.keep(reader.list(), inMailbox(quotaMailbox, "quota of", err))
		}
	}
}

// quotaReader takes the answers of GETQUOTAROOT.
type quotaReader struct {
	roots []string // in the order of QUOTAROOT
	named bool     // QUOTAROOT was sent
	names []string // in the order of QUOTA
	of    map[string]state.Quota
}

func newQuotaReader() *quotaReader { return &quotaReader{of: map[string]state.Quota{}} }

const maxRoots = 1000

func (q *quotaReader) take(l wire.Line) error {
	c := l.Scan()
	switch verb := c.Atom(); {
	case strings.EqualFold(verb, "QUOTAROOT"):
		if roots, ok := readRoots(&c); ok {
			q.roots, q.named = append(q.roots, roots...), true
		}
	case strings.EqualFold(verb, "QUOTA"):
		c.SP()
		root, ok := c.AString()
		c.SP()
		if used, limit, found := readStorage(&c); ok && found && c.Done() && len(q.names) < maxRoots {
			q.names = append(q.names, root)
			q.of[root] = state.Quota{Root: root, Used: used, Limit: limit}
		}
	}
	return nil
}

// readRoots reads the roots of QUOTAROOT mailbox root ….
func readRoots(c *grammar.Scanner) (roots []string, ok bool) {
	c.SP()
	_, ok = c.AString() // the mailbox
	for c.SP(); ok && !c.Done(); c.SP() {
		var root string
		if root, ok = c.AString(); ok && len(roots) < maxRoots {
			roots = append(roots, root)
		}
	}
	return roots, ok
}

// readStorage finds STORAGE used limit, in units of 1024 octets, in a list of resources.
func readStorage(c *grammar.Scanner) (used, limit int64, ok bool) {
	words, _ := c.Words()
	if len(words)%3 != 0 {
		return 0, 0, false
	}
	for triple := range slices.Chunk(words, 3) {
		if strings.EqualFold(triple[0], "STORAGE") {
			used, known := kibs(triple[1])
			limit, also := kibs(triple[2])
			return used, limit, known && also
		}
	}
	return 0, 0, false
}

// kibs turns a number of KiB into octets; one too large for that is the largest there is.
func kibs(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	if n > math.MaxInt64/1024 {
		return math.MaxInt64, err == nil
	}
	return int64(n) * 1024, err == nil
}

// list returns the mailbox's roots; all that were sent where the server did not name those.
func (q *quotaReader) list() []state.Quota {
	roots := q.roots
	if !q.named {
		roots = q.names
	}
	var out []state.Quota
	for _, root := range roots {
		if one, ok := q.of[root]; ok {
			out = append(out, one)
			delete(q.of, root)
		}
	}
	return out
}
