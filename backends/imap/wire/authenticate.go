package wire

import (
	"context"

	"mailsync/state"
)

// Authenticate sends an AUTHENTICATE command and answers the server's challenges, in base64 both, with
// what respond returns, until the tagged answer. An error of respond breaks the connection. For the rest
// it is as Do.
func (c *Conn) Authenticate(ctx context.Context, line string, respond func(challenge string) (string, error)) (Answer, error) {
	cmd := &Sent{line: line, challenges: make(chan string, 1)}
	if err := c.out.send(ctx, cmd, false); err != nil {
		return Answer{}, err
	}
	for {
		select {
		case challenge := <-cmd.challenges:
			response, err := respond(challenge)
			if err == nil {
				err = c.out.respond(response)
			}
			if err != nil {
				return Answer{}, c.x.fail(err)
			}
		case out := <-cmd.done:
			return out.answer, out.err
		case <-ctx.Done():
			return Answer{}, cmd.cancelled(ctx)
		}
	}
}

// respond sends the response to a challenge.
func (w *writer) respond(response string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.Line("C", "***")
	if err := w.sock.push([]byte(response + "\r\n")); err != nil {
		return w.sock.explain(err, "while a command was sent")
	}
	return nil
}

// challenge hands a challenge to the AUTHENTICATE that is under way; taken is false where there is none.
func (x *exchange) challenge(text string) (taken bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	cmd := x.authenticate()
	if cmd == nil {
		return false, nil
	}
	select {
	case cmd.challenges <- text:
		x.goAheads.Add(1)
		x.progress.moved()
		return true, nil
	default:
		return true, state.Faultf(state.Unreachable, "server sends challenges and does not wait for the answers")
	}
}

// proving reports whether an AUTHENTICATE is under way.
func (x *exchange) proving() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.authenticate() != nil
}

// authenticate is the AUTHENTICATE that is under way, alone, nil for none. x.mu is held.
func (x *exchange) authenticate() *Sent {
	if len(x.mine) > 0 && x.mine[0].challenges != nil {
		return x.mine[0]
	}
	return nil
}
