package wire

import (
	"slices"
	"strings"
	"time"

	"mailsync/backends/imap/grammar"
)

// arm sets the deadline of the reads to come. x.mu is held: a writer that begins a
// command must not have its deadline taken off by a reader that saw none.
func (x *exchange) arm(mid bool) {
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
	case mid:
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

// reads notes that a read from the connection begins. mid says that a response has begun.
func (x *exchange) reads(mid bool) {
	x.mu.Lock()
	x.arm(mid)
	x.progress.reading = true
	x.mu.Unlock()
}

// came notes that the read has ended, with so many octets.
func (x *exchange) came(n int) {
	x.mu.Lock()
	x.progress.came(n)
	x.mu.Unlock()
}

// went notes that octets went: while something is sent, nothing need come.
func (x *exchange) went() {
	x.mu.Lock()
	x.progress.moved()
	x.arm(true)
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

// responseBegins looks at as much of a response's first line as is here, to its end if whole.
func (x *exchange) responseBegins(line string, whole bool) {
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
	if !whole {
		return
	}
	switch {
	case numbered && is(name, "FETCH"):
		p.wanted = p.isNews(seq, strings.HasSuffix(line, "}"))
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

// about is what a response says something about: a mailbox, a quota root, or what it is called
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

// bodyEnded notes that a body came to its end.
func (x *exchange) bodyEnded() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.progress.wanted {
		x.progress.moved()
	}
}
