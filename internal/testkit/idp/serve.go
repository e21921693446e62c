package idp

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// refused is an error of RFC 6749 section 5.2.
type refused struct{ code, words string }

// ServeHTTP answers one request.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	meddle, late := p.meddling()
	if meddle != nil && meddle(w, r) {
		return
	}
	switch r.URL.Path {
	case "/authorize":
		p.authorize(w, r)
	case "/device", "/token", "/revoke":
		answer, no := p.decide(r)
		if late != nil {
			late(r)
		}
		reply(w, answer, no)
	case "/introspect":
		p.introspect(w, r)
	default:
		http.NotFound(w, r)
	}
}

func reply(w http.ResponseWriter, answer map[string]any, no *refused) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	if no != nil {
		if no.code == "invalid_client" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		} else {
			w.WriteHeader(http.StatusBadRequest)
		}
		answer = map[string]any{"error": no.code, "error_description": no.words}
	}
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer) // who does not wait for it does not get it
	}
}

// decide does what a request asks for.
func (p *Provider) decide(r *http.Request) (map[string]any, *refused) {
	p.mu.Lock()
	defer p.mu.Unlock()
	what := strings.TrimPrefix(r.URL.Path, "/")
	if what == "token" {
		what = r.PostForm.Get("grant_type")
		what = what[strings.LastIndexByte(what, ':')+1:]
	}
	p.count(what, r.PostForm)
	if !p.knows(r) {
		return nil, &refused{"invalid_client", "who is " + r.PostForm.Get("client_id") + "? not with " + r.PostForm.Get("client_secret")}
	}
	switch what {
	case "authorization_code":
		return p.exchange(r.PostForm)
	case "refresh_token":
		return p.renew(r.PostForm.Get("refresh_token"))
	case "device_code":
		return p.poll(r.PostForm.Get("device_code"))
	case "device":
		return p.offer(r.PostForm)
	case "revoke":
		p.revoke(r.PostForm.Get("token"))
		return nil, nil
	}
	return nil, &refused{"unsupported_grant_type", what}
}

// knows reports whether a request is of our client.
func (p *Provider) knows(r *http.Request) bool {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, word, ok := r.BasicAuth(); ok {
		id, secret = user, word
	} else if p.Basic {
		return false
	}
	return id == ClientID && (!p.Secret || secret == ClientSecret)
}

// authorize sends the browser back with a code (RFC 6749 section 4.1.2, RFC 7636 section 4.3).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	p.requests["authorize"]++
	back, err := url.Parse(q.Get("redirect_uri"))
	loopback := err == nil && back.Scheme == "http" && (back.Hostname() == "127.0.0.1" || back.Hostname() == "localhost")
	switch {
	case !loopback || q.Get("client_id") != ClientID:
		http.Error(w, "this client may not be sent there", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 16:
		http.Error(w, "no code, no state, or no proof of the key", http.StatusBadRequest)
		return
	}
	to := url.Values{"state": {q.Get("state")}}
	if p.Refusal != "" {
		to.Set("error", p.Refusal)
		to.Set("error_description", "the user said no,\x1b[31m or so")
	} else {
		code := p.word("code")
		p.codes[code] = grant{q.Get("code_challenge"), q.Get("redirect_uri"), q.Get("scope")}
		to.Set("code", code)
	}
	back.RawQuery = to.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// exchange gives tokens for a code, once.
func (p *Provider) exchange(form url.Values) (map[string]any, *refused) {
	g, ok := p.codes[form.Get("code")]
	delete(p.codes, form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !ok || g.redirect != form.Get("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return nil, &refused{"invalid_grant", "not this code " + form.Get("code")}
	}
	return p.begin(g.scope), nil
}

// begin makes a log-in.
func (p *Provider) begin(scope string) map[string]any {
	if p.Scope != "" {
		scope = p.Scope
	}
	return p.tokens(p.family(scope), true)
}

func (p *Provider) tokens(f *family, fresh bool) map[string]any {
	answer := map[string]any{"access_token": p.give(f), "token_type": "Bearer", "scope": f.scope}
	if p.Life >= 0 {
		answer["expires_in"] = int(p.life().Seconds())
	}
	if fresh {
		answer["refresh_token"] = f.now
	}
	return answer
}

// renew gives an access token for a refresh token.
func (p *Provider) renew(refresh string) (map[string]any, *refused) {
	f := p.refresh[refresh]
	old := f != nil && refresh != f.now
	switch {
	case f == nil:
		return nil, &refused{"invalid_grant", "there is no token " + refresh}
	case f.over:
		return nil, &refused{"invalid_grant", "Token " + refresh + " has been expired or revoked."}
	case old && !(p.Grace && refresh == f.before):
		f.over = true // somebody has stolen it
		return nil, &refused{"invalid_grant", "the token was used before"}
	}
	if !p.Rotate {
		return p.tokens(f, false), nil
	}
	f.before = refresh
	f.now = p.word("refresh")
	p.refresh[f.now] = f
	return p.tokens(f, true), nil
}

// offer makes a device code (RFC 8628 section 3.2).
func (p *Provider) offer(form url.Values) (map[string]any, *refused) {
	code, user := p.word("device"), rand.Text()[:4]+"-"+rand.Text()[:4]
	p.devices[code] = &device{user: user, scope: form.Get("scope")}
	return map[string]any{"device_code": code, "user_code": user, "verification_uri": p.URL + "/enter", "expires_in": 600, "interval": 1}, nil
}

// poll answers the question whether the user is done (RFC 8628 section 3.5).
func (p *Provider) poll(code string) (map[string]any, *refused) {
	d := p.devices[code]
	switch {
	case d == nil:
		return nil, &refused{"invalid_grant", "no such code"}
	case d.ended:
		return nil, &refused{"expired_token", "too late"}
	case d.refused:
		return nil, &refused{"access_denied", "the user said no"}
	case d.slow > 0:
		d.slow--
		return nil, &refused{"slow_down", ""}
	case !d.entered:
		return nil, &refused{"authorization_pending", ""}
	}
	delete(p.devices, code)
	return p.begin(d.scope), nil
}

// Slow has the device codes answer slow_down so often.
func (p *Provider) Slow(times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.devices {
		d.slow = times
	}
}

// revoke ends the family of a token (RFC 7009). One that is not known is no error.
func (p *Provider) revoke(word string) {
	if f := p.refresh[word]; f != nil {
		f.over = true
	}
	if t, ok := p.access[word]; ok {
		t.of.over = true
	}
}

// introspect tells a mail server about a token (RFC 7662).
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests["introspect"]++
	word := r.Form.Get("token")
	if header, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && word == "" {
		word = header
	}
	answer := map[string]any{"active": p.valid(word)}
	if p.valid(word) {
		answer["username"], answer["email"], answer["scope"] = p.User, p.User, p.access[word].of.scope
	}
	reply(w, answer, nil)
}
