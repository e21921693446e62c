package pop3

import (
	"crypto/md5"
	"encoding/hex"
	"strings"

	"github.com/emersion/go-sasl"

	"mailsync/state"
)

// auth is a log-in over one connection.
type auth struct {
	c        *client
	password string // or a token
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
func (a *auth) ways() (ways []way) {
	c := a.c
	if token := c.caps.token(a.password); token != "" {
		return []way{{"token", func() error { return a.withToken(token) }}}
	}
	if a.password == "" || a.password == inHTTP {
		return []way{{"none", func() error { return state.Faultf(state.Login, "there is no password") }}}
	}
	apop := way{"APOP", a.apop}
	if !c.safe && c.stamp != "" {
		ways = append(ways, apop)
	}
	if c.caps.sasl("PLAIN") {
		ways = append(ways, way{"PLAIN", func() error { return a.sasl(sasl.NewPlainClient("", c.o.User, a.password)) }})
	}
	if !c.caps.known || c.caps.has("USER") || len(ways) == 0 && c.stamp == "" {
		ways = append(ways, way{"USER", a.userPass})
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
func (a *auth) userPass() error {
	if _, err := a.c.command("USER " + a.c.o.User); err != nil {
		return err
	}
	_, err := a.c.commandAs("PASS "+a.password, "PASS ***")
	return err
}

// apop is RFC 1939 section 7, APOP: the digest of the greeting's timestamp and the
// password.
func (a *auth) apop() error {
	c := a.c
	sum := md5.Sum([]byte(c.stamp + a.password))
	digest := hex.EncodeToString(sum[:])
	c.trace.Keep(digest) // passwords can be tried against it
	_, err := c.commandAs("APOP "+c.o.User+" "+digest, "APOP "+c.o.User+" ***")
	return err
}

// withToken logs in with an OAuth 2.0 token. XOAUTH2 is tried where the server does not
// say what it has.
func (a *auth) withToken(token string) error {
	switch c := a.c; {
	case c.caps.sasl("OAUTHBEARER"):
		return a.sasl(&bearer{user: c.o.User, token: token, host: c.o.Host, port: c.o.Port, shown: c.trace.Shown})
	case c.caps.sasl("XOAUTH2"), !c.caps.known:
		return a.sasl(&xoauth2{user: c.o.User, token: token, shown: c.trace.Shown})
	}
	return state.Faultf(state.Login, "server offers neither OAUTHBEARER nor XOAUTH2").
		WithHint("the provider may want a password here")
}
