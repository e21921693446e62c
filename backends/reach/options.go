package reach

import (
	"context"
	"io"
	"log/slog"
	"time"

	"mailsync/backends/redact"
	"mailsync/state"
)

// Secret is what proves who the user is.
type Secret struct {
	Password string
}

// String hides the secret from whoever prints it.
func (Secret) String() string { return "[secret]" }

// LogValue hides the secret from a log.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Options says how an account is reached, whatever its server speaks.
type Options struct {
	Server // 0 and "" in it: see Complete

	User string
	// Secret is asked once for all connections, and again after a refused log-in. An
	// error of it without a kind counts as state.Login.
	Secret func(ctx context.Context) (Secret, error)

	MaxWait  time.Duration // how long a server's "come back later" is waited for in all; 0: not at all
	ReadOnly bool          // the connection refuses what could change the server

	// Secrets are words that nobody is to see, whatever the server says: in no error, log or
	// trace. What proves who the user is is added when it is known; nil: there are none before.
	Secrets *redact.Secrets

	Trace io.Writer    // protocol log, secrets removed; nil: none
	Log   *slog.Logger // nil: none
}

// Protocol is what is spoken with a server.
type Protocol struct {
	Name           string // with its article
	Port, Implicit int    // where it is spoken, and where TLS is there from the first byte
	StartTLS       string // the command that begins TLS
}

// Complete sets what was left open (TLS from the first byte, the protocol's port, a timeout of
// 60 s, no secrets, no log), and prepares the server. It has to return nil before anything else
// is done with the options.
func (o *Options) Complete(p Protocol) error {
	if o.TLS == "" {
		o.TLS = Implicit
	}
	if o.Port == 0 {
		o.Port = p.Port
		if o.TLS == Implicit {
			o.Port = p.Implicit
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Secrets == nil {
		o.Secrets = &redact.Secrets{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Host == "" || o.User == "" || o.Secret == nil {
		return state.Faultf(state.Usage, "%s account needs a host, a user and a password", p.Name)
	}
	o.protocol = p
	return o.Prepare()
}
