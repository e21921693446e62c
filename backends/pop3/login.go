package pop3

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"mailsync/backends/reach"
	"mailsync/state"
)

// entrance is what an account knows of logging in to its server.
type entrance struct {
	*reach.Login
	worked bool            // a log-in did, in this run or an earlier one
	shut   map[string]bool // ways that were refused where there is another
}

// logIn proves who we are, in the best way that server and connection allow.
func (e *entrance) logIn(ctx context.Context, c *client) error {
	secret, err := e.Secret(ctx)
	if err != nil {
		return err
	}
	err = e.authenticate(&auth{c, secret.Password})
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
	case r.later() && reach.CountsFailures(r.text):
		return e.Counted(r)
	case r.later(), r.has("SYS/PERM") && hint == "":
		return fmt.Errorf("log-in of %s refused: %w", reach.Quoted(c.o.User), err) // not about us, and so no reason to doubt the password
	case !r.blames() && hint == "" && e.worked && c.caps.token(secret.Password) == "": // a token ends by itself
		return state.Faultf(state.Unreachable, "log-in of %s refused: %w", reach.Quoted(c.o.User), r).WithHint("%s", unclearHint)
	}
	return e.Refused(r, cmp.Or(hint, loginHint))
}

// errNextWay means that a connection ended with a refused log-in, and that there is another way to try.
var errNextWay = errors.New("the connection ended with a refused log-in")

// authenticate logs in. A way that is refused is left for the next one, if there is one, and is not
// tried again: some servers announce what they do not have, or have for some users only. One that
// hangs up then is met once more.
func (e *entrance) authenticate(with *auth) error {
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
// everybody with a timestamp and know no APOP secret of most: where it is refused, the password is sent as
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

// inHTTP is in front of a token in HTTP.
const inHTTP = "Bearer "

// token returns the secret where it is a token of OAuth 2.0, "" where it is a password: one that begins
// with "Bearer " is a token, as HTTP spells it. So is any other where the server takes tokens only, or
// takes tokens as well and the secret looks like one.
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
	_, err := a.c.command("PASS " + a.password)
	return err
}

// apop is RFC 1939 section 7, APOP: the digest of the greeting's timestamp and the
// password.
func (a *auth) apop() error {
	c := a.c
	sum := md5.Sum([]byte(c.stamp + a.password))
	digest := hex.EncodeToString(sum[:])
	c.o.Secrets.Keep(digest) // passwords can be tried against it
	_, err := c.command("APOP " + c.o.User + " " + digest)
	return err
}

// withToken logs in with an OAuth 2.0 token. XOAUTH2 is tried where the server does not
// say what it has.
func (a *auth) withToken(token string) error {
	switch c := a.c; {
	case c.caps.sasl("OAUTHBEARER"):
		return a.sasl(bearer(c.o, token))
	case c.caps.sasl("XOAUTH2"), !c.caps.known:
		return a.sasl(xoauth2(c.o, token))
	}
	return state.Faultf(state.Login, "server offers neither OAUTHBEARER nor XOAUTH2").
		WithHint("the provider may want a password here")
}

// maxCommand is a command's length with its line end (RFC 2449 section 4). An initial
// response that does not fit is sent by itself (RFC 5034 section 4).
const maxCommand = 255

// maxChallenges bounds a server that asks on and on.
const maxChallenges = 8

// sasl runs AUTH (RFC 1734, RFC 5034) with a mechanism.
func (a *auth) sasl(m sasl.Client) error {
	c := a.c
	name, first, err := m.Start()
	if err != nil {
		return err
	}
	command := "AUTH " + name
	response := base64.StdEncoding.EncodeToString(first)
	fits := len(command)+1+len(response)+2 <= maxCommand
	if fits {
		command += " " + response
	}
	if err := c.put(command); err != nil {
		return err
	}
	var reason error // what a mechanism read in the server's challenge
	for n := 0; ; n++ {
		if err := c.flush(); err != nil {
			return err
		}
		word, text, err := c.status()
		switch {
		case err != nil:
			return err
		case word == "+OK":
			return reason
		case word == "-ERR" && reason != nil:
			return fmt.Errorf("%w (%w)", newRefusal(text), reason)
		case word == "-ERR":
			return newRefusal(text)
		case n == maxChallenges:
			return c.garbled("server asks for more and more in AUTH %s", name)
		}
		answer := response
		// With an empty challenge to an initial response, the server overlooked that.
		if n > 0 || fits && text != "" {
			answer, reason = next(m, text)
		}
		c.putLine(answer, "***") // it is a part of the command
	}
}

// next answers a challenge. A mechanism that cannot go on cancels with "*" (RFC 5034
// section 4), unless it has an answer beside its error.
func next(m sasl.Client, text string) (answer string, reason error) {
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "*", fmt.Errorf("cannot read the challenge %s", reach.Quoted(text))
	}
	b, err := m.Next(challenge)
	if err != nil && b == nil {
		return "*", err
	}
	return base64.StdEncoding.EncodeToString(b), err
}

// oauth is a mechanism whose first response has a token. The server answers with a challenge only where
// it refuses that: the reason, which is answered before the refusal follows.
type oauth struct {
	name, first string
	toReason    string
	o           *Options
}

// xoauth2 is the mechanism that Google and Microsoft had before OAUTHBEARER.
func xoauth2(o *Options, token string) *oauth {
	return &oauth{"XOAUTH2", "user=" + o.User + "\x01auth=Bearer " + token + "\x01\x01", "", o}
}

// bearer is OAUTHBEARER (RFC 7628 sections 3.1 and 3.2.3).
func bearer(o *Options, token string) *oauth {
	// In a GS2 header two characters of the user are escaped (RFC 5801 section 4).
	user := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(o.User)
	return &oauth{"OAUTHBEARER", "n,a=" + user + ",\x01host=" + o.Host + "\x01port=" + strconv.Itoa(o.Port) +
		"\x01auth=Bearer " + token + "\x01\x01", "\x01", o}
}

func (m *oauth) Start() (string, []byte, error) { return m.name, []byte(m.first), nil }

// Next reads the JSON with the reason why the server refuses the token.
func (m *oauth) Next(challenge []byte) ([]byte, error) {
	var why struct{ Status, Scope string }
	if err := json.Unmarshal(challenge, &why); err != nil || why.Status == "" {
		return []byte(m.toReason), errors.New("the token was refused")
	}
	return []byte(m.toReason), fmt.Errorf("the token was refused with status %s", reach.Quoted(m.o.Secrets.Hide(why.Status)))
}
