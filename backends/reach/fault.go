package reach

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"mailsync/backends/redact"
	"mailsync/state"
)

// Fault gives an error of the network its kind, a sentence and a hint. An error that has a
// kind keeps it; one that was unreachable, without a hint, gets that of a lost connection.
func Fault(doing string, err error) error {
	var f *state.Fault
	if errors.As(err, &f) {
		if f.Kind != state.Unreachable || f.Tip != "" {
			return err
		}
		return state.Faultf(f.Kind, "%w", err).
			WithHint("the connection was lost: run it again, it goes on where it stopped")
	}
	if alert := Alert(doing, err); alert != nil {
		return alert
	}
	f = state.Faultf(state.Unreachable, "%s: %w", doing, plain(err))
	if tip := hint(err); tip != "" {
		return f.WithHint("%s", tip)
	}
	return f
}

// plain is an error of a connection in words that a user knows.
func plain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return state.InWords(err, "connection closed by the other side")
	}
	if _, text, ok := strings.Cut(err.Error(), "tls: "); ok {
		return state.InWords(err, "TLS: %s", text)
	}
	return state.Plain(err)
}

// HungUp reports whether the other side ended a connection that had begun.
func HungUp(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Interrupted reports whether a connection that had begun ended or timed out, as against one that was never
// made.
func Interrupted(err error) bool { return HungUp(err) || errors.Is(err, os.ErrDeadlineExceeded) }

// wsaRefused is ECONNREFUSED on Windows. No other system has so high a number.
const wsaRefused = syscall.Errno(10061)

func hint(err error) string {
	var (
		dns  *net.DNSError
		slow net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "check the host's spelling, and that this machine has a name server"
	case errors.As(err, &dns):
		return "is this machine online?"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaRefused):
		return "nothing listens there: check host and port, and whether a firewall is in between"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "is this machine online?"
	case errors.Is(err, syscall.ECONNRESET):
		return "the server does not let this machine in, or a firewall or a virus scanner cuts the connection"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "the server is down or slow, or a firewall drops the connection"
	}
	return ""
}

// Quoted makes a server's text fit to be shown: one line, quoted, control characters
// escaped, cut to a sensible length. Of nothing it makes nothing.
func Quoted(s string) string {
	if s == "" {
		return ""
	}
	return strconv.QuoteToGraphic(redact.Cut(s, maxShown))
}

// Clean is Quoted without the quotes.
func Clean(s string) string {
	q := strconv.QuoteToGraphic(redact.Cut(s, maxShown))
	return q[1 : len(q)-1]
}

const maxShown = 200
