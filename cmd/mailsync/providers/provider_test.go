package providers

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The issue names these; each has to be there, whatever its name here is.
var asked = []string{
	"ada@gmail.com", "google-workspace", "ada@outlook.com", "ada@hotmail.com", "microsoft365", "ada@icloud.com", "ada@yahoo.com", "ada@aol.com",
	"ada@fastmail.com", "ada@proton.me", "ada@gmx.de", "ada@gmx.com", "ada@web.de", "ada@mailbox.org", "ada@posteo.de", "ada@zoho.com", "ada@zoho.eu",
	"ada@163.com", "ada@126.com", "ada@t-online.de", "ada@orange.fr", "ada@comcast.net",
}

func TestEveryProviderThatWasAskedForIsThere(t *testing.T) {
	for _, text := range asked {
		if _, ok := Find(text); !ok {
			t.Errorf("%s is not known", text)
		}
	}
	if p, ok := Find("ada@GMail.com"); !ok || p.Name != "gmail" {
		t.Errorf("in capitals: %q, %v", p.Name, ok)
	}
	for _, text := range []string{"", "ada", "ada@example.org", "gmail.com.example.org", "mail"} {
		if p, ok := Find(text); ok {
			t.Errorf("%q is %s", text, p.Name)
		}
	}
}

func TestEveryProviderIsCompleteAndConsistent(t *testing.T) {
	seen := map[string]string{} // names and domains, by whom
	for _, p := range All() {
		for _, word := range append([]string{p.Name}, p.Domains...) {
			if was, twice := seen[word]; twice && was != p.Name {
				t.Errorf("%s: %q is %s's", p.Name, word, was)
			}
			seen[word] = p.Name
			if word == "" || word != strings.ToLower(word) || strings.ContainsAny(word, " @/") {
				t.Errorf("%s: %q is neither a name nor a domain", p.Name, word)
			}
		}
		if p.Title == "" || len(p.Domains)+len(p.MX) == 0 || !p.IMAP.Known() {
			t.Errorf("%s: %+v", p.Name, p)
		}
		checkServer(t, p.Name, p.IMAP, 993, 143)
		checkServer(t, p.Name, p.POP3, 995, 110)
		if !slices.Contains([]Login{Password, AppPassword, OwnPassword, OAuthOnly, Bridge}, p.Login) {
			t.Errorf("%s: log-in %q", p.Name, p.Login)
		}
		if _, known := OAuthOf(p.OAuth); p.OAuth != "" && !known || p.Login == OAuthOnly && p.OAuth == "" {
			t.Errorf("%s: OAuth %q", p.Name, p.OAuth)
		}
		if p.Connections < 1 || p.Connections > 32 || p.MostAllowed != 0 && p.Connections > p.MostAllowed/2 {
			t.Errorf("%s: %d connections of %d", p.Name, p.Connections, p.MostAllowed)
		}
		if p.MostAllowed == 0 && !anyHas(p.Unknown, "connections") {
			t.Errorf("%s: how many connections it allows is neither known nor named as unknown", p.Name)
		}
		if !p.POP3.Known() && !anyHas(append(p.POP3Is, p.Unknown...), "there is none") && !anyHas(p.Unknown, "POP3") {
			t.Errorf("%s: POP3 is neither known nor named as missing", p.Name)
		}
		if p.Login != Password && len(p.Setup) == 0 {
			t.Errorf("%s wants %q, and nothing says where that comes from", p.Name, p.Login)
		}
		checkExclude(t, p)
		checkSources(t, p)
	}
}

func anyHas(texts []string, word string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, word) })
}

// checkServer checks a server: TLS always, and at the protocol's port unless it is on this machine.
func checkServer(t *testing.T, name string, s Server, implicit, plain int) {
	t.Helper()
	switch {
	case !s.Known():
		if s != (Server{}) {
			t.Errorf("%s: %+v has no host", name, s)
		}
	case s.TLS == "implicit" && s.Port == implicit, s.TLS == "starttls" && s.Port == plain:
	case s.TLS == "starttls" && s.Host == "127.0.0.1":
	default:
		t.Errorf("%s: %+v", name, s)
	}
}

// checkExclude: whoever keeps all of a provider's mail does so without its junk; a role is one that is known.
func checkExclude(t *testing.T, p Provider) {
	t.Helper()
	for _, want := range rubbish() {
		if !slices.Contains(p.Exclude, want) {
			t.Errorf("%s does not exclude %s", p.Name, want)
		}
	}
	if p.OAuth == "google" && (slices.Contains(p.Exclude, "role:all") || slices.Contains(p.Exclude, "role:archive")) {
		t.Errorf("%s excludes where archived mail is", p.Name)
	}
}

func checkSources(t *testing.T, p Provider) {
	t.Helper()
	urls := make([]string, len(p.Sources))
	for i, s := range p.Sources {
		urls[i] = s.URL
		if day, err := time.Parse(time.DateOnly, s.Checked); err != nil || day.Year() < 2026 {
			t.Errorf("%s: source %q of %q", p.Name, s.URL, s.Checked)
		}
	}
	checkReadable(t, p.Name, urls)
}

// checkReadable: there are sources, each is a page or a file that a person can read, and none is named twice.
// An address that is asked for tokens, or that describes a service to programs, is none.
func checkReadable(t *testing.T, name string, urls []string) {
	t.Helper()
	if len(urls) == 0 {
		t.Errorf("%s has no source", name)
	}
	seen := make(map[string]bool)
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") == "" && u.RawQuery == "" || strings.Contains(u.Path, "/.well-known/") {
			t.Errorf("%s: source %q is no page and no file", name, text)
			continue
		}
		if u.Host == "github.com" && !slices.ContainsFunc([]string{"/blob/", "/issues/", "/pull/", "/releases/tag/"}, func(kind string) bool { return strings.Contains(u.Path, kind) }) {
			t.Errorf("%s: source %q does not say which file or thread of the repository", name, text)
		}
		page := u.Host + strings.TrimSuffix(u.Path, "/") + "?" + u.RawQuery
		if seen[page] {
			t.Errorf("%s: source %q is there twice", name, text)
		}
		seen[page] = true
	}
}

func TestMailExchangersNameTheProvider(t *testing.T) {
	for host, want := range map[string]string{
		"aspmx.l.google.com.":                      "google-workspace",
		"alt1.gmail-smtp-in.l.google.com":          "google-workspace",
		"example-org.mail.protection.outlook.com.": "microsoft365",
		"outlook-com.olc.protection.outlook.com.":  "outlook",
		"MTA5.AM0.yahoodns.net.":                   "yahoo",
		"mx-aol.mail.gm0.yahoodns.net":             "aol",
		"mx2.zoho.eu":                              "zoho-eu",
		"mxext1.mailbox.org.":                      "mailbox.org",
		"mx01.posteo.de":                           "posteo",
		"mail.example.org":                         "",
		"google.com.example.org":                   "",
		"notgoogle.com":                            "",
		"":                                         "",
	} {
		if p, ok := OfMX(host); p.Name != want || ok != (want != "") {
			t.Errorf("%q is %q (%v), want %q", host, p.Name, ok, want)
		}
	}
}

// All returns values of their own: what one caller changes, no other sees.
func TestNobodyChangesTheData(t *testing.T) {
	All()[0].Exclude[0] = "INBOX"
	if got := All()[0].Exclude[0]; got != "role:junk" {
		t.Errorf("it is %q now", got)
	}
}
