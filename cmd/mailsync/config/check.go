package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// checkAccount looks at what must be true of an account's keys together, once each is
// right for itself.
func (r *reading) checkAccount(key toml.Key, line int) {
	a, at := r.account, key.String()
	need := func(name string, has bool) {
		if k := find(accountKeys, name); !has && !r.tried[name] {
			r.add(line, at, name+" is missing", fmt.Sprintf("for example: %s = %s", name, k.example))
		}
	}
	need("host", a.Host != "")
	need("user", a.User != "")
	need("maildir", a.Maildir != "")
	if r.keyring {
		a.Password.Keyring = a.User + "@" + a.Host
	}
	if a.Password.None() && !r.triedSource() {
		r.add(line, at, "has no password", "set "+strings.Join(builtSources(), ", ")+
			` (for example: password_command = ["pass", "show", "mail/work"])`)
	}
	if a.Port == 0 {
		a.Port = defaultPort(a.Protocol, a.TLS)
	}
	if a.TLS == "none" && !a.Insecure && a.Host != "" && !Loopback(a.Host) {
		r.add(r.lines[a.Name+".tls"], at+".tls", fmt.Sprintf("%q would send the password to %s in plain text", "none", a.Host),
			`use "implicit" or "starttls", or insecure = true if you must`)
	}
	if a.TLS == "none" && (a.TLSCA != "" || len(a.TLSPins) > 0) {
		r.add(r.lines[a.Name+".tls"], at+".tls", `"none" checks no certificate, and tls_ca or tls_pins is set`,
			`use "implicit" or "starttls", or take them out`)
	}
}

// oneSource complains where a table names several places for one password.
func (r *reading) oneSource(t table, at toml.Key) {
	var set []string
	line := 0
	for _, name := range r.order(t, at) {
		if k := find(accountKeys, name); k != nil && k.source && !r.isFalse(t[name]) {
			set = append(set, name)
			line = r.line(t[name])
		}
	}
	if len(set) > 1 {
		r.add(line, at.String(), "has several passwords: "+strings.Join(set, ", "), "keep one of them")
	}
}

// isFalse reports whether a value is false: such a source is none.
func (r *reading) isFalse(prim toml.Primitive) bool {
	var yes bool
	return r.meta.PrimitiveDecode(prim, &yes) == nil && !yes
}

// triedSource reports whether the account has a password source that was complained of.
func (r *reading) triedSource() bool {
	return slices.ContainsFunc(accountKeys, func(k key) bool { return k.source && r.tried[k.name] })
}

func builtSources() []string {
	var out []string
	for _, k := range accountKeys {
		if k.source {
			out = append(out, k.name)
		}
	}
	out[len(out)-1] = "or " + out[len(out)-1]
	return out
}

// Loopback reports whether a host, by its name or address alone, is this machine
// (RFC 6761 section 6.3).
func Loopback(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
