package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// handshakeFault is Fault for a handshake that failed. asked means that the server asked for a client
// certificate in it.
func (s *Server) handshakeFault(err error, asked bool) error {
	doing := "TLS with " + s.Addr()
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return s.certificateFault(doing, e)
	}
	if ended, ok := errors.AsType[*TunnelEnded](err); ok {
		return ended
	}
	var record tls.RecordHeaderError
	v := alerted(err)
	switch {
	case errors.As(err, &record):
		v = s.notTLS(record)
	case asked && v != nil && v.ofClient:
		v = clientRefused
	case HungUp(err):
		v = &verdict{what: "the connection was closed in the middle of the handshake",
			tip: "check that port and tls fit each other; a firewall or a virus scanner may also cut connections, or the server does not let this machine in"}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		v = &verdict{what: fmt.Sprintf("no answer within %v", s.Timeout),
			tip: "the server is down or slow, a firewall drops the connection, or the port does not speak TLS"}
	case v == nil:
		return Fault(doing, err)
	}
	return v.fault(doing, err)
}

// notTLS is the verdict on an answer that is no record of TLS.
func (s *Server) notTLS(e tls.RecordHeaderError) *verdict {
	begins := string(e.RecordHeader[:])
	if s.TLS == StartTLS {
		return &verdict{what: fmt.Sprintf("the answer after %s is not TLS, it begins %s", s.protocol.StartTLS, Quoted(begins)),
			tip: "the server is out of order, or something in between is; try " + s.by(Implicit)}
	}
	v := &verdict{what: "the port does not speak TLS, its answer begins " + Quoted(begins)}
	pop := s.protocol.Implicit == 995
	switch {
	case s.Tunnel != nil:
		v.what = "what the tunnel's program connects to does not speak TLS, its answer begins " + Quoted(begins)
		v.tip = `tls = "none" or "starttls" may be right: the program may speak TLS itself, or be the server`
	case strings.HasPrefix(begins, "HTTP"), strings.HasPrefix(begins, "<"):
		v.tip = "a web server answers there: check host and port"
	case strings.HasPrefix(begins, "220"):
		v.tip = "a server for sending mail answers there: check host and port"
	case strings.HasPrefix(begins, "+OK") && s.protocol.Implicit == 993:
		v.tip = "a POP3 server answers there: check port and protocol"
	case strings.HasPrefix(begins, "* ") && pop:
		v.tip = "an IMAP server answers there: check port and protocol"
	default:
		v.tip = "plain text is answered there, as on port 143 of IMAP and 110 of POP3: " + s.by(StartTLS) + " may be right"
	}
	return v
}

// by is how the user asks for a kind of TLS.
func (s *Server) by(mode TLSMode) string {
	if !s.ByFlags {
		text := fmt.Sprintf("tls = %q", string(mode))
		if mode == Implicit && s.protocol.Implicit != 0 {
			text += fmt.Sprintf(" (port %d)", s.protocol.Implicit)
		}
		return text
	}
	scheme := "imap"
	if s.protocol.Implicit == 995 {
		scheme = "pop3"
	}
	if mode == Implicit {
		scheme += "s"
	}
	return fmt.Sprintf("--url %s://…", scheme)
}

// SpeaksTLS is a hint for a server that is silent, or hangs up, where it should greet in plain
// text: it may expect TLS. "" where TLS is on already.
func (s *Server) SpeaksTLS() string {
	if s.TLS == Implicit {
		return ""
	}
	return "the port may speak TLS from the first byte: " + s.by(Implicit) + " may be right"
}

// clientRefused is the verdict of a server that asks for a client certificate and gets none, or not one that it
// takes.
var clientRefused = &verdict{what: "the server asks for a client certificate, and does not accept what it got",
	tip: "set tls_cert and tls_key to the certificate and the key that its operator gave you"}

// alerts are the TLS alerts, the server's or ours, and what they mean. crypto/tls names those of RFC 8446 section 6
// only in its texts.
var alerts = []struct {
	verdict
	texts []string
}{
	{verdict{what: "the server has no TLS version in common with mailsync, which needs 1.2 or newer",
		tip: "older versions are not safe: its operator has to offer a newer one"},
		[]string{"protocol version not supported"}},
	{verdict{what: "the server and mailsync have no safe cipher in common",
		tip: "the server's TLS is too old or set up wrongly: its operator has to offer safe ciphers", ofClient: true},
		[]string{"handshake failure", "insufficient security level", "server chose an unconfigured cipher suite", "server selected unsupported"}},
	{verdict{what: "the server does not answer to this name", tip: "use the name that the provider gives as host"},
		[]string{"unrecognized name"}},
	{*clientRefused, []string{"certificate required"}},
	{verdict{what: "the server refuses the client certificate", tip: clientRefused.tip, ofClient: true},
		[]string{"bad certificate", "unknown certificate authority", "unsupported certificate", "expired certificate", "revoked certificate", "unknown certificate", "access denied"}},
	{verdict{what: "the server's key is too weak to be safe", tip: "its operator has to make a longer one"},
		[]string{"keys are insecure"}},
	{verdict{what: "the server's TLS is out of order", tip: "try again later; if it stays so, ask its operator"},
		[]string{"internal error", "decode error", "illegal parameter", "unexpected message", "error decoding message", "error decrypting message", "bad record MAC"}},
}

// alerted finds out what a TLS alert means; nil for any other error. With TLS 1.3 one may arrive when the
// handshake has ended for us.
func alerted(err error) *verdict {
	text := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok { // whatever was made of its words since
		text = op.Error()
	}
	at := strings.Index(text, "tls: ")
	if at < 0 {
		if strings.Contains(text, "crypto/rsa:") {
			at = 0
		} else {
			return nil
		}
	}
	text = text[at:]
	if _, number, ok := strings.Cut(text, "server selected unsupported protocol version "); ok {
		return &verdict{what: fmt.Sprintf("the server is too old: it offers %s, and mailsync needs TLS 1.2 or newer", versionOf(number)),
			tip: "older versions are not safe: its operator has to offer a newer one"}
	}
	for i := range alerts {
		for _, words := range alerts[i].texts {
			if strings.Contains(text, words) {
				return &alerts[i].verdict
			}
		}
	}
	return nil
}

// Alert is the fault of a connection that a TLS alert ended; nil for any other error.
func Alert(doing string, err error) error {
	v := alerted(err)
	if v == nil {
		return nil
	}
	return v.fault(doing, err)
}

// versionOf names a version of TLS by its number in hexadecimal.
func versionOf(number string) string {
	switch {
	case strings.HasPrefix(number, "300"):
		return "SSL 3.0"
	case strings.HasPrefix(number, "301"):
		return "TLS 1.0"
	case strings.HasPrefix(number, "302"):
		return "TLS 1.1"
	}
	return "an unknown version of TLS"
}
