package wire

import (
	"context"
	"io"
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
)

// command is one that was sent and has no tagged answer yet.
type command struct {
	tag     string
	verb    string          // in upper case, "UID FETCH" where it has a UID before it
	set     []grammar.Range // of a UID FETCH
	body    bool            // fetches bodies
	had     []uint32        // UIDs of the messages that it was given, of a UID FETCH of the client's
	conts   int             // continuation requests that may follow
	mailbox string          // raw name, of a SELECT or EXAMINE
	waits   []string        // names of the responses that are its answer
}

// parseCommand reads what has to be known of a command.
func parseCommand(line string) *command {
	c := grammar.Scan(line, nil)
	next := func() string {
		w := c.Word()
		c.SP()
		return w
	}
	cmd := &command{tag: next()}
	cmd.verb = strings.ToUpper(next())
	if cmd.verb == "UID" {
		cmd.verb += " " + strings.ToUpper(next())
	}
	cmd.waits = answersTo(cmd.verb)
	switch cmd.verb {
	case "UID FETCH":
		for part := range strings.SplitSeq(next(), ",") {
			if r, ok := grammar.ReadRange(strings.ReplaceAll(part, "*", "4294967295")); ok {
				cmd.set = append(cmd.set, r)
			}
		}
		cmd.body = strings.Contains(c.Rest(), "[")
	case "SELECT", "EXAMINE":
		cmd.mailbox, _ = c.AString()
	case "AUTHENTICATE":
		cmd.conts = 1
	}
	return cmd
}

// awaits reports whether the command is a UID FETCH of that message, which it was not given yet.
func (cmd *command) awaits(uid uint32) bool {
	return slices.ContainsFunc(cmd.set, func(r grammar.Range) bool { return r.First <= uid && uid <= r.Last }) && !slices.Contains(cmd.had, uid)
}

// awaitsBody reports whether a FETCH response without a body is of a message whose body is
// fetched by the oldest command that asks for it, which is the one that the server answers: imapclient would take it for
// the answer, and then lose the body. Of one that has its body already, it is for the next command, even before the tagged answer to
// the first: Dovecot answers several commands and then sends the tagged answers to all of them.
func (x *exchange) awaitsBody(uid uint32) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	cmd := x.awaiting(uid)
	return cmd != nil && cmd.body
}

// given notes that the client was given a FETCH response of a message. imapclient takes it for the answer to the same command.
func (x *exchange) given(uid uint32) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if cmd := x.awaiting(uid); cmd != nil {
		cmd.had = append(cmd.had, uid)
	}
}

// awaiting returns the oldest command that awaits a message, nil if none does. x.mu is held.
func (x *exchange) awaiting(uid uint32) *command {
	for _, cmd := range x.pending {
		if cmd.awaits(uid) {
			return cmd
		}
	}
	return nil
}

// hasTag compares without regard to case, as some servers answer.
func (cmd *command) hasTag(tag string) bool { return strings.EqualFold(cmd.tag, tag) }

// Sent is a command of our own that is under way.
type Sent struct {
	*command
	x       *exchange
	line    string           // all but its tag and end
	take    func(Line) error // nil: nobody wants the untagged answers
	then    func() error     // done by the reader as soon as the tagged OK is read
	done    chan outcome     // of one
	crossed bool             // its answer and that of another one changed places; set before done has something

	challenges chan string // of an AUTHENTICATE, at most one that is not answered; nil for any other command

	literal *Literal      // that ends the command, nil without
	goAhead chan struct{} // closed when the server wants the literal
	invited bool          // goAhead is closed
}

// outcome is how a command of ours ended.
type outcome struct {
	answer Answer
	err    error
}

// Do sends a command of our own, line being all but its tag and end, and returns the tagged OK. It
// waits until no other command is under way, and holds back those that the client begins
// meanwhile. Somebody must be reading, as imapclient always is; so it must not be called by
// what reads. The error is an *Answer where the server answers NO or BAD. Being cancelled after the
// command was sent breaks the connection.
//
// take is given every untagged answer as it arrives, by the goroutine that reads, unless it is nil. An error from
// it breaks the connection. What is about the state of the mailbox or the session (EXISTS,
// EXPUNGE, FLAGS, CAPABILITY, status texts) is passed to the client as well, anything else is not.
// Nothing in the answers is repaired. A literal in them may have MaxLiteral octets.
func (c *Conn) Do(ctx context.Context, line string, take func(Line) error) (Answer, error) {
	return c.run(ctx, &Sent{line: line, take: take})
}

// Compress turns on COMPRESS=DEFLATE (RFC 4978). After an error that is an *Answer the
// connection can be used without.
func (c *Conn) Compress(ctx context.Context) error {
	_, err := c.run(ctx, &Sent{line: "COMPRESS DEFLATE", then: c.in.rd.deflate})
	return err
}

// StartTLS asks for TLS, and then lets go of the connection: where it returns no error, somebody
// else may read and write on it, and the Conn must not be used again. ahead is how many octets arrived
// behind the server's OK.
func (c *Conn) StartTLS(ctx context.Context) (ahead int, err error) {
	_, err = c.run(ctx, &Sent{line: "STARTTLS", then: func() error {
		ahead, c.in.err = c.in.rd.w-c.in.rd.r, io.EOF
		return c.x.letGo()
	}})
	return ahead, err
}

// run sends a command of ours while no other is under way, and waits for its tagged
// answer.
func (c *Conn) run(ctx context.Context, cmd *Sent) (Answer, error) {
	if err := c.out.send(ctx, cmd, false); err != nil {
		return Answer{}, err
	}
	return cmd.Wait(ctx)
}
