// Package auth has the SASL mechanisms with which every protocol logs in (RFC 4422), and the order in
// which they are tried. It sends nothing itself: a protocol runs an Exchange over its connection.
package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"

	"mailsync/backends/redact"
	"mailsync/state"
)

// Mechanism is a client's side of a SASL mechanism, for one log-in. An error of Next that is beside a
// response is the server's reason for a refusal that follows; one without a response ends the exchange.
type Mechanism interface {
	sasl.Client
	// Tested reports, after Start, whether what was sent depends on the secret: a refusal may mean that it is wrong.
	Tested() bool
	// Finish is called after the server's OK. An error means that the server did not prove what it had to.
	Finish() error
}

var errTooMuch = errors.New("server asks for more than the mechanism has")

// maxRounds bounds a server that asks on and on.
const maxRounds = 8

// Exchange is one run of a mechanism: challenges and responses in base64, as IMAP (RFC 9051 section
// 6.2.2) and POP3 (RFC 5034 section 4) have them.
type Exchange struct {
	Name string // of the mechanism

	m       Mechanism
	secrets *redact.Secrets
	first   []byte // the initial response; nil: the server begins
	sent    bool   // the initial response was sent
	rounds  int
	over    bool  // we have nothing more to say
	reason  error // what the mechanism made of it
}

// Begin starts an exchange. What it sends that a password could be tried against, or is one, is added to secrets.
func Begin(m Mechanism, secrets *redact.Secrets) (*Exchange, error) {
	name, first, err := m.Start()
	return &Exchange{Name: name, m: m, secrets: secrets, first: first}, err
}

// Initial returns the initial response, for a protocol that sends it with the command; false where
// the server begins. It counts as sent.
func (x *Exchange) Initial() (response string, ok bool) {
	if x.first == nil {
		return "", false
	}
	x.sent = true
	if len(x.first) == 0 {
		return "=", true // RFC 4959 section 3
	}
	return x.encode(x.first), true
}

// Unsent takes back that the initial response was sent: the command had no room for it.
func (x *Exchange) Unsent() { x.sent = false }

// Answer returns the response to a challenge, "*" to cancel. An error means that the server asks for
// more after the end: the connection is of no use.
func (x *Exchange) Answer(challenge string) (response string, err error) {
	if x.rounds++; x.over || x.rounds > maxRounds {
		return "", state.Faultf(state.Unreachable, "server asks for more and more at log-in (%s)", x.Name).
			WithHint("it does not end the log-in: ask its operator")
	}
	challenge = strings.TrimSpace(challenge)
	// With an empty challenge to an initial response, a server overlooked that.
	if x.first != nil && (!x.sent || x.rounds == 1 && challenge == "") {
		x.sent = true
		return x.encode(x.first), nil
	}
	raw, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return x.cancel(errors.New("server's challenge is not base64")), nil
	}
	b, err := x.m.Next(raw)
	switch {
	case err != nil && b == nil:
		return x.cancel(err), nil
	case err != nil:
		x.reason, x.over = x.shown(err), true
	}
	return x.encode(b), nil
}

// cancel ends the exchange for a reason.
func (x *Exchange) cancel(reason error) string {
	x.reason, x.over = x.shown(reason), true
	return "*"
}

// shown is an error without secrets. Ours are typed, and hold the server's words only in fields that hide them.
func (x *Exchange) shown(err error) error {
	var told interface{ hide(*redact.Secrets) }
	if errors.As(err, &told) {
		told.hide(x.secrets)
	}
	return err
}

// encode makes a response. What depends on the secret is kept as one: the end of it, in every mechanism.
func (x *Exchange) encode(b []byte) string {
	text := base64.StdEncoding.EncodeToString(b)
	x.secrets.Keep(text)
	if parts := strings.FieldsFunc(string(b), func(r rune) bool { return r <= ' ' || r == ',' }); len(parts) > 0 && x.m.Tested() {
		x.secrets.Keep(strings.TrimPrefix(parts[len(parts)-1], "p="))
	}
	return text
}

// Outcome is what a refusal of the log-in, err by End, tells of the mechanism.
func (x *Exchange) Outcome(err error) Outcome {
	switch {
	case errors.Is(err, ErrForged):
		return Condemned
	case x.first != nil && !x.sent, !x.m.Tested():
		return NotTaken
	}
	return Doubted
}

// End is what became of the log-in: answer is nil for the server's OK, else its refusal or what broke
// the connection. What the mechanism found out is added to it.
func (x *Exchange) End(answer error) error {
	switch {
	case x.reason == nil && answer == nil:
		return x.m.Finish()
	case x.reason == nil:
		return answer
	case answer == nil, state.KindOf(x.reason) != state.Other:
		return x.reason
	}
	return &Reasoned{answer, x.reason}
}

// Reasoned is a refusal of which the mechanism knows more than the answer says.
type Reasoned struct{ Answer, Reason error }

func (e *Reasoned) Error() string   { return fmt.Sprintf("%v (%v)", e.Answer, e.Reason) }
func (e *Reasoned) Unwrap() []error { return []error{e.Answer, e.Reason} }

// IsUnfit reports whether a log-in was refused because its mechanism cannot be used with this server.
func IsUnfit(err error) bool {
	_, unfit := errors.AsType[*Unfit](err)
	return unfit
}

// UnfitHint is what to do about that.
const UnfitHint = "the server's way of checking passwords cannot be used, and it offers no other: ask its operator"
