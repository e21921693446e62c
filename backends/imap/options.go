package imap

import (
	"mailsync/backends/reach"
	"mailsync/state"
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
type Secret = reach.Secret

// Options says how an account is reached.
type Options struct {
	reach.Options

	Connections int         // at the same time; 0: 1
	Compress    Compression // "" is CompressAuto
	Sizes       bool        // List asks for the mailboxes' sizes where STATUS=SIZE is offered
	NoID        bool        // do not tell the server who we are (RFC 2971)
	Version     string      // told with ID

	// Notice is given what the server wants the user to see, quoted and cut: each text once,
	// and not many. It must not wait for the server; nil: nobody is told.
	Notice func(text string)
}

// complete sets what was left open, and checks the rest.
func (o *Options) complete() error {
	o.Connections = max(o.Connections, 1)
	if o.Compress == "" {
		o.Compress = CompressAuto
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	switch o.Compress {
	case CompressAuto, CompressAlways, CompressNever:
	default:
		return state.Faultf(state.Usage, "compress cannot be %q", string(o.Compress)).
			WithHint(`it is "auto", "always" or "never"`)
	}
	return o.Complete(reach.Protocol{Name: "an IMAP", Port: 143, Implicit: 993, StartTLS: "STARTTLS"})
}
