package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mailsync/state"
)

// Leaving is what became of a log-in that was given up.
type Leaving struct {
	Was     bool  // there was one here
	Revoked bool  // the provider has ended it
	Err     error // why it did not, nil where it was not asked
}

// Leave gives a log-in up: it is revoked where the provider can do that (RFC 7009), and then forgotten
// here, also where revoking it failed. An error is that it could not be forgotten.
func (s *Source) Leave(ctx context.Context) (Leaving, error) { return s.leave(ctx, ctx) }

// Discard is Leave for a log-in that came to nothing. The provider is not waited for long, and what is here
// is forgotten in any case.
func (s *Source) Discard(ctx context.Context) (Leaving, error) {
	ctx = context.WithoutCancel(ctx)
	asking, cancel := context.WithTimeout(ctx, cmp.Or(s.patience, discardWait))
	defer cancel()
	return s.leave(ctx, asking)
}

// discardWait is how long Discard waits for the provider.
const discardWait = 5 * time.Second

// leave is Leave whose asking of others ends with a context of its own.
func (s *Source) leave(ctx, asking context.Context) (Leaving, error) {
	var did Leaving
	l, err := s.lock(ctx)
	if err != nil {
		return did, err
	}
	defer func() { _ = l.Unlock() }() // what was removed is durably so
	if err := s.vault.files.MakePrivate(); err != nil {
		return did, err // what others may have read has to be revoked all the more
	}
	r, err := s.vault.read()
	if err != nil && state.KindOf(err) == state.Storage {
		return did, err
	}
	did.Was = r != nil || err != nil
	switch {
	case s.RevokeURL == "" || !did.Was:
	case r == nil:
		did.Err = state.Faultf(state.Login, "what was kept of the log-in cannot be read")
	default:
		if did.Err = s.vault.recall(asking, r); did.Err == nil {
			did.Err = s.revoke(asking, r)
		}
		did.Revoked = did.Err == nil
	}
	if ctx.Err() != nil {
		return did, context.Cause(ctx)
	}
	return did, s.vault.forget(ctx, l, r)
}

// revoke ends the refresh token at the provider, and with it the access tokens (RFC 7009 section 2.1);
// where there is none, the access token.
func (s *Source) revoke(ctx context.Context, r *record) error {
	const doing = "revoke the log-in"
	conf, err := s.config(ctx)
	if err != nil {
		return err
	}
	form := url.Values{"token": {r.Refresh}, "token_type_hint": {"refresh_token"}}
	if r.Refresh == "" {
		form = url.Values{"token": {r.Access}, "token_type_hint": {"access_token"}}
	}
	form.Set("client_id", conf.ClientID)
	if conf.ClientSecret != "" {
		form.Set("client_secret", conf.ClientSecret)
	}
	err = s.post(ctx, s.RevokeURL, form)
	if code, _ := refusal(err); code == "invalid_token" || code == "invalid_grant" {
		return nil // it had ended already
	}
	if err != nil {
		return s.fault(ctx, doing, s.RevokeURL, err)
	}
	return nil
}

// post sends a form to the provider. The body of a good answer is of no interest.
func (s *Source) post(ctx context.Context, address string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	resp, err := s.client.client(ctx, false).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	// As the library has the errors of the token endpoint.
	refused := &oauth2.RetrieveError{Response: resp}
	var doc struct {
		Code  string `json:"error"`
		Words string `json:"error_description"`
	}
	if json.NewDecoder(resp.Body).Decode(&doc) == nil {
		refused.ErrorCode, refused.ErrorDescription = doc.Code, doc.Words
	}
	return refused
}
