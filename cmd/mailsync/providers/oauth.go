package providers

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

// Files of repositories in which several providers' addresses were read, at the commit that was read.
const (
	thunderbird = "https://github.com/mozilla/releases-comm-central/blob/cf9726f56328e24a2cd2d24eaf01563c676a28e6/mailnews/base/src/OAuth2Providers.sys.mjs"
	oauth2Proxy = "https://github.com/simonrob/email-oauth2-proxy/blob/5682d7554ff0c20d13e25f825e7960495cc074cb/emailproxy.config"
	entraDocs   = "https://github.com/MicrosoftDocs/entra-docs/blob/"
)

// oauths are the providers that are known.
func oauths() []OAuth {
	return []OAuth{
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
				"https://github.com/googleapis/google-auth-library-nodejs/blob/021b96910a67bfa373b38ea8afbedd31b405da0f/src/auth/oauth2client.ts", // addresses
				"https://developers.google.com/workspace/gmail/imap/xoauth2-protocol",                                                             // scope
				"https://developers.google.com/identity/protocols/oauth2/native-app",
				"https://developers.google.com/identity/protocols/oauth2/resources/loopback-migration",
				"https://github.com/google/site-kit-wp/issues/690",  // prompt=consent
				"https://github.com/openabdev/openab/pull/1455",     // the secret
				"https://github.com/brockamer/findajob/issues/115",  // no device code
				"https://support.google.com/cloud/answer/15549945",  // 7 days
				"https://github.com/tarickb/sasl-xoauth2/issues/29", // not once it is published
				"https://github.com/rclone/rclone/pull/9858",        // what it takes to publish it
			},
			Checked: checked,
		},
		microsoft("microsoft", "common", "any account of Microsoft; a client of one organization needs its tenant id: see auth_url in the reference"),
		microsoft("microsoft-personal", "consumers", "this is for personal accounts only (outlook.com, hotmail.com, live.com)"),
		microsoft("microsoft-work", "organizations", "this is for accounts of organizations only (Microsoft 365); some want an administrator's consent first, and a client of one organization needs its tenant id: see auth_url in the reference"),
		yahoo("yahoo"), yahoo("aol"),
		{
			Name:         "fastmail",
			AuthURL:      "https://api.fastmail.com/oauth/authorize",
			TokenURL:     "https://api.fastmail.com/oauth/refresh",
			RevokeURL:    "https://api.fastmail.com/oauth/revoke",
			RedirectHost: "localhost",
			Scopes: map[string][]string{
				"imap": {"https://www.fastmail.com/dev/protocol-imap"},
				"pop3": {"https://www.fastmail.com/dev/protocol-pop"},
			},
			Note: "Fastmail registers clients by hand; an app password is the simpler way",
			Sources: []string{
				"https://www.fastmail.com/for-developers/oauth/",
				"https://github.com/Lutra-Fs/fastmail-CLI/blob/d0fa8bbc0e8e991e8c819723ce69a380041d48ac/ref-docs/fastmail-dev.md", // a copy of all of that page
				thunderbird, // the scopes, which that page does not have
			},
			Checked: checked,
		},
	}
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
			"https://github.com/MicrosoftDocs/office-developer-exchange-docs/blob/04958c08e96c16f04131f693a9ae854d486a6e9d/docs/legacy-protocols/" +
				"how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth.md", // scopes
			entraDocs + "0c1ac842ddc96d49ce2897f751c6298dc524b9a5/docs/identity-platform/v2-oauth2-auth-code-flow.md",
			entraDocs + "0358995965b03e866d4b22a25625f4c558f121b9/docs/identity-platform/v2-oauth2-device-code.md",
			entraDocs + "0358995965b03e866d4b22a25625f4c558f121b9/docs/identity-platform/reply-url.md", // localhost
			"https://github.com/DuendeArchive/Support/issues/988",                                      // no revocation
			thunderbird, oauth2Proxy,
		},
		Checked: checked,
	}
}

// yahoo is Yahoo, under one of its two names. Its client need not have a secret: Thunderbird's has none.
func yahoo(name string) OAuth {
	base := "https://api.login." + name + ".com"
	return OAuth{
		Name:      name,
		AuthURL:   base + "/oauth2/request_auth",
		TokenURL:  base + "/oauth2/get_token",
		RevokeURL: base + "/oauth2/revoke",
		Scopes:    map[string][]string{"imap": {"mail-w"}, "pop3": {"mail-w"}},
		Note:      "Yahoo gives mail only to clients that it has approved, and registers only https redirects, which mailsync does not have: use an app password",
		Sources: []string{
			thunderbird, oauth2Proxy, // addresses, scope, no new clients
			"https://github.com/api-evangelist/" + name + "/blob/" + map[string]string{
				"yahoo": "1b12af9314eb4aca670fdff9cfb3cb244a6c231a", "aol": "637f6d4b83a8ba5ecb0e98ab1a7f9935e5a6e6f5",
			}[name] + "/authentication/" + name + "-authentication.yml", // revocation
			"https://senders.yahooinc.com/developer/documentation",
			"https://docs.allauth.org/en/latest/socialaccount/providers/yahoo.html", // https
		},
		Checked: checked,
	}
}

// OAuthOf returns what is known of the tokens of a provider.
func OAuthOf(name string) (OAuth, bool) {
	for _, o := range oauths() {
		if o.Name == name {
			return o, true
		}
	}
	return OAuth{}, false
}

// OAuthNames are the names that OAuthOf knows.
func OAuthNames() (names []string) {
	for _, o := range oauths() {
		names = append(names, o.Name)
	}
	return names
}
