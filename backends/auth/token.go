package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
)

// Credentials are who logs in where.
type Credentials struct {
	User   string
	Secret string // the password, or the token
	Host   string
	Port   int
}

// The mechanisms that take an access token of OAuth 2.0.
const (
	OAuthBearer = "OAUTHBEARER" // RFC 7628
	XOAuth2     = "XOAUTH2"     // what Google and Microsoft had before it
)

// ForToken returns the mechanisms to try with an access token, of those that has reports as offered.
func ForToken(c Credentials, has func(mechanism string) bool) (all []Mechanism) {
	if has(OAuthBearer) {
		all = append(all, Bearer(c))
	}
	if has(XOAuth2) {
		all = append(all, XOAuth(c))
	}
	return all
}

// token is a mechanism whose first response has a token. The server answers with a challenge only where
// it refuses that: the reason, which is answered before the refusal follows.
type token struct {
	name, first string
	toReason    string
}

// XOAuth is XOAUTH2.
func XOAuth(c Credentials) Mechanism {
	return &token{name: XOAuth2, first: "user=" + c.User + "\x01auth=Bearer " + c.Secret + "\x01\x01"}
}

// Bearer is OAUTHBEARER (RFC 7628 sections 3.1 and 3.2.3).
func Bearer(c Credentials) Mechanism {
	return &token{name: OAuthBearer, toReason: "\x01", first: "n,a=" + saslName(c.User) + ",\x01host=" + c.Host +
		"\x01port=" + strconv.Itoa(c.Port) + "\x01auth=Bearer " + c.Secret + "\x01\x01"}
}

// saslName is a name in a GS2 header, in which two characters are escaped (RFC 5801 section 4).
func saslName(s string) string { return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s) }

func (m *token) Start() (string, []byte, error) {
	return m.name, []byte(m.first), nil
}

// Next reads why the server refuses the token.
func (m *token) Next(challenge []byte) ([]byte, error) {
	return []byte(m.toReason), readTokenError(challenge)
}

func (m *token) Tested() bool  { return true }
func (m *token) Finish() error { return nil }

// TokenError is why a server refuses a token (RFC 7628 section 3.2.2). Its fields are "" where the server
// does not say, and fit to be shown.
type TokenError struct {
	Status  string // a word of RFC 6750 section 3.1 ("invalid_token"), or a status of HTTP (Google, Microsoft)
	Scope   string // that the token should have
	Schemes string
}

// maxReason is how much of a reason is read.
const maxReason = 4 << 10

// readTokenError reads the JSON document of a refusal. What cannot be read is a refusal as well.
func readTokenError(doc []byte) *TokenError {
	e := &TokenError{}
	var fields map[string]any
	if len(doc) > maxReason || json.Unmarshal(doc, &fields) != nil {
		return e
	}
	for name, to := range map[string]*string{"status": &e.Status, "scope": &e.Scope, "schemes": &e.Schemes} {
		switch v := fields[name].(type) {
		case string:
			*to = v
		case float64:
			*to = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return e
}

// hide removes secrets from what the server said.
func (e *TokenError) hide(s *redact.Secrets) {
	for _, f := range []*string{&e.Status, &e.Scope, &e.Schemes} {
		*f = s.Hide(*f)
	}
}

func (e *TokenError) Error() string {
	if e.Status == "" {
		return "the token was refused"
	}
	text := fmt.Sprintf("the token was refused with status %s", reach.Quoted(e.Status))
	if e.Scope != "" {
		text += fmt.Sprintf(", it needs the scope %s", reach.Quoted(e.Scope))
	}
	if e.Schemes != "" && !strings.EqualFold(e.Schemes, "bearer") {
		text += fmt.Sprintf(", the server takes %s", reach.Quoted(e.Schemes))
	}
	return text
}

// IsLater reports whether a token was refused for a reason that is about now and not about the token.
func IsLater(err error) bool {
	e, ok := errors.AsType[*TokenError](err)
	if !ok {
		return false
	}
	switch e.Status {
	case "temporarily_unavailable", "server_error", "429", "500", "502", "503", "504":
		return true
	}
	return false
}
