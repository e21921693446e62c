package providers

import (
	"slices"
	"strings"
)

// Provider is what is known of one provider's mail. Nothing in it was guessed: what no source had is
// empty, and where a user would look for it, Unknown names it.
type Provider struct {
	Name    string   // for the command line: "gmail"
	Title   string   // for people: "Gmail"
	Domains []string // of its addresses, in lower case; nil where it hosts its customers' domains
	MX      []string // its mail exchangers are these, or below these

	IMAP, POP3 Server // the zero Server: not offered, or not known (see Unknown)

	Login     Login
	LocalPart bool   // the user is the part of the address before the @, not all of it
	OAuth     string // its name for OAuthOf; "": it gives out no tokens for mail, or not to us

	Connections int // what we open at once by IMAP, so that a phone and a mail program still get in
	MostAllowed int // what it allows in all; 0: not published

	Limits  []string // quota, bandwidth, rate
	POP3Is  []string // what its POP3 does that others' does not
	Exclude []string // patterns of the key "exclude" to begin with
	Setup   []string // what the user has to do before the first log-in
	Notes   []string // what the user should know
	Unknown []string // what no source had, or only an old one

	Sources []Source
}

// Server is where a protocol is served.
type Server struct {
	Host string
	Port int
	TLS  string // "implicit" or "starttls"
}

// Known reports whether there is a server at all.
func (s Server) Known() bool { return s.Host != "" }

// Login is what a provider wants as proof of who the user is.
type Login string

// The log-ins of providers. Where both are taken the first of them is the rule.
const (
	Password    Login = "password"          // the account's own
	AppPassword Login = "app password"      // made in its settings, for one program
	OwnPassword Login = "mail password"     // one for all mail programs, set in its settings
	OAuthOnly   Login = "OAuth"             // no password of any kind
	Bridge      Login = "Bridge's password" // of a program on this machine
)

// Source is where a fact is from.
type Source struct {
	URL     string
	Checked string // the date on which it was read, as 2006-01-02
}

// checked is when all of the providers below were looked up.
const checked = "2026-11-30"

// from makes sources of addresses.
func from(urls ...string) []Source {
	all := make([]Source, len(urls))
	for i, url := range urls {
		all[i] = Source{url, checked}
	}
	return all
}

// ispdb is the entry of a domain in Thunderbird's database of providers, which has hosts, ports, TLS, and
// the form of the user.
func ispdb(domain string) string {
	return "https://github.com/thunderbird/autoconfig/blob/master/ispdb/" + domain + ".xml"
}

// imaps and pop3s are servers with TLS from the first byte.
func imaps(host string) Server { return Server{host, 993, "implicit"} }
func pop3s(host string) Server { return Server{host, 995, "implicit"} }

// rubbish is what a first copy rarely needs, on every server that says which mailboxes are which.
func rubbish() []string { return []string{"role:junk", "role:trash"} }

// All returns every provider, in the order in which "mailsync providers" shows them.
func All() []Provider {
	return slices.Concat(big(), smaller(), national())
}

// Find returns the provider that a name, a domain or an address means.
func Find(text string) (Provider, bool) {
	text = strings.ToLower(text)
	domain := text[strings.LastIndexByte(text, '@')+1:]
	for _, p := range All() {
		if p.Name == text || slices.Contains(p.Domains, domain) {
			return p, true
		}
	}
	return Provider{}, false
}

// Names are what Find knows providers by.
func Names() (names []string) {
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// OfMX returns the provider whose mail exchanger a host is: the one whose entry says most. A host below a
// domain of a provider's addresses is one of its, too.
func OfMX(host string) (found Provider, ok bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	longest := 0
	for _, p := range All() {
		for _, end := range slices.Concat(p.MX, p.Domains) {
			if (host == end || strings.HasSuffix(host, "."+end)) && len(end) > longest {
				found, ok, longest = p, true, len(end)
			}
		}
	}
	return found, ok
}
