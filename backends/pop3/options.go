package pop3

import (
	"context"
	"io"
	"log/slog"
	"time"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/state"
)

// TLSMode says how a connection is made safe.
type TLSMode = reach.TLSMode

// The ways to connect.
const (
	Implicit = reach.Implicit
	StartTLS = reach.StartTLS
	None     = reach.None
)

// Secret is what proves who the user is: a password, or a token of OAuth 2.0.
//
// A Password that is "Bearer " and a token, as HTTP spells it, is that token. So is any
// other where the server takes tokens only, or takes tokens as well and the Password looks
// like one.
type Secret struct {
	Password string
	Token    string // with one, only OAUTHBEARER and XOAUTH2 are used
}

// String hides the secret from whoever prints it.
func (Secret) String() string { return "[secret]" }

// LogValue hides the secret from a log.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Options says how an account is reached.
type Options struct {
	Host    string
	Port    int      // 0: 995 for implicit, else 110
	TLS     TLSMode  // "" is Implicit
	RootCAs []byte   // PEM, trusted besides the system's roots
	Pins    []string // "sha256/" and the base64 of a SHA-256 of a SubjectPublicKeyInfo

	User string
	// Secret is asked once, and again after a refused log-in. An error of it without a
	// kind counts as state.Login.
	Secret func(ctx context.Context) (Secret, error)
	// WorkedBefore says that a log-in worked in an earlier run: a refusal that does not say why is
	// not taken for one of the password.
	WorkedBefore bool

	// Numbers are the account's, with what the base knows; nil: none are known. The same
	// must be the Maildirs' Keys.
	Numbers *Numbers

	Timeout  time.Duration // no byte for this long ends a connection; 0: 60 s
	MaxWait  time.Duration // how long a server's "come back later" is waited for in all; 0: not at all
	Insecure bool          // plain text to a host that is not loopback
	ReadOnly bool          // the connection refuses DELE

	// Secrets are words that nobody is to see, whatever the server says: in no error, log or
	// trace. What proves who the user is is added when it is known; nil: there are none before.
	Secrets *redact.Secrets

	Trace io.Writer    // protocol log, secrets removed; nil: none
	Log   *slog.Logger // nil: none
}

func (o Options) withDefaults() Options {
	if o.TLS == "" {
		o.TLS = Implicit
	}
	if o.Port == 0 {
		o.Port = 110
		if o.TLS == Implicit {
			o.Port = 995
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Numbers == nil {
		o.Numbers = NewNumbers(nil)
	}
	if o.Secrets == nil {
		o.Secrets = &redact.Secrets{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o *Options) check() error {
	if o.Host == "" || o.User == "" || o.Secret == nil {
		return state.Faultf(state.Usage, "a POP3 account needs a host, a user and a password")
	}
	return nil
}

// server is how the account's server is met.
func (o *Options) server() *reach.Server {
	return &reach.Server{Host: o.Host, Port: o.Port, TLS: o.TLS, RootCAs: o.RootCAs, Pins: o.Pins,
		Insecure: o.Insecure, Timeout: o.Timeout}
}
