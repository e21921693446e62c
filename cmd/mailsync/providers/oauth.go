package providers

import (
	"maps"
	"slices"
)

// OAuth is where and how a provider gives out tokens of OAuth 2.0 for mail. No provider has a client
// id of ours: users register their own.
type OAuth struct {
	Name string // as the key oauth2.provider has it

	AuthURL   string // authorization endpoint (RFC 6749 section 3.1)
	TokenURL  string // token endpoint (RFC 6749 section 3.2)
	DeviceURL string // device authorization endpoint (RFC 8628 section 3.1); "": not for mail
	RevokeURL string // revocation endpoint (RFC 7009); "": there is none

	Scopes map[string][]string // by protocol, "imap" and "pop3"
	Params map[string]string   // further parameters of the authorization request

	// RedirectHost is the name of this machine that the provider takes in a loopback redirect; ""
	// means 127.0.0.1, as RFC 8252 section 8.3 recommends.
	RedirectHost string
	// NeedsSecret: the token endpoint refuses a client without its secret, whatever PKCE says.
	NeedsSecret bool

	Note    string // what users have to know before they log in, one sentence; "" for nothing
	Sources []string
	Checked string // the date of the sources, as 2006-01-02
}

// oauths are the providers that are known, by name.
var oauths = []OAuth{
	{
		Name:      "google",
		AuthURL:   "https://accounts.google.com/o/oauth2/v2/auth",
		TokenURL:  "https://oauth2.googleapis.com/token",
		RevokeURL: "https://oauth2.googleapis.com/revoke",
		Scopes:    map[string][]string{"imap": {"https://mail.google.com/"}, "pop3": {"https://mail.google.com/"}},
		// Without these two a second log-in yields no refresh token.
		Params:      map[string]string{"access_type": "offline", "prompt": "consent"},
		NeedsSecret: true,
		Note: "Google does not offer mail by device code, and where the client is still in testing a log-in ends after 7 days: " +
			"publish it in the console",
		Sources: []string{
			"https://accounts.google.com/.well-known/openid-configuration",
			"https://developers.google.com/workspace/gmail/imap/xoauth2-protocol",
			"https://developers.google.com/identity/protocols/oauth2/native-app",
			"https://developers.google.com/identity/protocols/oauth2/limited-input-device#allowedscopes",
			"https://developers.google.com/identity/protocols/oauth2#expiration",
		},
		Checked: "2026-11-30",
	},
	microsoft("microsoft", "common", "any account of Microsoft; with a client of one organization use its tenant id: see auth_url in the reference"),
	microsoft("microsoft-personal", "consumers", "personal accounts (outlook.com, hotmail.com, live.com) only"),
	microsoft("microsoft-work", "organizations", "accounts of organizations (Microsoft 365) only; some want an administrator's consent first"),
	yahoo("yahoo", "https://api.login.yahoo.com"),
	yahoo("aol", "https://api.login.aol.com"),
	{
		Name:         "fastmail",
		AuthURL:      "https://api.fastmail.com/oauth/authorize",
		TokenURL:     "https://api.fastmail.com/oauth/refresh",
		RevokeURL:    "https://api.fastmail.com/oauth/revoke",
		RedirectHost: "localhost",
		Scopes: map[string][]string{
			"imap": {"https://www.fastmail.com/dev/protocol-imap", "offline_access"},
			"pop3": {"https://www.fastmail.com/dev/protocol-pop", "offline_access"},
		},
		Note:    "Fastmail registers clients by hand; an app password is the simpler way",
		Sources: []string{"https://www.fastmail.com/for-developers/oauth/"},
		Checked: "2026-11-30",
	},
}

// microsoft is the identity platform for one audience, which is part of its addresses. It has no
// revocation endpoint: access is withdrawn on a page of the account.
func microsoft(name, tenant, who string) OAuth {
	base := "https://login.microsoftonline.com/" + tenant + "/oauth2/v2.0/"
	return OAuth{
		Name:      name,
		AuthURL:   base + "authorize",
		TokenURL:  base + "token",
		DeviceURL: base + "devicecode",
		// The port of a registered http://localhost is ignored; one of 127.0.0.1 cannot be registered in the portal.
		RedirectHost: "localhost",
		Scopes: map[string][]string{
			"imap": {"https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"},
			"pop3": {"https://outlook.office.com/POP.AccessAsUser.All", "offline_access"},
		},
		Note: who,
		Sources: []string{
			"https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
			"https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow",
			"https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-device-code",
			"https://learn.microsoft.com/en-us/entra/identity-platform/reply-url#localhost-exceptions",
		},
		Checked: "2026-11-30",
	}
}

// yahoo is Yahoo, under one of its two names.
func yahoo(name, base string) OAuth {
	return OAuth{
		Name:        name,
		AuthURL:     base + "/oauth2/request_auth",
		TokenURL:    base + "/oauth2/get_token",
		RevokeURL:   base + "/oauth2/revoke",
		Scopes:      map[string][]string{"imap": {"mail-w"}, "pop3": {"mail-w"}},
		NeedsSecret: true,
		Note:        "Yahoo gives mail only to clients that it has approved, and takes no plain http redirect from others; an app password is the simpler way",
		Sources: []string{
			base + "/.well-known/openid-configuration",
			"https://senders.yahooinc.com/developer/documentation",
		},
		Checked: "2026-11-30",
	}
}

// OAuthOf returns what is known of the tokens of a provider.
func OAuthOf(name string) (OAuth, bool) {
	i := slices.IndexFunc(oauths, func(o OAuth) bool { return o.Name == name })
	if i < 0 {
		return OAuth{}, false
	}
	found := oauths[i]
	found.Scopes, found.Params, found.Sources = maps.Clone(found.Scopes), maps.Clone(found.Params), slices.Clone(found.Sources)
	return found, true
}

// OAuthNames are the names that OAuthOf knows.
func OAuthNames() []string {
	names := make([]string, len(oauths))
	for i, o := range oauths {
		names[i] = o.Name
	}
	return names
}
