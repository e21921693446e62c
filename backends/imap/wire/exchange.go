package wire

import (
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// exchange is what is under way between us and the server: the commands that have no answer
// yet, whose turn it is, how patient we still are, and how it ended. What reads and what
// writes share it.
type exchange struct {
	conn     net.Conn
	timeout  time.Duration
	commands atomic.Int64 // sent
	goAheads atomic.Int64 // that the client waited for

	handing sync.Mutex // an answer is being handed to a command of ours

	mu       sync.Mutex // everything below
	turn     *sync.Cond // pending, mine or ending changed
	pending  []*command // the client's: sent and not answered, in that order
	mine     []*Sent    // commands of our own that are under way, oldest first
	sending  bool       // a command is sent in part
	greeted  bool       // else nothing is sent
	selected string     // raw name
	progress progress
	ending   ending
}

// ending is how an exchange ends.
type ending struct {
	loggedOut bool // LOGOUT was answered
	closed    bool
	cause     error  // why it broke
	bye       string // the last BYE's text
}

// why returns what a command fails with on a closed connection.
func (e ending) why() error {
	if e.cause != nil {
		return e.cause
	}
	return net.ErrClosed
}

// lastWords is the text of the server's BYE.
func (e ending) lastWords() string {
	if e.bye == "" {
		return ""
	}
	return ", which sent BYE " + Quote(e.bye)
}

func newExchange(conn net.Conn, timeout time.Duration) *exchange {
	x := &exchange{conn: conn, timeout: timeout}
	x.turn = sync.NewCond(&x.mu)
	x.progress.upTo, x.progress.exists = time.Now(), -1
	return x
}

// close closes the connection at once; what reads, writes or waits returns.
func (x *exchange) close() error {
	x.mu.Lock()
	if x.ending.closed {
		x.mu.Unlock()
		return nil
	}
	x.ending.closed = true
	leaving := len(x.pending) == 1 && x.pending[0].verb == "LOGOUT"
	polite := x.ending.cause == nil && (len(x.pending) == 0 || leaving) && len(x.mine) == 0 && !x.sending
	for _, cmd := range x.mine {
		cmd.done <- outcome{err: x.ending.why()}
	}
	x.mine = nil
	x.turn.Broadcast()
	x.mu.Unlock()
	if !polite {
		// TLS would wait for room to send its end.
		if under, ok := x.conn.(interface{ NetConn() net.Conn }); ok {
			_ = under.NetConn().Close()
		}
	}
	err := x.conn.Close()
	if polite {
		return err
	}
	return nil
}

// fail breaks the connection. It returns the first cause, or net.ErrClosed where the
// connection was closed from here.
func (x *exchange) fail(err error) error {
	x.mu.Lock()
	switch {
	case x.ending.cause != nil:
		err = x.ending.cause
	case x.ending.closed:
		err = net.ErrClosed
	default:
		x.ending.cause = err
	}
	x.mu.Unlock()
	_ = x.close()
	return err
}

// letGo ends the exchange, and leaves the connection open and without deadlines.
func (x *exchange) letGo() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ending.closed = true
	return x.conn.SetDeadline(time.Time{})
}

// ended returns a copy of how it ended, or of what there is of that so far.
func (x *exchange) ended() ending {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ending
}

// keepBye remembers the text of a BYE.
func (x *exchange) keepBye(bye string) {
	x.mu.Lock()
	x.ending.bye = bye
	x.mu.Unlock()
}

// greet notes that the greeting was read.
func (x *exchange) greet() {
	x.mu.Lock()
	x.greeted = true
	x.turn.Broadcast()
	x.mu.Unlock()
}

// mailbox returns the raw name of the one that is selected.
func (x *exchange) mailbox() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.selected
}

// opens notes which mailbox a command selects. x.mu is held.
func (x *exchange) opens(cmd *command) {
	if cmd.verb == "SELECT" || cmd.verb == "EXAMINE" {
		x.selected, x.progress.exists = cmd.mailbox, -1
	}
}

// last returns the client's command sent last, which its next line may belong to; nil if none is under way.
func (x *exchange) last() *command {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.pending) == 0 {
		return nil
	}
	return x.pending[len(x.pending)-1]
}

// invite notes that one more continuation request may follow for a command.
func (x *exchange) invite(cmd *command) {
	x.mu.Lock()
	cmd.conts++
	x.mu.Unlock()
}

// invited returns the client's command that a continuation request is for, nil for none.
func (x *exchange) invited() *command {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, cmd := range x.pending {
		if cmd.conts > 0 {
			cmd.conts--
			x.goAheads.Add(1)
			x.progress.moved()
			return cmd
		}
	}
	return nil
}

// continues notes that a line or a literal is sent, and whether its command continues after it.
func (x *exchange) continues(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sending = on
	x.arm() // a connection that waits for nothing may stay silent
	if !on {
		x.turn.Broadcast()
	}
}

// enter puts a command of the client's among those under way, once none of ours is.
func (x *exchange) enter(cmd *command) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.mine) > 0 && !x.ending.closed {
		x.turn.Wait()
	}
	if x.ending.closed {
		return x.ending.why()
	}
	x.commands.Add(1)
	x.pending = append(x.pending, cmd)
	x.progress.turned()
	x.opens(cmd)
	return nil
}

// answered takes out the command with that tag, nil if there is none.
func (x *exchange) answered(tag string) *command {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := slices.IndexFunc(x.pending, func(cmd *command) bool { return cmd.hasTag(tag) })
	if i < 0 {
		return nil
	}
	cmd := x.pending[i]
	x.progress.turned()
	x.pending = slices.Delete(x.pending, i, i+1)
	if cmd.verb == "LOGOUT" {
		x.ending.loggedOut = true
	}
	x.turn.Broadcast()
	return cmd
}

// wantsUID reports whether a UID FETCH of bodies is under way, and the UID if it is the only one and
// asks for that one message.
func (x *exchange) wantsUID() (wanted bool, only uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, cmd := range x.pending {
		if !cmd.body {
			continue
		}
		if wanted {
			return true, 0
		}
		wanted = true
		if len(cmd.set) == 1 && cmd.set[0].First == cmd.set[0].Last {
			only = cmd.set[0].First
		}
	}
	return wanted, only
}

// isBeginning reports whether a line begins a response.
func (x *exchange) isBeginning(line string) bool {
	c := grammar.Scan(line, nil)
	tag := c.Word()
	if tag == "*" || tag == "+" {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.ContainsFunc(x.pending, func(cmd *command) bool { return cmd.hasTag(tag) })
}

// isFree reports whether a command of ours may be sent: joined to others of ours, or alone. x.mu is held.
func (x *exchange) isFree(join bool) bool {
	return len(x.pending) == 0 && (join || len(x.mine) == 0) && !x.sending && x.greeted
}

// join puts a command of ours among those under way, with its tag. x.mu is held.
func (x *exchange) join(cmd *Sent) {
	cmd.tag = "W" + strconv.FormatInt(x.commands.Add(1), 10)
	x.mine = append(x.mine, cmd)
	x.progress.turned()
	x.opens(cmd.command)
	x.sending = cmd.literal != nil
	x.arm()
}

// awaitOldest waits until a command of ours is the oldest, or the connection is closed.
func (x *exchange) awaitOldest(cmd *Sent) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.ending.closed && slices.Index(x.mine, cmd) > 0 {
		x.turn.Wait()
	}
}

// goAhead lets the oldest command of ours that waits for it send its literal.
func (x *exchange) goAhead() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, cmd := range x.mine {
		if cmd.literal != nil && cmd.literal.Sync && !cmd.invited {
			cmd.invited = true
			x.progress.moved()
			close(cmd.goAhead)
			return true
		}
	}
	return false
}

// collecting reports whether untagged answers are for a command of ours.
func (x *exchange) collecting() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.mine) > 0
}

// hand hands an answer to our own command, the oldest of several: a server that does them at
// once (RFC 9051 section 5.5) may do so only where nobody can be misled by it.
func (x *exchange) hand(l Line) error {
	x.handing.Lock()
	defer x.handing.Unlock()
	x.mu.Lock()
	if len(x.mine) == 0 {
		x.mu.Unlock()
		return nil
	}
	take := x.mine[0].take
	x.mu.Unlock()
	if take == nil {
		return nil
	}
	return take(l)
}

// quiet waits until no answer is being handed over.
func (x *exchange) quiet() {
	x.handing.Lock()
	defer x.handing.Unlock()
}

// ours returns the command of our own that has that tag, nil if there is none.
func (x *exchange) ours(tag string) *Sent {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, mine := range x.mine {
		if mine.hasTag(tag) {
			x.progress.turned()
			return mine
		}
	}
	return nil
}

// finish ends our own command with the server's answer.
func (x *exchange) finish(mine *Sent, a *Answer) error {
	out := outcome{answer: *a}
	if a.Type != "OK" {
		out.err = a
	} else if mine.then != nil {
		if err := mine.then(); err != nil {
			out.err = state.Faultf(state.Other, "%s: %w", mine.line, err)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := slices.Index(x.mine, mine); i >= 0 { // else Close has answered
		mine.crossed = mine.crossed || i > 0
		for _, before := range x.mine[:i] {
			before.crossed = true
		}
		x.mine = slices.Delete(x.mine, i, i+1)
		x.turn.Broadcast()
		mine.done <- out
	}
	return nil
}
