package pop3

import (
	"context"
	"errors"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	"mailsync/state"
)

// errNextToken means that a token was refused and the connection ended, and that there is another token now.
var errNextToken = errors.New("the token was refused, and there is another one")

// withToken logs in with a token. One that is refused is reported to whoever gives them out, and the
// next one is tried once: on this connection, or where the server ended that, on another one.
func (e *entrance) withToken(ctx context.Context, c *client, token reach.Secret) error {
	if len(c.tokenWays(token)) == 0 {
		return e.NoToken()
	}
	refused := e.present(c, token)
	if state.KindOf(refused) != state.Login || e.renewed {
		return refused
	}
	next, ok, err := e.Renewed(ctx, token)
	if err != nil {
		return err // whoever gives out tokens knows better what is wrong
	}
	if !ok {
		return refused
	}
	e.renewed = true
	if err = e.present(c, next); reach.HungUp(err) {
		return errNextToken
	}
	return err
}

// tokenWays are the mechanisms to try with a token: XOAUTH2 where the server does not say what it has.
func (c *client) tokenWays(token reach.Secret) []auth.Mechanism {
	return auth.ForToken(c.credentials(token.Password), func(name string) bool {
		return c.caps.sasl(name) || !c.caps.known && name == auth.XOAuth2
	})
}

// present logs in with one token. A mechanism that the server does not take is followed by the next.
func (e *entrance) present(c *client, token reach.Secret) (err error) {
	for _, m := range c.tokenWays(token) {
		if _, err = c.sasl(m); err == nil {
			break
		}
		r, ok := asRefusal(err)
		if ok {
			r.readWords(c.o.User)
		}
		if _, of := errors.AsType[*auth.TokenError](err); !ok || of || isLater(r, err) || r.blames() || !reach.NamesMechanism(r.text) {
			break
		}
	}
	return e.judge(c, err, token)
}

// isLater reports whether a refused log-in is about now, by what the server says of it or of a token.
func isLater(r *refusal, err error) bool {
	return r.later() || auth.IsLater(err)
}

func (c *client) credentials(secret string) auth.Credentials {
	return auth.Credentials{User: c.o.User, Secret: secret, Host: c.o.Host, Port: c.o.Port}
}

// maxCommand is a command's length with its line end (RFC 2449 section 4). An initial
// response that does not fit is sent by itself (RFC 5034 section 4).
const maxCommand = 255

// sasl runs AUTH (RFC 1734, RFC 5034) with a mechanism.
func (c *client) sasl(m auth.Mechanism) (*auth.Exchange, error) {
	x, err := auth.Begin(m, c.o.Secrets)
	if err != nil {
		return x, err
	}
	command := "AUTH " + x.Name
	if first, ok := x.Initial(); ok && len(command)+1+len(first)+2 <= maxCommand {
		command += " " + first
	} else {
		x.Unsent()
	}
	if err := c.put(command); err != nil {
		return x, err
	}
	c.proving = true
	defer func() { c.proving = false }()
	for {
		if err := c.flush(); err != nil {
			return x, err
		}
		word, text, err := c.status()
		switch {
		case err != nil:
			return x, err
		case word == "+OK":
			return x, x.End(nil)
		case word == "-ERR":
			return x, x.End(newRefusal(text))
		}
		answer, err := x.Answer(text)
		if err != nil {
			return x, c.fail("log in at "+c.o.Host, err)
		}
		c.putLine(answer, "***") // it is a part of the command
	}
}
