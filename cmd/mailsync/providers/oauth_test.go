package providers

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every provider's addresses are https, it has scopes for both protocols, and each says where that is from.
func TestOAuthIsComplete(t *testing.T) {
	seen := make(map[string]bool)
	for _, name := range OAuthNames() {
		o, ok := OAuthOf(name)
		if !ok || seen[name] {
			t.Errorf("%s: there are none or two of it", name)
		}
		seen[name] = true
		for _, at := range []string{o.AuthURL, o.TokenURL, o.DeviceURL, o.RevokeURL} {
			if u, err := url.Parse(at); at != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.Path == "") {
				t.Errorf("%s: %q is no address for tokens", name, at)
			}
		}
		if o.AuthURL == "" || o.TokenURL == "" {
			t.Errorf("%s: a log-in by browser has no address", name)
		}
		for _, protocol := range []string{"imap", "pop3"} {
			if len(o.Scopes[protocol]) == 0 {
				t.Errorf("%s: no scopes for %s", name, protocol)
			}
		}
		if _, err := time.Parse(time.DateOnly, o.Checked); err != nil {
			t.Errorf("%s: sources of %q", name, o.Checked)
		}
		checkReadable(t, name, o.Sources)
	}
	if _, ok := OAuthOf("nobody"); ok {
		t.Error("nobody is known")
	}
}

// A scope that a provider does not know makes it refuse the log-in: "offline_access" is Microsoft's.
func TestOnlyMicrosoftIsAskedForOfflineAccess(t *testing.T) {
	for _, name := range OAuthNames() {
		o, _ := OAuthOf(name)
		for protocol, scopes := range o.Scopes {
			if slices.Contains(scopes, "offline_access") != strings.HasPrefix(name, "microsoft") {
				t.Errorf("%s, %s: %q", name, protocol, scopes)
			}
		}
	}
}

// What a caller does with an answer changes no other caller's.
func TestOAuthIsACopy(t *testing.T) {
	one, _ := OAuthOf("google")
	one.Scopes["imap"], one.Params["prompt"] = nil, ""
	other, _ := OAuthOf("google")
	if len(other.Scopes["imap"]) == 0 || other.Params["prompt"] == "" {
		t.Errorf("got %+v", other)
	}
}
