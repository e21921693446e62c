package wire

import (
	"cmp"
	"io"
	"time"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/redact"
)

// Options is how a Conn behaves. The zero Options is usable: no timeout, the
// default bounds, no reports.
type Options struct {
	// Timeout breaks the connection when an answer is waited for, or a command is being
	// sent, and no byte was read or written for this long. The break is a state.Fault of kind
	// Unreachable. A connection on which nothing is under way may stay silent. 0: none.
	Timeout time.Duration
	// ReadOnly is backup mode: a command that could change anything on the server is not
	// sent. The write fails, and with it the connection, with an error that names the command.
	ReadOnly bool
	// Greeting is a line that the client reads first, for a connection whose greeting
	// was read before (STARTTLS). Its end is added. "" where the server's is not read yet.
	Greeting string
	// Trace gets the protocol, one line at a time, secrets and literals removed. Both
	// directions write to it, one call a line, never at the same time.
	Trace io.Writer
	// Secrets are words that nobody is to see, should the server repeat them: they are in no
	// trace, excerpt, status text or error. The Conn adds what is sent at log-in; nil: it begins with none.
	Secrets *redact.Secrets
	// Repaired gets every response that was repaired or left out. It is called
	// by the goroutine that reads, and must not wait for a command.
	Repaired func(Repair)
	// OnText gets every status text, which imapclient loses: kind is OK, NO, BAD, BYE or
	// PREAUTH, code the response code with its arguments ("ALERT", "MODIFIED 7,9", "" without), text
	// what follows, without secrets. It is called as Repaired is.
	OnText func(kind, code, text string, tagged bool)

	MaxLine    int // octets of one response without bodies; default 4 MiB, a SEARCH of half a million UIDs
	MaxLiteral int // octets of a literal that is not a body; default 1 MiB
	MaxHeld    int // octets of a body that may wait in memory for its UID; default 8 MiB
}

// withDefaults returns o with the bounds that were left open.
func (o Options) withDefaults() Options {
	o.Secrets = cmp.Or(o.Secrets, &redact.Secrets{})
	if o.Repaired == nil {
		o.Repaired = func(Repair) {}
	}
	if o.OnText == nil {
		o.OnText = func(string, string, string, bool) {}
	}
	o.MaxLine = cmp.Or(o.MaxLine, 4<<20)
	o.MaxLiteral = cmp.Or(o.MaxLiteral, 1<<20)
	o.MaxHeld = cmp.Or(o.MaxHeld, 8<<20)
	return o
}

// Repair is about one response that did not reach the client as it was sent.
type Repair struct {
	What    string // what was wrong and what was done, a fixed phrase
	Lost    bool   // something that the server sent did not reach the client
	Mailbox string // raw name of the one selected, "" none
	UID     uint32 // 0 unknown
	Excerpt string // of the response: cut, quoted, control characters escaped
}

// Line is one untagged answer to a command of ours.
type Line struct {
	Text     string   // without "* " and line end; a literal is in it as its header, {n}
	Literals [][]byte // contents of the literals, in order

	secrets *redact.Secrets
}

// Scan begins to read the answer.
func (l Line) Scan() grammar.Scanner { return grammar.Scan(l.Text, l.Literals) }

// Shown is Text without the secrets that the server repeats in it, for people.
func (l Line) Shown() string { return l.secrets.Hide(l.Text) }

// Answer is a tagged NO or BAD.
type Answer struct {
	Type string // "NO" or "BAD"
	Code string // the response code, upper case, with its arguments: "OVERQUOTA"; "" without
	Text string // what follows, without secrets
}

func (a *Answer) Error() string {
	s := "server answered " + a.Type
	if a.Code != "" {
		s += " [" + excerpt(a.Code, 60) + "]"
	}
	if a.Text != "" {
		s += " " + Quote(a.Text)
	}
	return s
}
