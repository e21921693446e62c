package pop3

import (
	"errors"
	"fmt"
	"math"
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

// ask sends questions and reads their answers, all at once where the server lets us. The
// caller sees to it that the commands fit a packet or so: a server that waits for us to
// read what it answers does not read what we send.
func (c *client) ask(questions ...question) error {
	ahead := c.pipelines()
	for _, q := range questions {
		if err := c.put(q.command); err != nil {
			return err
		}
		if !ahead {
			if err := c.hear(q); err != nil {
				return err
			}
		}
	}
	if !ahead {
		return nil
	}
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

// batch is how many commands ask is given at once.
const batch = 64

// stat is what STAT says (RFC 1939 section 5) that is of use: how many octets there are in all is as
// little to be relied on as each message's size, and whatever stands there the count counts.
type stat struct {
	messages int
}

var errNoNumber = errors.New("there is no number where one should be")

func parseStat(text string) (stat, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return stat{}, errNoNumber
	}
	n, ok := number([]byte(f[0]))
	if !ok || n > math.MaxInt32 {
		return stat{}, errNoNumber
	}
	return stat{int(n)}, nil
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
func scanListing(line []byte) (no int, rest []byte, ok bool) {
	i := 0
	for i < len(line) && line[i] != ' ' && line[i] != '\t' {
		i++
	}
	n, ok := number(line[:i])
	if !ok || n == 0 || n > math.MaxInt32 {
		return 0, nil, false
	}
	if i < len(line) {
		i++
	}
	return int(n), line[i:], true
}

// retr reads the answer to a RETR or TOP that was flushed. The body must be read to its
// end before anything else.
func (c *client) body() (*dotReader, error) {
	if _, err := c.reply(); err != nil {
		return nil, err
	}
	return newDotReader(c.r), nil
}

// bodyEnded notes in the trace what came of a body, and breaks the connection if it did
// not come whole.
func (c *client) bodyEnded(d *dotReader) error {
	err := d.skip()
	c.trace.Octets("S", d.n)
	if err != nil {
		return c.fail("read a message from "+c.o.Host, err)
	}
	return nil
}

func retr(no int) string   { return "RETR " + strconv.Itoa(no) }
func dele(no int) string   { return "DELE " + strconv.Itoa(no) }
func top(no int) string    { return "TOP " + strconv.Itoa(no) + " 0" }
func uidlOf(no int) string { return "UIDL " + strconv.Itoa(no) }

// noop asks for a sign of life.
func (c *client) noop() error {
	_, err := c.command("NOOP")
	return err
}

// expires reports whether QUIT would delete what this session fetched (EXPIRE 0, RFC 2449
// section 6.7), whether or not it is durable here. Such a session ends without QUIT.
func (c *client) expires() bool {
	args := c.caps.words["EXPIRE"]
	return c.took && len(args) > 0 && args[0] == "0"
}

// maxStray is how many lines that make no sense are read where an answer should be.
const maxStray = 10

// quit ends the session and waits for the answer: only with it the server has deleted
// what was marked (RFC 1939 section 6). Lines that make no sense may stand before it.
func (c *client) quit() error {
	defer c.drop()
	if err := c.put("QUIT"); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	var odd error
	for range maxStray {
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
