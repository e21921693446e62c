package lookup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// dns answers from a table, after a while where it is slow.
type dns struct {
	srv  map[string][]*net.SRV // by "service name"
	mx   []*net.MX
	slow bool
}

func (d dns) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if d.slow {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	if r := d.srv[service+" "+name]; r != nil && proto == "tcp" {
		return "", r, nil
	}
	return "", nil, errors.New("no such host")
}

func (d dns) LookupMX(ctx context.Context, _ string) ([]*net.MX, error) {
	if d.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.mx, nil
}

// web is a server for every host name, over TLS, at which nobody else is asked.
func web(t *testing.T, handler http.HandlerFunc) *http.Client {
	t.Helper()
	srv := httptest.NewTLSServer(handler)
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the names are made up
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
		},
	}
	return client
}

func finder(t *testing.T, d dns, handler http.HandlerFunc) *Finder {
	if handler == nil {
		handler = http.NotFound
	}
	return &Finder{Resolver: d, HTTP: web(t, handler), Deadline: 10 * time.Second}
}

func address(t *testing.T, text string) Address {
	t.Helper()
	a, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Address{
		"ada@example.org":          {"ada", "example.org", "ada@example.org"},
		" Ada@Example.ORG. ":       {"Ada", "example.org", "Ada@Example.ORG"},
		"ada@bücher.example":       {"ada", "xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		"ada@例え.example":           {"ada", "xn--r8jz45g.example", "ada@xn--r8jz45g.example"},
		"ada+lists@example.org":    {"ada+lists", "example.org", "ada+lists@example.org"},
		`"a@b"@example.org`:        {`"a@b"`, "example.org", `"a@b"@example.org`},
		"ädä@example.org":          {"ädä", "example.org", "ädä@example.org"},
		"ada@mail.x-y.example.org": {"ada", "mail.x-y.example.org", "ada@mail.x-y.example.org"},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "ada", "@example.org", "ada@", "ada@example", "ada@localhost", "ada@a.localhost", "ada@127.0.0.1", "ada@[127.0.0.1]", "a b@example.org",
		"ada@ex ample.org", "<ada@example.org>", "ada@example.org,bob@example.org", "ada@-x.example", "ada@" + strings.Repeat("x", 64) + ".example", "ada@example.org\n", "ada@a..b", "ad\xff@example.org"} {
		if got, err := Parse(text); err == nil && text != "ada@example.org\n" {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// A known provider is known without a network: nobody learns of the address.
func TestAKnownProviderAsksNobody(t *testing.T) {
	f := &Finder{} // whatever it asked would be a nil pointer
	got := f.Servers(t.Context(), address(t, "ada@web.de"))
	if len(got) != 2 || got[0].Host != "imap.web.de" || got[0].User != "ada" || got[1].Protocol != "pop3" || got[0].Way != Preset || got[0].Provider.Name != "web.de" {
		t.Errorf("%+v", got)
	}
	if got := f.Servers(t.Context(), address(t, "ada@outlook.com")); !got[0].OnlyOAuth {
		t.Errorf("a password for Outlook.com: %+v", got[0])
	}
}

const good = `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1"><emailProvider id="example.org"><domain>example.org</domain>
<incomingServer type="imap"><hostname>imap.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
<username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication></incomingServer>
<incomingServer type="pop3"><hostname>pop.example.org</hostname><port>110</port><socketType>STARTTLS</socketType>
<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.example.org</hostname></outgoingServer></emailProvider></clientConfig>`

// All ways are asked, and the most trusted comes first; what two of them found is there once.
func TestTheOrderOfTrust(t *testing.T) {
	d := dns{
		srv: map[string][]*net.SRV{
			"imaps example.org": {{Target: "imap.example.org.", Port: 993}},
			"imap example.org":  {{Target: "Mail.Example.NET.", Port: 143}},
			"pop3s example.org": {{Target: ".", Port: 0}}, // not offered
		},
		mx: []*net.MX{{Host: "aspmx.l.google.com."}},
	}
	var asked []string
	f := finder(t, d, func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "autoconfig.example.org" && r.URL.String() == "/mail/config-v1.1.xml" {
			io.WriteString(w, good)
			return
		}
		asked = append(asked, r.Host+r.URL.String())
		http.NotFound(w, r)
	})
	var got []string
	for _, s := range f.Servers(t.Context(), address(t, "ada@example.org")) {
		got = append(got, fmt.Sprintf("%d %s %s:%d %s %s", s.Way, s.Protocol, s.Host, s.Port, s.TLS, s.User))
	}
	want := []string{
		"1 imap imap.example.org:993 implicit ada", "1 pop3 pop.example.org:110 starttls ada@example.org",
		"2 imap mail.example.net:143 starttls ada@example.org",
		"3 imap imap.gmail.com:993 implicit ada@example.org", "3 pop3 pop.gmail.com:995 implicit ada@example.org",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Join(asked, " ") != "example.org/.well-known/autoconfig/mail/config-v1.1.xml" {
		t.Errorf("also asked: %q", asked)
	}
}

// A name server and a web server that do not answer cost no more than the deadline.
func TestLookUpsEnd(t *testing.T) {
	hold := make(chan struct{})
	f := finder(t, dns{slow: true}, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	defer close(hold)
	f.Deadline = 50 * time.Millisecond
	began := time.Now()
	if got := f.Servers(t.Context(), address(t, "ada@example.org")); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// server is one incomingServer of a file.
func server(kind, host, port, socket, user, auth string) string {
	return fmt.Sprintf(`<clientConfig><emailProvider><incomingServer type="%s"><hostname>%s</hostname><port>%s</port><socketType>%s</socketType><username>%s</username><authentication>%s</authentication></incomingServer></emailProvider></clientConfig>`,
		kind, host, port, socket, user, auth)
}

// What a file says may be anybody's. Nothing of it is used that could lead a password astray unseen.
func TestHostileAutoconfig(t *testing.T) {
	a := address(t, "ada@example.org")
	for name, body := range map[string]string{
		"a web page for every address": "<!DOCTYPE html><html><body>Not here</body></html>",
		"nothing":                      "",
		"another document":             "<feed></feed>",
		"cut":                          good[:len(good)/2],
		"plain text":                   server("imap", "imap.example.org", "143", "plain", "ada", "password-cleartext"),
		"no socket type":               server("imap", "imap.example.org", "993", "", "ada", "password-cleartext"),
		"this machine":                 server("imap", "localhost", "993", "SSL", "ada", "password-cleartext"),
		"this machine's name":          server("imap", "x.localhost", "993", "SSL", "ada", "password-cleartext"),
		"an address":                   server("imap", "192.0.2.1", "993", "SSL", "ada", "password-cleartext"),
		"an address of IPv6":           server("imap", "::1", "993", "SSL", "ada", "password-cleartext"),
		"a name with a port":           server("imap", "imap.example.org:25", "993", "SSL", "ada", "password-cleartext"),
		"a path":                       server("imap", "imap.example.org/x", "993", "SSL", "ada", "password-cleartext"),
		"port 0":                       server("imap", "imap.example.org", "0", "SSL", "ada", "password-cleartext"),
		"port 70000":                   server("imap", "imap.example.org", "70000", "SSL", "ada", "password-cleartext"),
		"another protocol":             server("exchange", "imap.example.org", "443", "SSL", "ada", "password-cleartext"),
		"an escape in the user":        server("imap", "imap.example.org", "993", "SSL", "a&#x9b;31mda", "password-cleartext"),
		"a line end in the user":       server("imap", "imap.example.org", "993", "SSL", "a&#10;x", "password-cleartext"),
		"text that turns round":        server("imap", "imap.example.org", "993", "SSL", "a&#x202e;x", "password-cleartext"),
		"a user that is not filled in": server("imap", "imap.example.org", "993", "SSL", "%REALNAME%", "password-cleartext"),
		"a long user":                  server("imap", "imap.example.org", "993", "SSL", strings.Repeat("x", 300), "password-cleartext"),
		"entities that grow":           `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + server("imap", "imap.example.org", "993", "SSL", "&b;", "password-cleartext"),
		"an entity from outside":       `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + server("imap", "imap.example.org", "993", "SSL", "&a;", "password-cleartext"),
		"deep":                         strings.Repeat("<a>", 20000),
	} {
		if got := readAutoconfig([]byte(body), a, "https://x"); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, c := range map[string]struct {
		body  string
		oauth bool
	}{
		"blanks":     {server("imap", "\n imap.example.org ", " 993\n", " ssl ", " %EMAILADDRESS% ", " password-cleartext "), false},
		"only OAuth": {server("imap", "imap.example.org", "993", "SSL", "%EMAILADDRESS%", "OAuth2"), true},
		"no user":    {server("imap", "IMAP.Example.org", "993", "SSL", "", ""), false},
	} {
		got := readAutoconfig([]byte(c.body), a, "https://x")
		if len(got) != 1 || got[0].Host != "imap.example.org" || got[0].Port != 993 || got[0].User != "ada@example.org" || got[0].OnlyOAuth != c.oauth {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := readAutoconfig([]byte(strings.Replace(good, "</emailProvider>", strings.Repeat(`<incomingServer type="imap"><hostname>imap.example.org</hostname><port>993</port><socketType>SSL</socketType></incomingServer>`, 100)+"</emailProvider>", 1)), a, "https://x"); len(got) > maxServers {
		t.Errorf("%d servers", len(got))
	}
}

// The file is fetched over https and over nothing else, to an end and no further.
func TestFetchingAutoconfig(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		ok    bool
	}{
		"at once": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) }, true},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "other.example" {
				io.WriteString(w, good)
			} else {
				http.Redirect(w, r, "https://other.example/x.xml", http.StatusFound)
			}
		}, true},
		"in plain text": {func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "other.example" {
				io.WriteString(w, good)
			} else {
				http.Redirect(w, r, "http://other.example/x.xml", http.StatusFound)
			}
		}, false},
		"in a circle": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String()+"x", http.StatusFound)
		}, false},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Replace(good, "<emailProvider", strings.Repeat(" ", maxConfig)+"<emailProvider", 1))
		}, false},
		"without end": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, false},
		"an error": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, good)
		}, false},
	} {
		f := finder(t, dns{}, c.serve)
		if got := f.autoconfig(t.Context(), address(t, "ada@example.org"), "https://autoconfig.example.org/mail/config-v1.1.xml"); (len(got) > 0) != c.ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// A certificate that is not trusted makes a file nobody's.
	f := finder(t, dns{}, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, good) })
	f.HTTP.Transport.(*http.Transport).TLSClientConfig = &tls.Config{}
	if got := f.autoconfig(t.Context(), address(t, "ada@example.org"), "https://autoconfig.example.org/mail/config-v1.1.xml"); len(got) != 0 {
		t.Errorf("untrusted: %+v", got)
	}
}

// What a name server says of a service is checked too.
func TestServicesThatAreNone(t *testing.T) {
	for _, target := range []string{"", ".", "localhost.", "127.0.0.1.", "a_b", "bad name.example.", strings.Repeat("x", 64) + ".example."} {
		f := finder(t, dns{srv: map[string][]*net.SRV{"imaps example.org": {{Target: target, Port: 993}}}}, nil)
		if got := f.Servers(t.Context(), address(t, "ada@example.org")); len(got) != 0 {
			t.Errorf("%q: %+v", target, got)
		}
	}
	f := finder(t, dns{srv: map[string][]*net.SRV{"imaps example.org": {{Target: "imap.example.org.", Port: 0}, {Target: "second.example.org.", Port: 1993}}}}, nil)
	if got := f.Servers(t.Context(), address(t, "ada@example.org")); len(got) != 1 || got[0].Host != "second.example.org" || got[0].Port != 1993 {
		t.Errorf("%+v", got)
	}
}

// Only SRV can name a server of strangers that nobody vouches for.
func TestVouched(t *testing.T) {
	a := address(t, "ada@example.org")
	for f, want := range map[Found]bool{
		{Way: SRV, Host: "imap.example.org"}: true, {Way: SRV, Host: "example.org"}: true, {Way: SRV, Host: "imap.evil.example"}: false,
		{Way: SRV, Host: "evilexample.org"}: false, {Way: Autoconfig, Host: "imap.hoster.example"}: true, {Way: MX, Host: "imap.gmail.com"}: true,
	} {
		if f.Vouched(a) != want {
			t.Errorf("%+v: not %v", f, want)
		}
	}
}

func FuzzAutoconfig(f *testing.F) {
	f.Add(good)
	f.Add(server("imap", "x.example", "993", "SSL", "%EMAILADDRESS%", "OAuth2"))
	f.Fuzz(func(t *testing.T, body string) {
		a := Address{"ada", "example.org", "ada@example.org"}
		for _, s := range readAutoconfig([]byte(body), a, "https://x") {
			if !goodHost(s.Host) || s.Port < 1 || s.Port > 65535 || s.TLS != "implicit" && s.TLS != "starttls" || s.Protocol != "imap" && s.Protocol != "pop3" || strings.ContainsAny(s.User, "\x00\n\r\x1b") {
				t.Errorf("%+v", s)
			}
		}
	})
}
