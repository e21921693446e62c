package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/oauth2"

	"mailsync/backends/reach"
	"mailsync/state"
)

// refusal is the code of an error that the provider answered with, "" for any other error, and its
// own words about it.
func refusal(err error) (code, words string) {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return e.ErrorCode, e.ErrorDescription
	}
	return "", ""
}

// fault gives an error of the provider its kind: what the user has to do about it. It shows the
// provider's own words, cut and quoted, and never an answer as it is, for tokens are in those.
func (c *client) fault(ctx context.Context, doing, at string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*state.Fault](err); ok {
		return err
	}
	host := hostOf(at)
	if code, words := refusal(err); code != "" {
		return c.refused(doing, host, code, words, statusOf(err))
	}
	if status := statusOf(err); status != 0 {
		return state.Faultf(state.Unreachable, "%s: %s answered %d %s", doing, host, status, http.StatusText(status)).
			WithHint("%s", statusHint(status))
	}
	if e, ok := errors.AsType[*url.Error](err); ok { // the address around it is left out
		if err = e.Err; !errors.Is(err, errGarbage) {
			return reach.Fault(doing+": "+host, err)
		}
	}
	if !errors.Is(err, errGarbage) { // the library quotes what it cannot read
		err = errGarbage
	}
	return state.Faultf(state.Unreachable, "%s: %s: %w", doing, host, err).
		WithHint("is something between this machine and the provider, or is token_url wrong?")
}

// statusOf is the HTTP status of an answer that is an error, 0 for any other error.
func statusOf(err error) int {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response != nil {
		return e.Response.StatusCode
	}
	return 0
}

func statusHint(status int) string {
	switch {
	case status/100 == 3:
		return "it wants to send us elsewhere, and secrets are sent to the configured address alone: is it right, and is this network without a log-in page of its own?"
	case status == http.StatusTooManyRequests || status/100 == 5:
		return "the provider is busy or down: run it again later"
	}
	return "is the address in the configuration right?"
}

// over are the refusals that only another log-in of the user ends.
var over = []string{"invalid_grant", "interaction_required", "login_required", "consent_required", "invalid_token"}

// passing are the refusals that end by themselves.
var passing = []string{"temporarily_unavailable", "server_error", "slow_down"}

// refused is the error for an answer of RFC 6749 section 5.2.
func (c *client) refused(doing, host, code, words string, status int) error {
	said := reach.Clean(c.Secrets.Hide(code))
	if words = c.Secrets.Hide(words); words != "" {
		said += " " + reach.Quoted(words)
	}
	switch {
	case slices.Contains(over, code):
		// One line, the command in it: cron mails it, and people look for what to type.
		return state.Faultf(state.Login, "the log-in of %s at %s has expired or was revoked: run %q (%s)", reach.Quoted(c.User), host, c.command(), said)
	case slices.Contains(passing, code), status == http.StatusTooManyRequests, status/100 == 5:
		return state.Faultf(state.Unreachable, "%s: %s is not available for now: %s", doing, host, said).WithHint("run it again later")
	case code == "invalid_client" || code == "unauthorized_client":
		return state.Faultf(state.Login, "%s: %s does not accept the client: %s", doing, host, said).
			WithHint("client_id or client_secret of account %s is wrong, or the client is not registered for this kind of log-in", c.Account)
	case code == "access_denied":
		return state.Faultf(state.Login, "%s: access was denied: %s", doing, said).WithHint("allow it in the browser; an administrator may have to allow it first")
	case code == "invalid_scope":
		return state.Faultf(state.Login, "%s: %s does not give what is asked for: %s", doing, host, said).WithHint("see scopes of account %s, and what the client is registered for", c.Account)
	}
	return state.Faultf(state.Login, "%s: %s refused: %s", doing, host, said)
}

// command is what the user has to run.
func (o *Options) command() string { return "mailsync login " + o.Account }

// hostOf is the host of an address, for people.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the provider"
	}
	return u.Host
}
