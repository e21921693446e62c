package imap

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

// Compression says when COMPRESS=DEFLATE (RFC 4978) is used where it is offered.
type Compression string

// When to compress.
const (
	CompressAuto   Compression = "auto" // not on loopback
	CompressAlways Compression = "always"
	CompressNever  Compression = "never"
)

// Secret is what proves who the user is.
type Secret struct {
	Password string
}

// String hides the secret from whoever prints it.
func (Secret) String() string { return "[secret]" }

// LogValue hides the secret from a log.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Options says how an account is reached.
type Options struct {
	Host    string
	Port    int      // 0: 993 for implicit, else 143
	TLS     TLSMode  // "" is Implicit
	RootCAs []byte   // PEM, trusted besides the system's roots
	Pins    []string // "sha256/" and the base64 of a SHA-256 of a SubjectPublicKeyInfo

	User string
	// Secret is asked once for all connections, and again after a refused log-in. An
	// error of it without a kind counts as state.Login.
	Secret func(ctx context.Context) (Secret, error)

	Connections int           // at the same time; 0: 1
	Timeout     time.Duration // no byte for this long ends a connection; 0: 60 s
	MaxWait     time.Duration // how long a server's "come back later" is waited for in all; 0: not at all
	Compress    Compression   // "" is CompressAuto
	Insecure    bool          // plain text to a host that is not loopback
	ReadOnly    bool          // the connection refuses what could change the server
	Sizes       bool          // List asks for the mailboxes' sizes where STATUS=SIZE is offered
	NoID        bool          // do not tell the server who we are (RFC 2971)
	Version     string        // told with ID

	// Secrets are words that nobody is to see, whatever the server says: in no error, log or
	// trace. The password is added when it is known; nil: there are none before.
	Secrets *redact.Secrets

	// Notice is given what the server wants the user to see, quoted and cut: each text once,
	// and not many. It must not wait for the server; nil: nobody is told.
	Notice func(text string)

	Trace io.Writer    // protocol log, secrets removed; nil: none
	Log   *slog.Logger // nil: none
}

func (o Options) withDefaults() Options {
	if o.TLS == "" {
		o.TLS = Implicit
	}
	if o.Port == 0 {
		o.Port = 143
		if o.TLS == Implicit {
			o.Port = 993
		}
	}
	o.Connections = max(o.Connections, 1)
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Compress == "" {
		o.Compress = CompressAuto
	}
	if o.Secrets == nil {
		o.Secrets = &redact.Secrets{}
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o *Options) check() error {
	switch o.Compress {
	case CompressAuto, CompressAlways, CompressNever:
	default:
		return state.Faultf(state.Usage, "compress cannot be %q", string(o.Compress)).
			WithHint(`it is "auto", "always" or "never"`)
	}
	if o.Host == "" || o.User == "" || o.Secret == nil {
		return state.Faultf(state.Usage, "an IMAP account needs a host, a user and a password")
	}
	return nil
}

// server is how the account's server is met.
func (o *Options) server() *reach.Server {
	return &reach.Server{Host: o.Host, Port: o.Port, TLS: o.TLS, RootCAs: o.RootCAs, Pins: o.Pins,
		Insecure: o.Insecure, Timeout: o.Timeout}
}
