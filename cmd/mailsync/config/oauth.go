package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"mailsync/cmd/mailsync/providers"
	"mailsync/cmd/mailsync/secret"
)

// OAuth is where and how an account gets its tokens. What a provider is known for is filled in.
type OAuth struct {
	Provider string // a name of package providers, "" for one that the keys below describe

	AuthURL, TokenURL    string
	DeviceURL, RevokeURL string // "": the provider has none
	Scopes               []string
	Params               map[string]string // further parameters of the authorization request
	RedirectHost         string            // the name of this machine in the redirect, "" for 127.0.0.1
	RedirectPort         int               // 0: any that is free

	ClientID     string
	ClientSecret secret.Source // None: a public client
}

// oauthKeys are the keys of [accounts.NAME.oauth2] and of [defaults.oauth2].
func oauthKeys(o *OAuth) []key {
	return []key{
		{name: "provider", example: `"google"`, read: word(&o.Provider, providers.OAuthNames()...)},
		{name: "auth_url", example: `"https://login.example.org/authorize"`, read: set(&o.AuthURL, line, safeURL)},
		{name: "token_url", example: `"https://login.example.org/token"`, read: set(&o.TokenURL, line, safeURL)},
		{name: "device_url", example: `"https://login.example.org/device"`, read: set(&o.DeviceURL, line, safeURL)},
		{name: "revoke_url", example: `"https://login.example.org/revoke"`, read: set(&o.RevokeURL, line, safeURL)},
		{name: "scopes", example: `["https://mail.google.com/"]`, read: set(&o.Scopes, lines, readScopes)},
		{name: "client_id", example: `"1234.apps.example.org"`, read: set(&o.ClientID, line, asIs)},
		{name: "client_secret", example: `"…"`, read: literal(&o.ClientSecret)},
		{name: "client_secret_command", example: `["pass", "show", "mail/client"]`, read: command(&o.ClientSecret, "client_secret_command")},
		{name: "redirect_port", example: `0`, read: number(&o.RedirectPort, 0, 65535)},
	}
}

// safeURL takes an address to which secrets may be sent: over TLS, or to this machine.
func safeURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return "", fmt.Errorf(`%q is not an address for it; write one like "https://login.example.org/token"`, s)
	case u.Scheme == "http" && Loopback(u.Hostname()), u.Scheme == "https":
		return s, nil
	}
	return "", fmt.Errorf("%q would send secrets in plain text; use https, or http to this machine alone", s)
}

// readScopes takes scopes as RFC 6749 section 3.3 writes them.
func readScopes(list []string) ([]string, error) {
	for _, s := range list {
		if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			return nil, fmt.Errorf("%q is not a scope; write each in quotes of its own", s)
		}
	}
	return list, nil
}

// tokens checks how the account gets its tokens, once all its keys are read, and fills in what is
// known of its provider.
func (r *reading) tokens(own table, table toml.Key, line place) {
	a, at := r.account, table.String()
	_, asksPassword := own["auth"]
	switch hasTable := own.has("oauth2"); {
	case !a.Token.None() && (!asksPassword || a.Auth == "oauth2"):
		a.Auth = "oauth2" // a helper that prints tokens says it all
		if hasTable {
			r.add(r.place(below(table, "oauth2")), at+".oauth2", "token_command gets the tokens, so this table does nothing", "keep one of them")
		}
		a.OAuth = nil
	case a.Auth != "oauth2" && !a.Token.None():
		r.add(r.place(below(table, "auth")), at+".auth", `"password" takes no token_command`, `set auth = "oauth2", or take one of them out`)
	case a.Auth != "oauth2" && hasTable:
		r.add(r.place(below(table, "oauth2")), at+".oauth2", `does nothing with auth = "password"`, `set auth = "oauth2" in the account`)
	case a.Auth != "oauth2":
		a.OAuth = nil
	case a.OAuth == nil:
		r.add(line, at, `auth = "oauth2" needs a table [`+at+`.oauth2], or token_command`, `for example: provider = "google", and the client_id that you registered there`)
	default:
		if hasTable {
			line = r.place(below(table, "oauth2"))
		}
		r.oauth(at+".oauth2", line)
	}
	if a.Auth == "oauth2" {
		r.noPassword(own, table)
	}
}

// oauth checks what must be true of the table's keys together.
func (r *reading) oauth(at string, line place) {
	o := r.account.OAuth
	if known, ok := providers.OAuthOf(o.Provider); ok {
		o.complete(known, r.account.Protocol)
		if known.NeedsSecret && o.ClientSecret.None() && !r.failed(at) {
			r.add(line, at, o.Provider+" wants the client's secret", "set client_secret_command, or client_secret in a file that only you can read")
		}
	}
	need := func(name, value, why string) {
		if value == "" && !r.tried[name] && !r.failed(at) {
			k := find(oauthKeys(o), name)
			r.add(line, at, name+" is missing"+why, fmt.Sprintf("for example: %s = %s", name, k.example))
		}
	}
	need("token_url", o.TokenURL, ", and no provider is set")
	if o.DeviceURL == "" {
		need("auth_url", o.AuthURL, ", and no device_url is set")
	}
	need("client_id", o.ClientID, "; register a client with the provider, which gives you one")
	if o.ClientSecret.Literal != (secret.Secret{}) && len(o.ClientSecret.Command) > 0 {
		r.add(line, at, "has several secrets: client_secret, client_secret_command", "keep one of them")
	}
}

// failed reports whether something about a table is wrong already, so that what is missing may follow from it.
func (r *reading) failed(at string) bool {
	return slices.ContainsFunc(r.problems[r.began:], func(p Problem) bool { return strings.HasPrefix(p.Key, at+".") })
}

// complete fills in what is known of the provider and was not set.
func (o *OAuth) complete(known providers.OAuth, protocol string) {
	for at, value := range map[*string]string{
		&o.AuthURL: known.AuthURL, &o.TokenURL: known.TokenURL, &o.DeviceURL: known.DeviceURL,
		&o.RevokeURL: known.RevokeURL, &o.RedirectHost: known.RedirectHost,
	} {
		if *at == "" {
			*at = value
		}
	}
	if o.Scopes == nil {
		o.Scopes = known.Scopes[protocol]
	}
	o.Params = known.Params
}

// noPassword reports a password that an account with tokens has, and drops one that is a default's.
func (r *reading) noPassword(own table, at toml.Key) {
	r.account.Password, r.keyring = secret.Source{}, false
	for _, k := range r.keysOf(accountTable) {
		if k.source && k.name != "token_command" && own.has(k.name) && !r.isFalse(own[k.name]) {
			r.add(r.place(below(at, k.name)), at.String()+"."+k.name, `a password is not used with auth = "oauth2"`, "take it out")
		}
	}
}

// oauth returns the account's table for tokens, made at first use.
func (a *Account) oauth() *OAuth {
	if a.OAuth == nil {
		a.OAuth = &OAuth{}
	}
	return a.OAuth
}

// literal is a reader for a secret that is written in the configuration. It is refused where others
// can read the file.
func literal(at *secret.Source) reader {
	return func(r *reading, value any) error {
		s, err := as[string](value, "a string")
		switch {
		case err != nil:
			return err
		case s == "":
			return errors.New("is empty")
		}
		if err := r.readByOthers(); err != nil {
			return err
		}
		at.Literal = secret.New(s)
		return nil
	}
}

// readByOthers is the error for a secret in a file that others can read, nil where they cannot.
func (r *reading) readByOthers() error {
	if r.from == nil || r.from.mode&0o077 == 0 { // a flag's value is in no file
		return nil
	}
	return fmt.Errorf("group or others can read this file (mode %04o); chmod 600 %s", r.from.mode.Perm(), r.from.file)
}

// command is a reader for the argv of a command that prints a secret.
func command(at *secret.Source, name string) reader {
	return func(r *reading, value any) error {
		argv, err := readArgv(r, value)
		at.Command, at.Key = argv, name
		return err
	}
}
