package pop3

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pipelines reports whether commands may be sent ahead of answers (RFC 2449 section 6.8).
// A capability that was announced before log-in holds after it as well (RFC 2449
// section 5); nobody sends anything behind STLS, AUTH or PASS, which change what holds.
func (c *client) pipelines() bool { return c.caps.has("PIPELINING") }

// question is a command and the reader of its answer, which returns an error only where
// the connection broke.
type question struct {
	command string
	answer  func(text string, err error) error
}

// batch is how many commands are sent ahead of answers at once, so that they fit a packet or so: a
// server that waits for us to read what it answers does not read what we send.
const batch = 64

// ask sends questions and reads their answers, many at once where the server lets us.
func (c *client) ask(questions ...question) error { return c.askAll(slices.Values(questions)) }

// askAll is ask of questions that are made as they are sent: a mailbox can have millions of messages.
func (c *client) askAll(questions iter.Seq[question]) error {
	n := 1
	if c.pipelines() {
		n = batch
	}
	var part []question
	for q := range questions {
		if err := c.put(q.command); err != nil {
			return err
		}
		if part = append(part, q); len(part) < n {
			continue
		}
		if err := c.hearAll(part); err != nil {
			return err
		}
		part = part[:0]
	}
	return c.hearAll(part)
}

// questions are one about each of some messages.
func questions[T any](messages []T, of func(T) question) iter.Seq[question] {
	return func(yield func(question) bool) {
		for _, m := range messages {
			if !yield(of(m)) {
				return
			}
		}
	}
}

func (c *client) hearAll(questions []question) error {
	for _, q := range questions {
		if err := c.hear(q); err != nil {
			return err
		}
	}
	return nil
}

// hear flushes and reads one answer.
func (c *client) hear(q question) error {
	if err := c.flush(); err != nil {
		return err
	}
	text, err := c.reply()
	if _, refused := asRefusal(err); err != nil && !refused {
		return err
	}
	return q.answer(text, err)
}

// parseStat reads how many messages STAT counts (RFC 1939 section 5). Its octets are as little to be
// relied on as each message's size: whatever is there, the count counts.
func parseStat(text string) (messages int, ok bool) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return 0, false
	}
	n, ok := number([]byte(f[0]))
	if !ok || n > math.MaxInt32 {
		return 0, false
	}
	return int(n), true
}

// number parses a decimal of up to 18 digits.
func number(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// scanListing splits a line of LIST or UIDL into the message's number and the rest.
func scanListing(line []byte) (no int32, rest []byte, ok bool) {
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		i = len(line)
	} else {
		rest = line[i+1:]
	}
	n, ok := number(line[:i])
	if !ok || n == 0 || n > math.MaxInt32 {
		return 0, nil, false
	}
	return int32(n), rest, true
}

// bodyEnded notes in the trace how long a body was, and breaks the connection if it is not
// complete.
func (c *client) bodyEnded(d *dotReader) error {
	err := d.skip()
	c.trace.Octets("S", d.n)
	if err != nil {
		return c.fail("read a message from "+c.o.Host, err)
	}
	return nil
}

// about is a command about one message.
func about(command string, no int32) string { return command + " " + strconv.Itoa(int(no)) }

// expires reports whether QUIT would delete what this session fetched (EXPIRE 0, RFC 2449
// section 6.7), whether or not it is durable here. Such a session ends without QUIT.
func (c *client) expires() bool {
	args := c.caps.words["EXPIRE"]
	return c.took && len(args) > 0 && args[0] == "0"
}

// maxExtra is how many lines that make no sense are read where an answer should be.
const maxExtra = 10

// leave ends the session without waiting for the answer.
func (c *client) leave() error {
	if err := c.put("QUIT"); err != nil {
		return err
	}
	return c.flush()
}

// quit ends the session and waits for the answer: only with it the server has deleted
// what was marked (RFC 1939 section 6). Lines that make no sense may precede it.
func (c *client) quit() error {
	defer c.drop()
	if err := c.leave(); err != nil {
		return err
	}
	var odd error
	for range maxExtra {
		line, err := c.line()
		switch {
		case err != nil && odd != nil:
			return odd
		case err != nil:
			return err
		}
		switch word, text := c.parse(line); word {
		case "+OK":
			return nil
		case "-ERR":
			return newRefusal(text)
		}
		if odd == nil {
			odd = fmt.Errorf("server answered QUIT with %s", c.spoken(line))
			defer time.AfterFunc(goodbye, c.drop).Stop()
		}
	}
	return odd
}
