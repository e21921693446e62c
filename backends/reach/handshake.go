package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"mailsync/state"
)

// handshakeFault is Fault for a handshake that failed.
func (s *Server) handshakeFault(err error) error {
	doing := "TLS with " + s.Addr()
	if tip := s.handshakeHint(err); tip != "" && state.KindOf(err) == state.Other {
		return state.Faultf(state.Unreachable, "%s: %w", doing, err).WithHint("%s", tip)
	}
	return Fault(doing, err)
}

// handshakeHint says what to do about a handshake that the two ends could not agree on, "" where
// that is not what failed.
func (s *Server) handshakeHint(err error) string {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && s.TLS == StartTLS:
		return `what came after STARTTLS is not TLS: something in between may be in the way; tls = "implicit" may do`
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the server broke off while TLS was begun: see that port and tls fit each other, and that it lets this machine connect"
	}
	return AlertHint(err)
}

// AlertHint says what to do about a TLS alert, the server's or ours; "" for any other error. With
// TLS 1.3 one may come when the handshake has ended for us. crypto/tls names the alerts of RFC 8446
// section 6 in its texts alone.
func AlertHint(err error) string {
	const operator = ": tell its operator"
	says := func(texts ...string) bool {
		for _, text := range texts {
			if strings.Contains(err.Error(), "tls: "+text) {
				return true
			}
		}
		return false
	}
	switch {
	case says("protocol version not supported", "server selected unsupported protocol version"):
		return "the server does not offer TLS 1.2 or newer, and older versions are not safe" + operator
	case says("handshake failure", "insufficient security level", "server chose an unconfigured cipher suite"):
		return "the server has no safe TLS cipher in common with mailsync" + operator
	case says("unrecognized name"):
		return "the server does not answer to this name: use the name that the provider gives as host"
	case says("certificate required"):
		return "the server asks for a client certificate, and mailsync has none to show"
	case says("internal error", "decode error", "illegal parameter", "unexpected message"):
		return "the server's TLS is not set up right, or does not speak as it should" + operator
	}
	return ""
}

// NoStartTLS is the error for a server that does not offer to begin TLS.
func (s *Server) NoStartTLS() error {
	return state.Faultf(state.Unreachable, "server does not offer %s", s.protocol.StartTLS).
		WithHint("%s; somebody in between may also have taken it out", s.useImplicit())
}

// StartTLSRefused is the error for a server that does not begin TLS although it offered to.
func (s *Server) StartTLSRefused(answer error) error {
	return state.Faultf(state.Unreachable, "%s: %w", s.protocol.StartTLS, answer).WithHint("%s", s.useImplicit())
}

func (s *Server) useImplicit() string {
	return fmt.Sprintf(`use tls = "implicit" (port %d)`, s.protocol.Implicit)
}

// Upgrade puts TLS on a connection on which server and client agreed to begin it. ahead is what the
// server sent beyond that: it would be taken for the safe server's (CVE-2011-0411), and must be
// nothing. A connection that does not become safe is closed.
func (s *Server) Upgrade(ctx context.Context, conn net.Conn, ahead int) (net.Conn, error) {
	if ahead > 0 {
		conn.Close()
		return nil, state.Faultf(state.Unreachable, "%s: server sent %d octets ahead of the handshake", s.protocol.StartTLS, ahead).
			WithHint("somebody may be injecting answers: do not use this network")
	}
	return s.Handshake(ctx, conn)
}

// NoGreeting is the error for a server that closed the connection before it said a word. tip is
// what else it may be, "" nothing.
func (s *Server) NoGreeting(err error, tip string) error {
	hint := "it may not be " + s.protocol.Name + " port, or the server allows no more connections"
	if tip != "" {
		hint += "; or " + tip
	}
	return state.Faultf(state.Unreachable, "%s closed the connection without a greeting (%w)", s.Addr(), err).WithHint("%s", hint)
}

// SpeaksTLS is a hint for a server that is silent, or hangs up, where it should greet in plain
// text: then it may wait for TLS. "" where TLS is there already.
func (s *Server) SpeaksTLS() string {
	if s.TLS == Implicit {
		return ""
	}
	return `the port may speak TLS from the first byte: tls = "implicit", with port 993 for IMAP and 995 for POP3, may be right`
}
