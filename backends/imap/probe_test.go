package imap

import (
	"crypto/tls"
	"errors"
	"slices"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// A probe tells how far it came, whatever ends it.
func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		answers script.Answers
		want    state.Probe
		kind    state.Kind // 0: no error
	}{
		"all is well":     {nil, state.Probe{Greeted: true, LoggedIn: true}, 0},
		"busy":            {script.Answers{"GREETING": answer("* BYE [UNAVAILABLE] later")}, state.Probe{}, state.Unreachable},
		"log-in refused":  {script.Answers{"AUTHENTICATE": answer("$tag NO no"), "LOGIN": answer("$tag NO no")}, state.Probe{Greeted: true}, state.Login},
		"too many logins": {script.Answers{"AUTHENTICATE": answer("$tag NO [LIMIT] too many")}, state.Probe{Greeted: true}, state.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), c.answers))
			a := account(t, options(srv))
			p, err := a.Probe(t.Context())
			if (err != nil) != (c.kind != 0) || err != nil && state.KindOf(err) != c.kind {
				t.Errorf("error %v of kind %d", err, state.KindOf(err))
			}
			if p.Greeted != c.want.Greeted || p.LoggedIn != c.want.LoggedIn || p.Address != srv.Addr() || p.TLS != nil {
				t.Errorf("%+v", p)
			}
			if p.LoggedIn && !slices.Contains(p.Capabilities, "CONDSTORE") {
				t.Errorf("capabilities %v", p.Capabilities)
			}
		})
	}
}

// The certificate is seen whether or not it is trusted.
func TestProbeTLS(t *testing.T) {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	for _, mode := range []reach.TLSMode{reach.Implicit, reach.StartTLS} {
		probeTLS(t, meet(srv, mode), true)
		probeTLS(t, meet(srv, mode), false)
	}
}

func probeTLS(t *testing.T, o Options, trusted bool) {
	t.Helper()
	if !trusted {
		o.RootCAs = nil
	}
	p, err := account(t, o).Probe(t.Context())
	var unverified *tls.CertificateVerificationError
	switch {
	case trusted && (err != nil || p.TLS == nil || len(p.TLS.PeerCertificates) == 0 || !p.LoggedIn):
		t.Errorf("%s, trusted: %v, %+v", o.TLS, err, p)
	case !trusted && (!errors.As(err, &unverified) || len(unverified.UnverifiedCertificates) == 0 || p.Address == "" || p.TLS != nil):
		t.Errorf("%s, not trusted: %v, %+v", o.TLS, err, p)
	}
}
