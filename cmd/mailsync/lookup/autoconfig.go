package lookup

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// autoconfigs are where a domain has its autoconfig file. The address is not told to it.
func autoconfigs(domain string) []string {
	return []string{
		"https://autoconfig." + domain + "/mail/config-v1.1.xml",
		"https://" + domain + "/.well-known/autoconfig/mail/config-v1.1.xml",
	}
}

// Bounds of an autoconfig file, and of how often it may be somewhere else.
const (
	maxConfig    = 64 << 10
	maxRedirects = 3
	maxServers   = 8
)

// clientConfig is as much of the format as says where mail is fetched.
type clientConfig struct {
	XMLName   xml.Name `xml:"clientConfig"`
	Providers []struct {
		Incoming []incoming `xml:"incomingServer"`
	} `xml:"emailProvider"`
}

type incoming struct {
	Type       string   `xml:"type,attr"`
	Hostname   string   `xml:"hostname"`
	Port       string   `xml:"port"`
	SocketType string   `xml:"socketType"`
	Username   string   `xml:"username"`
	Auth       []string `xml:"authentication"`
}

// autoconfig reads the file at an address.
func (f *Finder) autoconfig(ctx context.Context, a Address, url string) []Found {
	body, err := f.get(ctx, url)
	if err != nil {
		return nil
	}
	return readAutoconfig(body, a, url)
}

// get fetches a document over https, and over nothing else if it is somewhere else.
func (f *Finder) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "mailsync")
	client := *f.HTTP
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if next.URL.Scheme != "https" || len(via) > maxRedirects {
			return errors.New("this redirect is not followed")
		}
		return nil
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxConfig+1))
	if err == nil && len(body) > maxConfig {
		err = errors.New("it is too long")
	}
	return body, err
}

// readAutoconfig returns the servers that a file names and that can be used. Whoever wrote it may be
// anybody: each value is checked, and one server that is not right does not make the others so.
func readAutoconfig(body []byte, a Address, url string) (all []Found) {
	var file clientConfig
	decoder := xml.NewDecoder(strings.NewReader(string(body)))
	decoder.Entity = nil // none but XML's own
	if decoder.Decode(&file) != nil {
		return nil // also a web page that answers to every address
	}
	for _, p := range file.Providers {
		for _, s := range p.Incoming {
			if found, ok := s.found(a, url); ok && len(all) < maxServers {
				all = append(all, found)
			}
		}
	}
	return all
}

// found is a server of the file as we use it. Plain text is not offered, whatever the file says.
func (s incoming) found(a Address, url string) (Found, bool) {
	clean := strings.TrimSpace
	fill := strings.NewReplacer("%EMAILADDRESS%", a.Text, "%EMAILLOCALPART%", a.Local, "%EMAILDOMAIN%", a.Domain).Replace
	host, err := idna.Lookup.ToASCII(fill(clean(s.Hostname)))
	port, bad := strconv.ParseUint(clean(s.Port), 10, 16)
	out := Found{Way: Autoconfig, From: url, Protocol: clean(s.Type), Host: strings.ToLower(host), Port: int(port), User: fill(clean(s.Username))}
	switch strings.ToUpper(clean(s.SocketType)) {
	case "SSL":
		out.TLS = "implicit"
	case "STARTTLS":
		out.TLS = "starttls"
	}
	if out.User == "" {
		out.User = a.Text
	}
	passwords := slices.ContainsFunc(s.Auth, func(way string) bool {
		return strings.HasPrefix(clean(way), "password") || clean(way) == "plain" || clean(way) == "secure"
	})
	out.OnlyOAuth = !passwords && slices.ContainsFunc(s.Auth, func(way string) bool { return strings.EqualFold(clean(way), "OAuth2") })
	usable := err == nil && bad == nil && port > 0 && goodHost(out.Host) && out.TLS != "" && (out.Protocol == "imap" || out.Protocol == "pop3") &&
		len(out.User) <= 254 && !strings.ContainsFunc(out.User, func(r rune) bool { return unicode.IsControl(r) || !unicode.IsPrint(r) || r == '%' })
	return out, usable
}
