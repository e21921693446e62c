package wire

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"mailsync/backends/imap/grammar"
)

const (
	// patience is how many timeouts a command may wait without anything that it waits for.
	patience = 3
	// slowest is how many octets a second of what is waited for make up for that second.
	slowest = 64
	// maxHeard is how many things between two answers can be news.
	maxHeard = 1 << 16
	// longestBeginning is how much of a response shows what it is.
	longestBeginning = 64
	// maxSeen is the highest sequence number of which a FETCH can be news.
	maxSeen = 1 << 24
	// handling is how much of the time between two reads from the connection counts: a server that
	// never stops talking is not waited for, and the client may have been busy with a message.
	handling = 10 * time.Millisecond
)

// progress says how long the server has let us wait. Only what a command waits for is progress:
// a server that sends other things, or the same thing over and over, counts as silent.
//
// Time counts while the connection is read: what the client does with a message meanwhile is not
// the server's fault. The clock is looked at as often as the connection, not for each line.
// exchange.mu guards all of it.
type progress struct {
	waited  time.Duration // since the last progress, up to upTo
	upTo    time.Time
	reading bool // a read from the connection is under way
	mid     bool // that read is for the rest of a response
	wanted  bool // the octets being read are of a response that is waited for
	outOf   bool // the deadline that is set is the end of our patience

	// What was read since the last answer: it is news once.
	heard   map[uint64]struct{} // what other responses were about
	seed    maphash.Seed
	seen    []uint64         // two bits for each message that a FETCH was about
	uids    [2]grammar.Range // from the lowest to the highest UID of a UIDFETCH; the second of those with a literal
	removed int64            // EXPUNGE responses
	exists  int64            // the highest EXISTS since the mailbox was selected, -1 unknown
}

// moved notes that something was read or written that matters.
func (p *progress) moved() {
	p.waited, p.outOf = 0, false
	if p.reading {
		p.upTo = time.Now()
	}
}

// turned notes that a command was sent or answered: what was heard before may be news again.
func (p *progress) turned() {
	p.moved()
	clear(p.heard)
	clear(p.seen)
	p.seen, p.removed, p.uids = p.seen[:0], 0, [2]grammar.Range{}
}

// count adds the time until now.
func (p *progress) count(now time.Time) {
	passed := now.Sub(p.upTo)
	if !p.reading {
		passed = min(passed, handling)
	}
	p.waited, p.upTo = p.waited+passed, now
}

// wasRead notes that the read under way has ended, with so many octets.
func (p *progress) wasRead(n int) {
	p.count(time.Now())
	p.reading = false
	if p.wanted {
		p.waited = max(0, p.waited-time.Duration(n)*time.Second/slowest)
	}
}

// isNews reports whether a message's FETCH is the first one with a literal, or the first one without:
// its flags may be sent ahead of its body.
func (p *progress) isNews(seq uint32, literal bool) bool {
	if seq > maxSeen {
		return false
	}
	n := 2 * seq
	if literal {
		n++
	}
	at, bit := int(n/64), uint64(1)<<(n%64)
	if at < len(p.seen) && p.seen[at]&bit != 0 {
		return false
	}
	if at >= len(p.seen) {
		p.seen = slices.Grow(p.seen, at+1-len(p.seen))[:at+1]
	}
	p.seen[at] |= bit
	return true
}

// isNewUID is isNews of a UID. Those are too far apart for bits: a server goes up or down, and one
// between those that were heard is remembered by itself.
func (p *progress) isNewUID(uid uint32, literal bool) bool {
	r := &p.uids[0]
	if literal {
		r = &p.uids[1]
	}
	switch {
	case r.First == 0:
		*r = grammar.Range{First: uid, Last: uid}
	case uid > r.Last:
		r.Last = uid
	case uid < r.First:
		r.First = uid
	default:
		return uid != r.First && uid != r.Last && p.isFirst(fmt.Sprint(uid, literal))
	}
	return true
}

// isFirst reports whether a response is the first about something.
func (p *progress) isFirst(about string) bool {
	if p.heard == nil {
		p.heard, p.seed = map[uint64]struct{}{}, maphash.MakeSeed()
	}
	sum := maphash.String(p.seed, about)
	if _, known := p.heard[sum]; known || len(p.heard) >= maxHeard {
		return false
	}
	p.heard[sum] = struct{}{}
	return true
}

// answersTo are the names of the responses that a command waits for. A status response is not
// among them: a server can send "* OK Still here" for ever.
func answersTo(verb string) []string {
	switch strings.TrimPrefix(verb, "UID ") {
	case "FETCH", "STORE":
		return []string{"FETCH", uidFetch, "VANISHED"} // RFC 7162 section 3.2.6, RFC 9586
	case "SEARCH":
		return []string{"SEARCH", "ESEARCH"}
	case "EXPUNGE", "MOVE":
		return []string{"EXPUNGE", "VANISHED"}
	case "LIST":
		return []string{"LIST", "STATUS"} // RFC 5819
	case "SELECT", "EXAMINE":
		return []string{"FLAGS", "EXISTS", "RECENT"}
	case "GETQUOTAROOT":
		return []string{"QUOTA", "QUOTAROOT"}
	case "STATUS", "CAPABILITY", "NAMESPACE", "ID":
		return []string{verb}
	}
	return nil
}

// arm sets the deadline of the reads to come. x.mu is held: a writer that begins a
// command must not have its deadline taken off by a reader that saw none.
func (x *exchange) arm() {
	if x.timeout <= 0 || x.ending.closed {
		return
	}
	var at time.Time
	now, wait := time.Now(), x.timeout
	x.progress.count(now)
	x.progress.outOf = false
	switch {
	case len(x.pending) > 0 || len(x.mine) > 0 || x.sending || !x.greeted:
		if left := patience*wait - x.progress.waited; left < wait {
			wait, x.progress.outOf = left, true
		}
		at = now.Add(wait)
	case x.progress.mid:
		at = now.Add(wait)
	}
	_ = x.conn.SetReadDeadline(at)
}

// impatient reports whether the deadline that was set last is the end of our patience.
func (x *exchange) impatient() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.progress.outOf
}

// reads notes that a read from the connection begins. mid means that a response has begun.
func (x *exchange) reads(mid bool) {
	x.mu.Lock()
	x.progress.mid = mid
	x.arm()
	x.progress.reading = true
	x.mu.Unlock()
}

// wasRead notes that the read has ended, with so many octets.
func (x *exchange) wasRead(n int) {
	x.mu.Lock()
	x.progress.wasRead(n)
	x.mu.Unlock()
}

// wasSent notes that octets were written: meanwhile the server need not send anything.
func (x *exchange) wasSent() {
	x.mu.Lock()
	x.progress.moved()
	x.arm()
	x.mu.Unlock()
}

// counted notes an EXISTS.
func (x *exchange) counted(n uint32) {
	x.mu.Lock()
	x.progress.exists = max(x.progress.exists, int64(n))
	x.mu.Unlock()
}

// isWaitedFor reports whether a command under way waits for responses of that name. x.mu is held.
func (x *exchange) isWaitedFor(name string) bool {
	waits := func(cmd *command) bool {
		return slices.ContainsFunc(cmd.waits, func(w string) bool { return is(name, w) })
	}
	return slices.ContainsFunc(x.pending, waits) || slices.ContainsFunc(x.mine, func(cmd *Sent) bool { return waits(cmd.command) })
}

// responseBegins looks at as much of a response's first line as was read, all of it if complete.
func (x *exchange) responseBegins(line string, complete bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &x.progress
	p.wanted = false
	c := grammar.Scan(line, nil)
	if !c.Eat('*') {
		return
	}
	c.SP()
	name := c.Word()
	seq, numbered := grammar.Number32(name)
	if numbered {
		c.SP()
		name = c.Word()
	}
	if !x.isWaitedFor(name) {
		return
	}
	p.wanted = true
	if !complete {
		return
	}
	switch {
	case numbered && is(name, "FETCH"):
		p.wanted = p.isNews(seq, strings.HasSuffix(line, "}"))
	case numbered && is(name, uidFetch):
		p.wanted = p.isNewUID(seq, strings.HasSuffix(line, "}"))
	case numbered && is(name, "EXPUNGE"): // the same number again is another message
		p.removed++
		p.wanted = p.exists < 0 || p.removed <= p.exists
	default:
		p.wanted = p.isFirst(about(name, line))
	}
	if p.wanted {
		p.moved()
	}
}

// about is what a response is about: a mailbox, a quota root, or its own name
// where a command has one of its kind.
func about(name, line string) string {
	switch {
	case is(name, "LIST"):
		if _, mailbox, ok := strings.Cut(line, ")"); ok {
			return mailbox
		}
		return line
	case is(name, "STATUS"), is(name, "QUOTA"):
		mailbox, _, _ := strings.Cut(line, "(")
		return mailbox
	}
	return name
}

// bodyEnded notes that a body ended.
func (x *exchange) bodyEnded() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.progress.wanted {
		x.progress.moved()
	}
}
