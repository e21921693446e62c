package idp

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// The client that every Provider knows.
const (
	ClientID     = "mailsync-tests"
	ClientSecret = "client-secret-of-the-tests-4711"
)

// Provider is a running identity provider with one user. Its exported fields are set before its first
// request.
type Provider struct {
	URL  string // without a path
	User string // who logs in: "ada"

	Life   time.Duration // of an access token; 0 means an hour, negative: the answer does not tell
	Secret bool          // the client has to send its secret
	Basic  bool          // and in the header
	// Rotate gives a new refresh token at each exchange. The old one is worth nothing then, and who
	// sends it all the same ends the whole family, as real ones do.
	Rotate bool
	Grace  bool   // with Rotate: the old one works until the new one was used
	Scope  string // that is given whatever is asked for, "" for what is asked for
	// Refusal is the error in place of a code in the browser, "" for none.
	Refusal string

	mu       sync.Mutex
	meddle   func(w http.ResponseWriter, r *http.Request) bool
	late     func(r *http.Request)
	requests map[string]int // by path, or grant type for the token endpoint
	words    []string       // all secrets that passed
	codes    map[string]grant
	refresh  map[string]*family
	access   map[string]token
	devices  map[string]*device
}

// grant is what a code is worth.
type grant struct{ challenge, redirect, scope string }

// token is an access token.
type token struct {
	until time.Time
	of    *family
}

// family is one log-in: all tokens that came of it.
type family struct {
	over   bool
	now    string // the refresh token
	before string // the one before, "" for none
	scope  string
}

// device is a device code.
type device struct {
	user             string // code
	entered, refused bool
	ended            bool
	slow             int // how often it still answers slow_down
	scope            string
}

// New starts a provider. It ends with the test.
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{User: "ada", requests: map[string]int{}, codes: map[string]grant{}, refresh: map[string]*family{}, access: map[string]token{}, devices: map[string]*device{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.URL = s.URL
	return p
}

// Config is the account's table oauth2 for this provider, in TOML, without its heading.
func (p *Provider) Config() string {
	text := `auth_url = "` + p.URL + `/authorize"
token_url = "` + p.URL + `/token"
device_url = "` + p.URL + `/device"
revoke_url = "` + p.URL + `/revoke"
scopes = ["mail", "offline_access"]
client_id = "` + ClientID + `"
`
	if p.Secret {
		text += `client_secret = "` + ClientSecret + "\"\n"
	}
	return text
}

// Meddle has a function answer requests in place of the provider; it returns false for one that it
// leaves to it. nil: the provider answers all.
func (p *Provider) Meddle(f func(w http.ResponseWriter, r *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meddle = f
}

// Late has a function called when a request was decided, and what it gives is on record, before it is
// answered.
func (p *Provider) Late(f func(r *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = f
}

// meddling are the functions of Meddle and Late.
func (p *Provider) meddling() (func(http.ResponseWriter, *http.Request) bool, func(*http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.meddle, p.late
}

// Asked is how often something was asked for: a path, "authorization_code", "refresh_token", or
// "device_code".
func (p *Provider) Asked(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[what]
}

// Words are all secrets that passed so far: codes, verifiers, tokens, the client's secret.
func (p *Provider) Words() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{ClientSecret}, p.words...)
}

// Valid reports whether an access token is good now.
func (p *Provider) Valid(access string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.valid(access)
}

func (p *Provider) valid(access string) bool {
	t, ok := p.access[access]
	return ok && !t.of.over && time.Now().Before(t.until)
}

// EndAccess ends all access tokens, before their time.
func (p *Provider) EndAccess() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.access)
}

// EndAll revokes everything, as a user does on the provider's page.
func (p *Provider) EndAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.refresh {
		f.over = true
	}
}

// LogIn makes a log-in as if the user had come through the browser.
func (p *Provider) LogIn() (refresh, access string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.family("mail")
	return f.now, p.give(f)
}

// Refresh reports whether a refresh token would be taken.
func (p *Provider) Refresh(refresh string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.refresh[refresh]
	return f != nil && !f.over && f.now == refresh
}

// family makes a log-in with its refresh token.
func (p *Provider) family(scope string) *family {
	f := &family{now: p.word("refresh"), scope: scope}
	p.refresh[f.now] = f
	return f
}

// give makes an access token.
func (p *Provider) give(f *family) string {
	a := p.word("access")
	p.access[a] = token{time.Now().Add(p.life()), f}
	return a
}

// life is how long an access token works.
func (p *Provider) life() time.Duration {
	if p.Life <= 0 {
		return time.Hour
	}
	return p.Life
}

// word makes a secret.
func (p *Provider) word(kind string) string {
	w := kind + "." + rand.Text() + "/" + rand.Text() + "-_"
	p.words = append(p.words, w)
	return w
}

// Enter has the user enter a device code, or refuse there.
func (p *Provider) Enter(code string, agree bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.devices {
		if d.user == code {
			d.entered, d.refused = agree, !agree
			return true
		}
	}
	return false
}

// EndDevices ends all device codes before their time.
func (p *Provider) EndDevices() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.devices {
		d.ended = true
	}
}

// count notes a request, and the secrets in it.
func (p *Provider) count(what string, form url.Values) {
	p.requests[what]++
	if v := form.Get("code_verifier"); v != "" {
		p.words = append(p.words, v)
	}
}
