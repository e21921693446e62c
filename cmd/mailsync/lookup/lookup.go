// Package lookup finds the servers of an address: by what is known of its provider, by the domain's
// autoconfig file, by SRV records, and by its mail exchanger. What a network answers is never trusted: it is
// checked, and it is the caller who shows it before a password is sent anywhere.
package lookup

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"mailsync/cmd/mailsync/providers"
)

// Way is how a server was found.
type Way int

// The ways, in the order in which they are trusted; the last is a person's, and is not looked up.
const (
	Preset     Way = iota // the provider is known by the domain
	Autoconfig            // the domain's own file, over https
	SRV                   // RFC 6186
	MX                    // the mail exchanger is that of a known provider
	Given                 // somebody named it
)

// Found is a server that was found.
type Found struct {
	Way       Way
	From      string // for people: where it was found
	Protocol  string // "imap" or "pop3"
	Host      string
	Port      int
	TLS       string // "implicit" or "starttls", never plain text
	User      string
	Provider  *providers.Provider // nil: none that is known
	OnlyOAuth bool                // no password is accepted
}

// Vouched reports whether a server may be used without somebody who looks at it. DNS is not signed: a server
// outside of the domain that SRV alone names may be anybody's, with a certificate that is in order (RFC 6186
// section 6). What a mail exchanger leads to is a provider that is known.
func (f Found) Vouched(a Address) bool {
	return f.Way != SRV || f.Host == a.Domain || strings.HasSuffix(f.Host, "."+a.Domain)
}

// Finder has what look-ups ask.
type Finder struct {
	Resolver interface {
		LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
		LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	}
	HTTP     *http.Client  // it is given https addresses only
	Deadline time.Duration // of all look-ups together
}

// New returns a Finder that asks the network.
func New() *Finder {
	return &Finder{Resolver: net.DefaultResolver, HTTP: &http.Client{}, Deadline: 3 * time.Second}
}

// Address is an address whose parts are known to be usable.
type Address struct {
	Local  string // before the @
	Domain string // as DNS has it: in lower case and ASCII
	Text   string // all of it, as it is used for a log-in
}

// Parse reads an address. A domain in another script becomes the one that DNS has.
func Parse(text string) (Address, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ".")
	at := strings.LastIndexByte(text, '@')
	switch {
	case at < 0:
		return Address{}, errors.New("it has no @")
	case at == 0 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>,;", r)
	}):
		return Address{}, errors.New("it is not one address")
	}
	domain, err := idna.Lookup.ToASCII(text[at+1:])
	if err != nil || !goodHost(domain) {
		return Address{}, errors.New("what follows the @ is not a domain")
	}
	a := Address{Local: text[:at], Domain: strings.ToLower(domain), Text: text}
	if strings.ContainsFunc(text[at+1:], func(r rune) bool { return r > unicode.MaxASCII }) {
		a.Text = a.Local + "@" + a.Domain
	}
	return a, nil
}

// Servers returns the servers of an address, those of the most trusted way first, IMAP before POP3.
// Where the provider is known nobody is asked. Every look-up is optional: what does not answer in time has
// found nothing.
func (f *Finder) Servers(ctx context.Context, a Address) []Found {
	if p, ok := providers.Find(a.Text); ok && slices.Contains(p.Domains, a.Domain) {
		return ofProvider(p, a, Preset, "what is known of "+p.Title)
	}
	ctx, cancel := context.WithTimeout(ctx, f.Deadline)
	defer cancel()
	asks := []func(context.Context, Address) []Found{f.exchanger}
	for _, url := range autoconfigs(a.Domain) {
		asks = append(asks, func(ctx context.Context, a Address) []Found { return f.autoconfig(ctx, a, url) })
	}
	for _, s := range services {
		asks = append(asks, func(ctx context.Context, a Address) []Found { return f.service(ctx, a, s) })
	}
	found := make([][]Found, len(asks))
	var all sync.WaitGroup
	for i, ask := range asks {
		all.Go(func() { found[i] = ask(ctx, a) })
	}
	all.Wait()
	return sorted(slices.Concat(found...))
}

// sorted puts the most trusted first, and leaves out what was found twice.
func sorted(all []Found) []Found {
	slices.SortStableFunc(all, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Way, b.Way), strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.TLS, b.TLS))
	})
	type server struct {
		protocol, host string
		port           int
	}
	seen := map[server]bool{}
	return slices.DeleteFunc(all, func(f Found) bool {
		s := server{f.Protocol, f.Host, f.Port}
		twice := seen[s]
		seen[s] = true
		return twice
	})
}

// ofProvider are the servers of a known provider.
func ofProvider(p providers.Provider, a Address, way Way, from string) (all []Found) {
	user := a.Text
	if p.LocalPart {
		user = a.Local
	}
	for _, s := range []struct {
		protocol string
		at       providers.Server
	}{{"imap", p.IMAP}, {"pop3", p.POP3}} {
		if s.at.Known() {
			all = append(all, Found{way, from, s.protocol, s.at.Host, s.at.Port, s.at.TLS, user, &p, p.Login == providers.OAuthOnly})
		}
	}
	return all
}

// services are the names of RFC 6186 and RFC 8314 section 5.1.
var services = []struct{ name, protocol, tls string }{
	{"imaps", "imap", "implicit"}, {"imap", "imap", "starttls"}, {"pop3s", "pop3", "implicit"}, {"pop3", "pop3", "starttls"},
}

// service asks for one service. A target of "." says that it is not offered (RFC 6186 section 3.4).
func (f *Finder) service(ctx context.Context, a Address, s struct{ name, protocol, tls string }) []Found {
	_, records, err := f.Resolver.LookupSRV(ctx, s.name, "tcp", a.Domain)
	if err != nil {
		return nil // also where some of the records were not valid names
	}
	for _, r := range records { // by priority
		host := strings.ToLower(strings.TrimSuffix(r.Target, "."))
		if goodHost(host) && r.Port > 0 {
			return []Found{{Way: SRV, From: "the record _" + s.name + "._tcp." + a.Domain, Protocol: s.protocol, Host: host, Port: int(r.Port), TLS: s.tls, User: a.Text}}
		}
	}
	return nil
}

// exchanger asks for the mail exchangers, which often say who the provider is.
func (f *Finder) exchanger(ctx context.Context, a Address) []Found {
	records, err := f.Resolver.LookupMX(ctx, a.Domain)
	if err != nil {
		return nil
	}
	for _, r := range records {
		if p, ok := providers.OfMX(r.Host); ok {
			return ofProvider(p, a, MX, "its mail goes to "+p.Title+" ("+strings.TrimSuffix(r.Host, ".")+")")
		}
	}
	return nil
}

// goodHost reports whether a name can be that of another machine: dots in it, letters, digits and hyphens
// between them. An address of IP, and this machine itself, are nothing that a stranger may name.
func goodHost(host string) bool {
	labels := strings.Split(host, ".")
	if len(host) > 253 || len(labels) < 2 || net.ParseIP(host) != nil || strings.EqualFold(labels[len(labels)-1], "localhost") {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, r := range l {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}
