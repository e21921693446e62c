package pop3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/emersion/go-sasl"

	"mailsync/backends/reach"
	"mailsync/state"
)

// login proves who we are, in the best way that server and connection allow.
func (a *Account) login(ctx context.Context, c *client) error {
	secret, err := a.secret(ctx)
	if err != nil {
		return err
	}
	err = c.authenticate(secret)
	r, refused := asRefusal(err)
	switch {
	case !refused:
		return err
	case r.later(), r.has("SYS/PERM"):
		return err // not about us, and so no reason to doubt the password
	}
	a.forgetSecret()
	return state.Faultf(state.Login, "log-in of %s refused: %w", reach.Quoted(c.o.User), r).WithHint("%s", loginHint)
}

// authenticate picks the way to log in. With TLS it is a SASL mechanism or USER and PASS;
// APOP, which is MD5, first where nothing else hides the password. Some servers greet everybody
// with a timestamp and know no APOP secret of most: where it is refused, the password goes as it
// is, for without TLS there is a connection only to this machine, or where the user allowed it.
func (c *client) authenticate(s Secret) error {
	if s.Token == "" {
		s = c.caps.judge(s)
	}
	switch {
	case s.Token != "":
		return c.withToken(s.Token)
	case s.Password == "":
		return state.Faultf(state.Login, "there is no password")
	case !c.safe && c.stamp != "":
		err := c.apop(s.Password)
		if r, ok := asRefusal(err); !ok || r.later() || r.has("SYS/PERM") || c.caps.known && !c.caps.sasl("PLAIN") && !c.caps.has("USER") {
			return err
		}
		again := c.openly(s)
		if _, ok := asRefusal(again); again != nil && !ok {
			return err // it hung up on the first refusal
		}
		return again
	}
	return c.openly(s)
}

// openly sends the password as it is.
func (c *client) openly(s Secret) error {
	switch {
	case c.caps.sasl("PLAIN"):
		err := c.auth(sasl.NewPlainClient("", c.o.User, s.Password))
		if r, ok := asRefusal(err); !ok || !r.unknown() || !c.caps.has("USER") {
			return err
		}
		return c.userPass(s.Password)
	case c.stamp != "" && c.caps.known && !c.caps.has("USER"):
		return c.apop(s.Password)
	}
	return c.userPass(s.Password)
}

// judge tells a token from a password (see Secret).
func (c capabilities) judge(s Secret) Secret {
	if token, ok := strings.CutPrefix(s.Password, "Bearer "); ok {
		return Secret{Token: token}
	}
	tokens := c.sasl("OAUTHBEARER") || c.sasl("XOAUTH2")
	passwords := c.sasl("PLAIN") || c.has("USER")
	if tokens && (!passwords || likeToken(s.Password)) {
		return Secret{Token: s.Password}
	}
	return s
}

// shortToken is shorter than any provider's access token, and longer than the passwords
// that people and providers make up.
const shortToken = 100

// likeToken reports whether a secret is long and spelled as bearer tokens are (RFC 6750
// section 2.1).
func likeToken(s string) bool {
	return len(s) >= shortToken && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~+/=") == ""
}

// unknown reports whether a server refused a command because it does not know it after
// all, and not because of what it said.
func (r *refusal) unknown() bool {
	text := strings.ToLower(r.text)
	return r.code == "" && (strings.Contains(text, "unknown") || strings.Contains(text, "not recogni") ||
		strings.Contains(text, "unsupported") || strings.Contains(text, "not implemented") || strings.Contains(text, "invalid command")) &&
		!strings.Contains(text, "user")
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

// secret returns what proves who the user is, asking for it once.
func (a *Account) secret(ctx context.Context) (Secret, error) {
	if a.known != nil {
		return *a.known, nil
	}
	s, err := a.o.Secret(ctx)
	if err != nil {
		var f *state.Fault
		if !errors.As(err, &f) {
			err = state.Faultf(state.Login, "password of %s: %w", reach.Quoted(a.o.User), err)
		}
		return Secret{}, err
	}
	a.o.Secrets.Keep(strings.TrimPrefix(s.Password, "Bearer "), s.Token)
	a.known = &s
	return s, nil
}

func (a *Account) forgetSecret() { a.known = nil }
