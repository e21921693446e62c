package pop3

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"
)

// A DELE may be answered with a line that makes no sense, or with several. Where commands were
// sent ahead nobody knows then what the next line answers: that session is left, and nothing it
// marked is deleted. In the next each answer is waited for, as this file does.

// markSingly sends DELE for one message after the other. One that is answered oddly fails alone:
// whether it is marked is not known.
func (s *session) markSingly(d *deletion) error {
	for _, m := range d.sure {
		d.at = m
		lines, err := s.c.alone(about("DELE", m.no))
		if err != nil {
			return err
		}
		_, extra, err := s.c.settle()
		if err != nil {
			return err
		}
		lines = append(lines, extra...)
		word, text := s.c.parse(lines[0])
		switch {
		case len(lines) == 1 && word == "+OK":
			d.answered(m, nil)
		case len(lines) == 1 && word == "-ERR":
			d.answered(m, newRefusal(text))
		default:
			d.marks[m.no] = true
			d.refuse(m.uid, oddDELE(s.c, lines))
		}
	}
	d.at = nil
	return nil
}

func oddDELE(c *client, lines []string) error {
	line, more := lines[0], ""
	if word, _ := c.parse(line); word != "" && len(lines) > 1 {
		line, more = lines[1], " behind the answer"
	}
	return fmt.Errorf("DELE was answered with %s%s: the next run will show whether it is deleted", c.spoken(line), more)
}

// alone sends a command that has one line for its answer, and returns all lines that follow,
// one at least.
func (c *client) alone(command string) (lines []string, err error) {
	if err := c.put(command); err != nil {
		return nil, err
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	for len(lines) == 0 || c.r.Buffered() > 0 && len(lines) < maxExtra {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// settle sends STAT, whose answer is known by its numbers, and reads up to that. extra are the lines
// before it. A server that answers without a number is asked twice; where it does so again, that is how
// it answers, and the count is one that no mailbox has.
func (c *client) settle() (now int, extra []string, err error) {
	for n := range 2 {
		lines, err := c.alone("STAT")
		for more := true; err == nil && more; {
			line := lines[len(lines)-1]
			word, text := c.parse(line)
			if count, ok := parseStat(text); word == "+OK" && ok {
				extra = append(extra, lines[:len(lines)-1]...)
				if n > 0 {
					err = c.drain(&extra)
				}
				return count, extra, err
			}
			if more = word == "" && len(lines) < maxExtra; more {
				line, err = c.line()
				lines = append(lines, line)
			}
		}
		if err != nil {
			return 0, nil, err
		}
		extra = append(extra, lines...)
	}
	return math.MaxInt, nil, nil
}

// drain takes the answer to a second STAT, where what seemed to be its own was the first's.
func (c *client) drain(extra *[]string) error {
	c.conn.until = time.Now().Add(goodbye)
	_, err := c.r.Peek(1)
	c.conn.until = time.Time{}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		*extra = nil // STAT was answered oddly, once
		return nil
	}
	_, err = c.line()
	return err
}

// recount asks whether no more is marked than was meant to be: a server that counts fewer
// messages than should be left has to forget it all (RSET), and the session ends. One that
// counts more does not count as RFC 1939 section 5 wants it to, which loses nothing.
func (s *session) recount(left int) error {
	now, err := s.count()
	if err != nil || now >= left {
		return err
	}
	return s.reset(fmt.Errorf("server counts %d messages where %d should be left: nothing is deleted", now, left))
}

// reset takes back what was marked.
func (s *session) reset(why error) error {
	_, err := s.c.command("RSET")
	s.c.drop() // without QUIT nothing is deleted, whatever the answer was
	return errors.Join(why, err)
}

// count asks how many messages there are. An answer that is not a count may be another command's where
// many were sent at once.
func (s *session) count() (now int, err error) {
	if s.a.careful {
		now, _, err = s.c.settle()
		return now, err
	}
	err = s.c.ask(question{"STAT", func(text string, refused error) error {
		var ok bool
		if now, ok = parseStat(text); refused != nil {
			now = math.MaxInt
		} else if !ok {
			return s.c.garbled("server answered STAT with %s", s.c.spoken(text))
		}
		return nil
	}})
	return now, err
}
