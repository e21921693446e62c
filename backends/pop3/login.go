package pop3

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	"mailsync/state"
)

// entrance is what an account knows of logging in to its server.
type entrance struct {
	*reach.Login
	worked  bool            // a log-in did, in this run or an earlier one
	shut    map[string]bool // ways that were refused where there is another
	renewed bool            // a token was refused, and is another one now
}

// logIn proves who we are, in the best way that server and connection allow.
func (e *entrance) logIn(ctx context.Context, c *client) error {
	secret, err := e.Secret(ctx)
	if err != nil {
		return err
	}
	if secret.Token {
		return e.withToken(ctx, c, secret)
	}
	return e.judge(c, e.authenticate(&attempt{c, secret.Password}), secret)
}

// judge is what a refused log-in means.
func (e *entrance) judge(c *client, err error, secret reach.Secret) error {
	r, refused := asRefusal(err)
	hint := ""
	if refused {
		hint = reach.RefusedHint(r.text)
	}
	switch {
	case err == nil:
		e.worked = true
		return nil
	case !refused:
		return err
	case isLater(r, err) && reach.CountsFailures(r.text):
		return e.Counted(r)
	case isLater(r, err) && !r.later():
		return &reach.Busy{Err: fmt.Errorf("log-in of %s refused for now: %w", reach.Quoted(c.o.User), err)}
	case r.later(), r.has("SYS/PERM") && hint == "":
		return fmt.Errorf("log-in of %s refused: %w", reach.Quoted(c.o.User), err) // not about us, and so no reason to doubt the password
	case secret.Token:
		return e.RefusedToken(err, r.text)
	case !r.blames() && hint == "" && e.worked:
		return state.Faultf(state.Unreachable, "log-in of %s refused: %w", reach.Quoted(c.o.User), r).WithHint("%s", unclearHint)
	}
	return e.Refused(err, cmp.Or(hint, loginHint))
}

// errNextWay means that a connection ended with a refused log-in, and that there is another way to try.
var errNextWay = errors.New("the connection ended with a refused log-in")

// authenticate logs in. A way that is refused is left for the next one, if there is one, and is not
// tried again: some servers announce what they do not have, or have for some users only. One that
// hangs up then is met once more.
func (e *entrance) authenticate(with *attempt) error {
	var last error
	for ways := with.ways(); len(ways) > 0; ways = ways[1:] {
		w := ways[0]
		if e.shut[w.name] && len(ways) > 1 {
			continue
		}
		err := w.run()
		r, refused := asRefusal(err)
		if refused {
			r.readWords(with.c.o.User)
		}
		switch {
		case refused && (!r.later() || r.code == "" && len(ways) > 1): // words may be about the way alone
		case last != nil && reach.Interrupted(err), len(ways) > 1 && reach.HungUp(err):
			if last == nil {
				e.shut[w.name] = true
			}
			return errNextWay
		default:
			return err
		}
		if last = err; len(ways) > 1 {
			e.shut[w.name] = true
		}
	}
	return last
}

// attempt is a log-in with a password over one connection.
type attempt struct {
	c        *client
	password string
}

// way is a way to log in.
type way struct {
	name string
	run  func() error
}

// ways are the ways to log in that may be tried, the best first. With TLS it is a SASL mechanism or
// USER and PASS; APOP, which is MD5, first where nothing else hides the password. Some servers greet
// everybody with a timestamp and know no APOP secret of most: where it is refused, the password is sent as
// it is, for without TLS there is a connection only to this machine, or where the user allowed it.
func (a *attempt) ways() (ways []way) {
	c := a.c
	if a.password == "" {
		return []way{{"none", func() error { return state.Faultf(state.Login, "there is no password") }}}
	}
	if c.takesTokensOnly() {
		return []way{{"none", func() error { return reach.OnlyTokens() }}}
	}
	apop := way{"APOP", a.apop}
	if !c.safe && c.stamp != "" {
		ways = append(ways, apop)
	}
	if c.caps.sasl("PLAIN") {
		ways = append(ways, way{"PLAIN", func() error { return c.sasl(auth.Plain(c.credentials(a.password))) }})
	}
	if !c.caps.known || c.caps.has("USER") || len(ways) == 0 && c.stamp == "" {
		ways = append(ways, way{"USER", a.userPass})
	}
	if len(ways) == 0 {
		ways = append(ways, apop)
	}
	return ways
}

// userPass is RFC 1939 section 7, USER and PASS. PASS waits for USER's answer, for what
// it says may be that we must not send it.
func (a *attempt) userPass() error {
	if _, err := a.c.command("USER " + a.c.o.User); err != nil {
		return err
	}
	_, err := a.c.command("PASS " + a.password)
	return err
}

// apop is RFC 1939 section 7, APOP: the digest of the greeting's timestamp and the
// password.
func (a *attempt) apop() error {
	c := a.c
	sum := md5.Sum([]byte(c.stamp + a.password))
	digest := hex.EncodeToString(sum[:])
	c.o.Secrets.Keep(digest) // passwords can be tried against it
	_, err := c.command("APOP " + c.o.User + " " + digest)
	return err
}
