package main

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"os"
	"sync"

	backend "mailsync/backends/reach"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

// transport is how an account's server is reached: address, TLS, proxy, tunnel.
func (r *accountRun) transport() (backend.Server, error) {
	a := r.a
	s := backend.Server{Host: a.Host, Port: a.Port, TLS: backend.TLSMode(a.TLS), Pins: a.TLSPins,
		Insecure: a.Insecure, Timeout: a.Timeout, ByFlags: r.fileOf == nil, Gate: r.gate()}
	if a.TLSCA != "" {
		var err error
		if s.RootCAs, err = os.ReadFile(a.TLSCA); err != nil {
			return s, state.Faultf(state.Usage, "tls_ca: %w", err)
		}
	}
	if len(a.TunnelCommand) > 0 {
		s.Tunnel = &backend.Tunnel{Command: a.TunnelCommand, Said: r.fromTunnel()}
		r.tunnels = append(r.tunnels, s.Tunnel)
	}
	if p := a.Proxy; p != nil {
		s.Proxy = &backend.Proxy{Addr: p.Addr, User: p.User, Password: p.Password.Reveal()}
	}
	var err error
	s.Certificate, err = clientCertificate(a)
	return s, err
}

// fromTunnel shows what a tunnel's program says, the same text once: each connection has a program of its own.
func (r *accountRun) fromTunnel() func(string) {
	var said sync.Map
	return func(text string) {
		if _, before := said.LoadOrStore(text, true); !before {
			r.out.Note("", "tunnel_command: "+text, "")
		}
	}
}

// clientCertificate reads what tls_cert and tls_key name: PEM files, which may be one; nil where they name none.
func clientCertificate(a *config.Account) (*tls.Certificate, error) {
	if a.TLSCert == "" {
		return nil, nil
	}
	keyFile, key := a.TLSKey, "tls_key"
	if keyFile == "" {
		keyFile, key = a.TLSCert, "tls_cert"
	}
	private, err := secret.ReadPrivate(key, keyFile)
	if err != nil {
		return nil, err
	}
	public, err := os.ReadFile(a.TLSCert)
	if err != nil {
		return nil, state.Faultf(state.Usage, "tls_cert: %w", err)
	}
	pair, err := tls.X509KeyPair(public, private)
	if err == nil {
		return &pair, nil
	}
	blocks := kindsOfPEM(private)
	switch {
	case !kindsOfPEM(public)["CERTIFICATE"]:
		return nil, state.Faultf(state.Usage, "tls_cert: %s holds no certificate", a.TLSCert).WithHint("it must be a PEM file with BEGIN CERTIFICATE")
	case blocks["ENCRYPTED PRIVATE KEY"], bytes.Contains(private, []byte("Proc-Type: 4,ENCRYPTED")):
		return nil, state.Faultf(state.Usage, "%s: the key in %s is encrypted", key, keyFile).
			WithHint("mailsync does not ask for its passphrase: write it unencrypted into a file that only you can read (openssl pkey -in OLD -out NEW)")
	case !blocks["PRIVATE KEY"] && !blocks["RSA PRIVATE KEY"] && !blocks["EC PRIVATE KEY"]:
		return nil, state.Faultf(state.Usage, "%s: %s holds no private key", key, keyFile).
			WithHint("it must be a PEM file with BEGIN PRIVATE KEY; one that has certificate and key does for both, with tls_cert alone")
	}
	return nil, state.Faultf(state.Usage, "tls_cert: the key in %s is not that of the certificate in %s", keyFile, a.TLSCert).
		WithHint("your own certificate comes first in tls_cert, its issuers follow")
}

// kindsOfPEM are the kinds of block that a PEM file has.
func kindsOfPEM(text []byte) map[string]bool {
	kinds := map[string]bool{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		kinds[block.Type] = true
	}
	return kinds
}
