package wire

import (
	"context"
	"io"
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// injected is a command of our own that is under way.
type injected struct {
	tag   string
	line  string
	waits []string // names of the responses that are its answer
	each  func(Line) error
	then  func() error // done by the reader as soon as the tagged OK is read
	done  chan outcome // of one

	literal *Literal      // that ends the command, nil without
	goAhead chan struct{} // closed when the server wants the literal
	invited bool          // goAhead is closed
}

// outcome is how a command of ours ended.
type outcome struct {
	answer Answer
	err    error
}

// Command sends a command of our own, line being all but its tag and end, and returns
// the untagged answers. It waits until no other command is under way, and holds back
// those that the client begins meanwhile. Somebody must be reading, as imapclient
// always is; so it must not be called by what reads. The error is an *Answer where the
// server said NO or BAD. Being cancelled after the command was sent breaks the
// connection.
//
// What tells of the state of the mailbox or the session (EXISTS, EXPUNGE, FLAGS,
// CAPABILITY, status texts) goes to the client as well, anything else does not.
// Nothing in the answers is repaired. A literal in them may have MaxLiteral octets.
func (c *Conn) Command(ctx context.Context, line string) ([]Line, error) {
	var lines []Line
	size := 0
	_, err := c.run(ctx, &injected{line: line, each: func(l Line) error {
		size += len(l.Text) + 64
		for _, b := range l.Literals {
			size += len(b)
		}
		if size > c.o.MaxAnswer {
			return state.Faultf(state.Other, "server sent more than %d octets in answer to %s", c.o.MaxAnswer, verbOf(line))
		}
		lines = append(lines, l)
		return nil
	}})
	return lines, err
}

// Each is Command for long answers: each is given every untagged answer as it comes,
// by the goroutine that reads. An error from it breaks the connection.
func (c *Conn) Each(ctx context.Context, line string, each func(Line) error) error {
	_, err := c.run(ctx, &injected{line: line, each: each})
	return err
}

// Compress turns on COMPRESS=DEFLATE (RFC 4978). After an error that is an *Answer the
// connection goes on without.
func (c *Conn) Compress(ctx context.Context) error {
	_, err := c.run(ctx, &injected{line: "COMPRESS DEFLATE", each: func(Line) error { return nil }, then: c.in.rd.deflate})
	return err
}

// StartTLS asks for TLS, and then lets go of the connection: where it returns no error, somebody else may
// read and write on it, and the Conn is of no more use. ahead is how many octets came behind the server's OK.
func (c *Conn) StartTLS(ctx context.Context) (ahead int, err error) {
	_, err = c.run(ctx, &injected{line: "STARTTLS", each: func(Line) error { return nil }, then: func() error {
		ahead, c.in.err = c.in.rd.w-c.in.rd.r, io.EOF
		return c.x.letGo()
	}})
	return ahead, err
}

func verbOf(line string) string {
	verb, _, _ := strings.Cut(line, " ")
	return strings.ToUpper(verb)
}

// Do is Each that also returns what the tagged OK said, response code included.
func (c *Conn) Do(ctx context.Context, line string, each func(Line) error) (Answer, error) {
	return c.run(ctx, &injected{line: line, each: each})
}

// run sends a command of ours while no other is under way, and waits for its tagged
// answer.
func (c *Conn) run(ctx context.Context, cmd *injected) (Answer, error) {
	if err := c.out.send(ctx, cmd, false); err != nil {
		return Answer{}, err
	}
	return (&Sent{c.x, cmd}).Wait(ctx)
}

// collectWhole takes an untagged answer for our own command. from is where it begins in its
// first line, after the "* ".
func (in *filter) collectWhole(first string, from int) error {
	text, err := in.rd.whole(first)
	if err != nil {
		return err
	}
	text = text[from:]
	if err := in.collect(text, in.rd.lits); err != nil {
		return err
	}
	c := grammar.Scan(text, nil)
	word := c.Word()
	c.SP()
	_, numbered := grammar.Number63(word)
	switch next := strings.ToUpper(c.Word()); {
	case is(word, "CAPABILITY"), is(word, "FLAGS"),
		numbered && (next == "EXISTS" || next == "EXPUNGE" || next == "RECENT"):
		return in.data(text)
	}
	return nil
}

// collect hands an answer to our own command.
func (in *filter) collect(text string, literals [][]byte) error {
	return in.x.hand(Line{Text: text, Literals: literals, secrets: in.o.Secrets})
}
