package pop3

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"

	"mailsync/backends/reach"
	"mailsync/state"
)

// logIn proves who we are, in the best way that server and connection allow.
func (a *Account) logIn(ctx context.Context, c *client) error {
	secret, err := a.login.Secret(ctx)
	if err != nil {
		return err
	}
	err = a.authenticate(c, secret)
	r, refused := asRefusal(err)
	hint := ""
	if refused {
		hint = reach.RefusedHint(r.text)
	}
	switch {
	case err == nil:
		a.worked = true
		return nil
	case !refused:
		return err
	case r.later() && reach.CountsFailures(r.text):
		return a.login.Counted(r)
	case r.later(), r.has("SYS/PERM") && hint == "":
		return fmt.Errorf("log-in of %s refused: %w", reach.Quoted(c.o.User), err) // not about us, and so no reason to doubt the password
	case !r.blames() && hint == "" && (a.worked || a.o.WorkedBefore) && c.caps.token(secret.Password) == "": // a token ends by itself
		return state.Faultf(state.Unreachable, "log-in of %s refused: %w", reach.Quoted(c.o.User), r).WithHint("%s", unclearHint)
	}
	return a.login.Refused(r, cmp.Or(hint, loginHint))
}

// errNextWay says that a connection ended with a refused log-in, and that there is another way to try.
var errNextWay = errors.New("the connection ended with a refused log-in")

// authenticate logs in. A way that is refused is left for the next one, if there is one, and is not
// tried again: some servers announce what they do not have, or have for some users only. One that
// hangs up then is met once more.
func (a *Account) authenticate(c *client, s Secret) error {
	var last error
	for ways := c.ways(s); len(ways) > 0; ways = ways[1:] {
		w := ways[0]
		if a.shut[w.name] && len(ways) > 1 {
			continue
		}
		err := c.atLogin(w.run())
		r, refused := asRefusal(err)
		switch {
		case refused && (!r.later() || r.code == "" && len(ways) > 1): // words may be about the way alone
		case last != nil && reach.BrokeOff(err), len(ways) > 1 && reach.HungUp(err):
			if last == nil {
				a.shut.add(w.name)
			}
			return errNextWay
		default:
			return err
		}
		if last = err; len(ways) > 1 {
			a.shut.add(w.name)
		}
	}
	return last
}

// way is a way to log in.
type way struct {
	name string
	run  func() error
}

// ways are the ways to log in that may be tried, the best first. With TLS it is a SASL mechanism or
// USER and PASS; APOP, which is MD5, first where nothing else hides the password. Some servers greet
// everybody with a timestamp and know no APOP secret of most: where it is refused, the password goes as
// it is, for without TLS there is a connection only to this machine, or where the user allowed it.
func (c *client) ways(s Secret) (ways []way) {
	if token := c.caps.token(s.Password); token != "" {
		return []way{{"token", func() error { return c.withToken(token) }}}
	}
	if s.Password == "" || s.Password == inHTTP {
		return []way{{"none", func() error { return state.Faultf(state.Login, "there is no password") }}}
	}
	apop := way{"APOP", func() error { return c.apop(s.Password) }}
	if !c.safe && c.stamp != "" {
		ways = append(ways, apop)
	}
	if c.caps.sasl("PLAIN") {
		ways = append(ways, way{"PLAIN", func() error { return c.auth(sasl.NewPlainClient("", c.o.User, s.Password)) }})
	}
	if !c.caps.known || c.caps.has("USER") || len(ways) == 0 && c.stamp == "" {
		ways = append(ways, way{"USER", func() error { return c.userPass(s.Password) }})
	}
	if len(ways) == 0 {
		ways = append(ways, apop)
	}
	return ways
}

// inHTTP is what stands in front of a token in HTTP.
const inHTTP = "Bearer "

// token tells a token from a password, which is "" (see Secret).
func (c capabilities) token(password string) string {
	if token, ok := strings.CutPrefix(password, inHTTP); ok {
		return token
	}
	tokens := c.sasl("OAUTHBEARER") || c.sasl("XOAUTH2")
	passwords := c.sasl("PLAIN") || c.has("USER")
	if tokens && (!passwords || likeToken(password)) {
		return password
	}
	return ""
}

// shortToken is shorter than any provider's access token, and longer than the passwords
// that people and providers make up.
const shortToken = 100

// likeToken reports whether a secret is long and spelled as bearer tokens are (RFC 6750
// section 2.1).
func likeToken(s string) bool {
	return len(s) >= shortToken && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~+/=") == ""
}

// userPass is RFC 1939 section 7, USER and PASS. PASS waits for USER's answer, for what
// it says may be that we must not send it.
func (c *client) userPass(password string) error {
	if _, err := c.command("USER " + c.o.User); err != nil {
		return err
	}
	_, err := c.commandAs("PASS "+password, "PASS ***")
	return err
}

// apop is RFC 1939 section 7, APOP: the digest of the greeting's timestamp and the
// password.
func (c *client) apop(password string) error {
	sum := md5.Sum([]byte(c.stamp + password))
	digest := hex.EncodeToString(sum[:])
	c.trace.keep(digest) // passwords can be tried against it
	_, err := c.commandAs("APOP "+c.o.User+" "+digest, "APOP "+c.o.User+" ***")
	return err
}

// withToken logs in with an OAuth 2.0 token. XOAUTH2 is tried where the server does not
// say what it has.
func (c *client) withToken(token string) error {
	switch {
	case c.caps.sasl("OAUTHBEARER"):
		return c.auth(&bearer{user: c.o.User, token: token, host: c.o.Host, port: c.o.Port, shown: c.trace.shown})
	case c.caps.sasl("XOAUTH2"), !c.caps.known:
		return c.auth(&xoauth2{user: c.o.User, token: token, shown: c.trace.shown})
	}
	return state.Faultf(state.Login, "server offers neither OAUTHBEARER nor XOAUTH2").
		WithHint("the provider may want a password here")
}
