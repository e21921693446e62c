package main

import (
	"context"
	"runtime"
	"strings"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/oauth"
	"mailsync/cmd/mailsync/providers"
	"mailsync/cmd/mailsync/secret"
)

// client is what a user registered with a provider to get tokens.
type client struct {
	provider providers.OAuth
	id       string
	secret   secret.Secret // "": it has none
	file     string        // where the secret is kept
	device   bool          // by a code, not in a browser on this machine
	tokens   *oauth.Source // of a log-in that is to be discarded unless the account is written; nil: there is none
}

// guide is where a provider's way to register a client is described.
func guide(name string) string {
	if strings.HasPrefix(name, "google") {
		return "docs/guides/gmail.md"
	}
	return "docs/guides/outlook.md"
}

// noPassword refuses to set an account up without a person where the server takes no password: the client
// id has to come from somebody.
func (s *setup) noPassword() error {
	if !s.server.OnlyOAuth || s.ask != nil && !s.secretGiven() {
		return nil
	}
	known, _ := s.oauthProvider()
	return usage("%s takes no password, only OAuth, with a client id of your own", s.server.Host).
		WithHint("run init at a terminal without a password, or write the account yourself: %s", guide(known.Name))
}

// oauthProvider is what is known of the tokens of the server's provider.
func (s *setup) oauthProvider() (providers.OAuth, bool) {
	if s.server.Provider == nil {
		return providers.OAuth{}, false
	}
	return providers.OAuthOf(s.server.Provider.OAuth)
}

// wantsTokens finds out whether the account logs in by OAuth: where the provider takes nothing else, or
// where somebody chooses it.
func (s *setup) wantsTokens(ctx context.Context) (bool, error) {
	known, ok := s.oauthProvider()
	switch {
	case s.server.OnlyOAuth && !ok:
		return false, usage("the server takes no passwords, only OAuth, and its provider is not known").
			WithHint(`write the account yourself, with auth = "oauth2": docs/reference.md`)
	case s.server.OnlyOAuth:
		return true, s.askClient(ctx, known)
	case known.Name != "google" || s.ask == nil || s.flags.yes || s.secretGiven():
		return false, nil
	}
	n, err := s.ask.One(ctx, ask.Question{Title: "Log in by"}, []string{"an app password", "OAuth, with a client id that you register with Google (" + guide(known.Name) + ")"}, 0)
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.askClient(ctx, known)
}

// askClient asks for the client that the user registered.
func (s *setup) askClient(ctx context.Context, known providers.OAuth) (err error) {
	s.say("mailsync has no client id of its own: everybody registers one with the provider, once. %s shows how.", guide(known.Name))
	if known.Note != "" {
		s.say("%s.", strings.ToUpper(known.Note[:1])+known.Note[1:])
	}
	c := &client{provider: known}
	if c.id, err = s.ask.Text(ctx, ask.Question{Title: "Client id", Check: notEmpty}, ""); err != nil {
		return err
	}
	if known.NeedsSecret {
		word, err := s.ask.Secret(ctx, ask.Question{Title: "Client secret", Check: notEmpty})
		if err != nil {
			return err
		}
		c.secret, c.file = secret.New(strings.TrimSpace(word)), s.freeFile(".client")
	}
	if known.DeviceURL != "" {
		n, err := s.ask.One(ctx, ask.Question{Title: "Log in"}, []string{"in a browser on this machine", "with a code, in a browser on any machine"}, 0)
		if err != nil {
			return err
		}
		c.device = n == 1
	}
	s.secret.client = c
	return nil
}

// oauthTable is the account's table for tokens, "" without.
func (s *setup) oauthTable() string {
	c := s.secret.client
	if c == nil {
		return ""
	}
	lines := []config.Line{{Key: "provider", Value: c.provider.Name}, {Key: "client_id", Value: strings.TrimSpace(c.id)}}
	if c.file != "" {
		printer := []string{"cat", c.file}
		if runtime.GOOS == "windows" {
			printer = []string{"cmd", "/c", "type", c.file}
		}
		lines = append(lines, config.Line{Key: "client_secret_command", Value: printer})
	}
	return config.SubTable(s.name, "oauth2", lines)
}

// signIn gets tokens, by the way that "login" goes, before anything is written.
func (s *setup) signIn(ctx context.Context) error {
	c := s.secret.client
	r, err := s.trial()
	if err != nil {
		return err
	}
	defer r.hangUp()
	tokens, err := r.tokens()
	if err != nil {
		return err
	}
	if _, none := tokens.Standing(); none != nil { // else it may be in use by another configuration
		c.tokens = tokens
	}
	result, err := logIn(ctx, r, &signingIn{device: c.device})
	switch {
	case err != nil:
		return err
	case len(result.Problems) > 0:
		return result.Problems[0].Err
	}
	return nil
}

// discard ends a log-in by tokens that came to nothing: nothing is kept unless the account is written.
func (s *setup) discard(ctx context.Context) {
	c := s.secret.client
	if c == nil || c.tokens == nil {
		return
	}
	did, err := c.tokens.Discard(ctx)
	switch {
	case err != nil:
		s.report.Wrong(err)
	case did.Was && did.Revoked:
		s.say("The tokens of this log-in were revoked, and are not kept.")
	case did.Was:
		s.say("The tokens of this log-in are not kept. The provider's web page still lists it, among the apps that have access to the account.")
	}
}
