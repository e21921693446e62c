package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mailsync/state"
)

// Literal ends a command of ours: octets that are read while they are sent.
type Literal struct {
	Size int64
	Sync bool // wait for the server's go-ahead; else LITERAL+ or LITERAL- is used (RFC 7888)
	Body io.Reader
}

// BodyError is the error of a literal whose body was not as long as announced.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return e.Err.Error() }
func (e *BodyError) Unwrap() error { return e.Err }

// Send is Do that does not wait for the answer: other commands of ours may be sent behind it, and untagged answers
// are given to the oldest that is under way.
func (c *Conn) Send(ctx context.Context, line string, take func(Line) error) (*Sent, error) {
	cmd := &Sent{line: line, take: take}
	return cmd, c.out.send(ctx, cmd, true)
}

// SendLiteral is Send of a command that ends in a literal; line is all before its header.
// It returns when the literal was sent, or where it was refused before that. An error
// means that the server cannot have the complete literal. A body that is shorter or longer
// than Size is a *BodyError and breaks the connection, once what was sent before it is
// answered: the server must not take it for the message.
func (c *Conn) SendLiteral(ctx context.Context, line string, lit Literal) (*Sent, error) {
	mark := "+}"
	if lit.Sync {
		mark = "}"
	}
	cmd := &Sent{line: line + " {" + strconv.FormatInt(lit.Size, 10) + mark, literal: &lit, goAhead: make(chan struct{})}
	return cmd, c.out.send(ctx, cmd, true)
}

// Wait returns the tagged answer, as an *Answer in the error where it is NO or BAD. It
// may be called once, and after it the command is given no more answers. Being
// cancelled breaks the connection.
func (s *Sent) Wait(ctx context.Context) (Answer, error) {
	// When the connection was closed from here, an answer may just be being handed over.
	defer s.x.quiet()
	select {
	case out := <-s.done:
		return out.answer, out.err
	case <-ctx.Done():
		return Answer{}, s.cancelled(ctx)
	}
}

// Crossed reports, after Wait, whether the answer changed places with that to another command of ours: it arrived before that to
// one that was sent before, or behind that to one that was sent behind. A server may do commands at once that have nothing to do with
// each other (RFC 9051 section 5.5); some do so with a FETCH and the EXAMINE before it.
func (s *Sent) Crossed() bool { return s.crossed }

// cancelled breaks the connection because nobody waits for the command's answer any more.
func (s *Sent) cancelled(ctx context.Context) error {
	return s.x.fail(state.Faultf(state.Interrupted, "%s: %w", s.verb, context.Cause(ctx)))
}

// Answered reports whether Wait will return at once.
func (s *Sent) Answered() bool { return len(s.done) > 0 }

// send waits for its turn and sends the command: behind others of ours where it may join
// them, else alone.
func (w *writer) send(ctx context.Context, cmd *Sent, join bool) error {
	line := "t " + cmd.line
	cmd.x, cmd.command, cmd.done = w.x, parseCommand(line), make(chan outcome, 1)
	if strings.ContainsAny(line, "\r\n\x00") {
		return state.Faultf(state.Other, "%s: command holds a line end", cmd.verb)
	}
	if err := w.allow(cmd.verb, line, cmd.literal != nil); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		w.x.mu.Lock()
		defer w.x.mu.Unlock()
		w.x.turn.Broadcast()
	})
	defer stop()
	for {
		w.mu.Lock()
		w.x.mu.Lock()
		err := context.Cause(ctx)
		if w.x.ending.closed {
			err = w.x.ending.why()
		}
		if err == nil && w.x.isFree(join) {
			w.x.join(cmd)
			w.x.mu.Unlock()
			err = w.launch(ctx, cmd)
			w.mu.Unlock()
			return err
		}
		w.mu.Unlock()
		if err == nil {
			w.x.turn.Wait()
		}
		w.x.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// launch sends a command that is under way by now. w.mu is held.
func (w *writer) launch(ctx context.Context, cmd *Sent) error {
	line := cmd.tag + " " + cmd.line
	w.log.Line("C", w.hideSecrets(cmd.command, line))
	push := w.sock.push
	if cmd.literal == nil {
		push = w.sock.tell
	}
	if err := push([]byte(line + "\r\n")); err != nil {
		return w.x.fail(w.sock.explain(err, "while a command was sent"))
	}
	if cmd.literal == nil {
		return nil
	}
	err := w.upload(ctx, cmd)
	w.x.continues(false)
	return err
}

const uploadPiece = 32 << 10

// upload sends a command's literal and the end of the command. w.mu is held.
func (w *writer) upload(ctx context.Context, cmd *Sent) error {
	lit := cmd.literal
	if lit.Sync {
		select {
		case <-cmd.goAhead:
		case out := <-cmd.done:
			return w.unwanted(cmd, out)
		case <-ctx.Done():
			return cmd.cancelled(ctx)
		}
	}
	w.log.Octets("C", lit.Size)
	if w.piece == nil {
		w.piece = make([]byte, uploadPiece+2)
	}
	for left := lit.Size; ; {
		piece := w.piece[:min(left, uploadPiece)]
		left -= int64(len(piece))
		if err := readPiece(lit.Body, piece, left); err != nil {
			return w.giveUp(cmd, &BodyError{err})
		}
		if left == 0 {
			// An error now does not show whether the server has all of it: Wait will.
			if err := w.sock.push(append(piece, "\r\n"...)); err != nil {
				_ = w.x.fail(w.sock.explain(err, "while a literal was sent"))
			}
			return nil
		}
		if err := w.sock.push(piece); err != nil {
			return w.x.fail(w.sock.explain(err, "while a literal was sent"))
		}
	}
}

// unwanted ends a command whose literal the server did not ask for: it was refused, which Wait
// will return, or the connection has ended.
func (w *writer) unwanted(cmd *Sent, out outcome) error {
	var no *Answer
	switch {
	case errors.As(out.err, &no):
		cmd.done <- out
		return nil
	case out.err == nil:
		return w.x.fail(state.Faultf(state.Other, "server answered OK to %s before it had the literal", cmd.verb))
	}
	return out.err
}

// readPiece fills a piece of a literal of which left octets follow; after the last one
// nothing may follow.
func readPiece(r io.Reader, piece []byte, left int64) error {
	if n, err := state.Fill(r, piece); err != nil {
		if err == io.EOF && n == len(piece) && left == 0 {
			return nil
		}
		if err == io.EOF {
			return fmt.Errorf("message ended %d octets early: %w", left+int64(len(piece)-n), io.ErrUnexpectedEOF)
		}
		return fmt.Errorf("read message: %w", err)
	}
	if left > 0 {
		return nil
	}
	var more [1]byte
	switch n, err := state.Fill(r, more[:]); {
	case n > 0:
		return state.Faultf(state.Other, "the message grew while it was sent").WithHint("a program is still writing it: run again once it has")
	case err != io.EOF:
		return fmt.Errorf("read message: %w", err)
	}
	return nil
}

// giveUp breaks the connection in the middle of a literal whose body failed, after the
// commands ahead of it were answered.
func (w *writer) giveUp(cmd *Sent, err error) error {
	w.x.awaitOldest(cmd)
	_ = w.x.fail(err)
	return err
}
