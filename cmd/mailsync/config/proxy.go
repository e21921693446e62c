package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"mailsync/cmd/mailsync/secret"
)

// Proxy is a SOCKS5 proxy.
type Proxy struct {
	Addr     string // host:port
	User     string // "": the proxy wants none
	Password secret.Secret
}

// defaultProxyPort is SOCKS' registered port.
const defaultProxyPort = 1080

// proxy reads the URL of a proxy. With a password in it, it is refused where others can read the file. Errors
// repeat nothing of it.
func proxy(r *reading, value any) error {
	text, err := line(value)
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || !strings.Contains(text, "://") {
		return errors.New(`is not the URL of a proxy; write "socks5://host:port"`)
	}
	if u.Scheme != "socks5" && u.Scheme != "socks5h" { // curl's name for one that looks up names
		return fmt.Errorf(`%q is not a kind of proxy that is known; write "socks5://host:port"`, u.Scheme)
	}
	if u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New(`is not a host and a port; write "socks5://host:port"`)
	}
	port, err := portOf(u, defaultProxyPort)
	if err != nil {
		return err
	}
	p := &Proxy{Addr: net.JoinHostPort(u.Hostname(), strconv.Itoa(port))}
	if u.User != nil {
		password, has := u.User.Password()
		p.User, p.Password = u.User.Username(), secret.New(password)
		open := r.readByOthers()
		switch {
		case p.User == "" || !has || password == "":
			return errors.New(`has a user without a password, or none; write "socks5://user:password@host:port"`)
		case len(p.User) > 255 || len(password) > 255:
			return errors.New("its user or password is longer than a proxy takes")
		case open != nil:
			return fmt.Errorf("holds a password, and %w", open)
		}
	}
	r.account.Proxy = p
	return nil
}

func tunnelCommand(r *reading, value any) (err error) {
	r.account.TunnelCommand, err = readArgv(r, value)
	return err
}

// checkWay checks what must be true of the keys that say how the server is reached.
func (r *reading) checkWay(at string) {
	a := r.account
	wrong := func(key, what, cure string) { r.add(r.set[key], at+"."+key, what, cure) }
	tunnel := len(a.TunnelCommand) > 0
	if tunnel && a.Proxy != nil {
		wrong("tunnel_command", "needs no proxy, and proxy is set", "keep one of the two")
	}
	if tunnel && r.set["port"].line > 0 {
		wrong("port", "does not apply with tunnel_command, whose program connects", "take it out")
	}
	if a.TLSKey != "" && a.TLSCert == "" && !r.tried["tls_cert"] {
		wrong("tls_key", "is set without tls_cert", "set tls_cert to the certificate's PEM file; if that holds the key too, tls_key is not needed")
	}
	if a.TLS != "none" {
		return
	}
	if !a.Insecure && !tunnel && a.Host != "" && (a.Proxy != nil || !Loopback(a.Host)) {
		wrong("tls", fmt.Sprintf("%q would send the password to %s in plain text", "none", a.Host),
			`use "implicit" or "starttls", or insecure = true if you must`)
	}
	if a.TLSCA != "" || len(a.TLSPins) > 0 || a.TLSCert != "" {
		wrong("tls", `"none" uses no certificate, and tls_ca, tls_pins or tls_cert is set`, `use "implicit" or "starttls", or take them out`)
	}
}
