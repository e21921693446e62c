package reach

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
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
	f = state.Faultf(state.Unreachable, "%s: %w", doing, err)
	if tip := hint(err); tip != "" {
		return f.WithHint("%s", tip)
	}
	return f
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
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		slow    net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host: check its spelling, and that this machine has a name server"
	case errors.As(err, &dns):
		return "the name server did not answer: is this machine online?"
	case errors.As(err, &unknown):
		return "the certificate's issuer is not trusted: set tls_ca to its PEM file, or tls_pins for a self-signed one"
	case errors.As(err, &name):
		return "the certificate is for another name: use the name that the provider gives as host, or tls_pins"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate is out of date: check this machine's clock, then ask the server's operator"
	case errors.As(err, &invalid):
		return "the certificate is not valid for a server: ask its operator, or use tls_pins"
	case errors.As(err, &record):
		return `the port does not speak TLS: tls = "starttls", with port 143 for IMAP and 110 for POP3, may be right`
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaRefused):
		return "nothing listens there: check host and port, and whether a firewall is in between"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "no answer within the timeout: the server is down or slow, or a firewall drops the connection"
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
