package main

import (
	"context"

	backend "mailsync/backends/reach"
	"mailsync/cmd/mailsync/oauth"
)

// credentials are what an account logs in with.
type credentials struct {
	ask     func(context.Context) (backend.Secret, error)
	refused func(backend.Secret) // nil: nobody wants to know
	hint    string               // what to do where it stays refused, "" where nothing special
}

// credentials returns what the account logs in with, as the configuration has it.
func (r *accountRun) credentials() (credentials, error) {
	a := r.a
	switch {
	case a.OAuth != nil:
		source, err := r.tokens()
		if err != nil {
			return credentials{}, err
		}
		with := byTokens(source)
		with.hint = "the provider gave the token, so the server wants something else: is user the address that was logged in with, " +
			"is IMAP or POP3 switched on for the mailbox, and do the scopes fit the protocol?"
		return with, nil
	case !a.Token.None():
		return byTokens(&oauth.Helper{Source: a.Token}), nil
	}
	return credentials{ask: func(ctx context.Context) (backend.Secret, error) {
		password, err := a.Password.Read(ctx)
		return backend.Secret{Password: password.Reveal()}, err
	}}, nil
}

// byTokens are credentials of tokens, which a provider gives or a command prints.
func byTokens(from interface {
	Token(context.Context) (string, error)
	Refused(token string)
}) credentials {
	return credentials{
		ask: func(ctx context.Context) (backend.Secret, error) {
			token, err := from.Token(ctx)
			return backend.Secret{Password: token, Token: true}, err
		},
		refused: func(s backend.Secret) { from.Refused(s.Password) },
	}
}

// tokens is the source of the account's tokens, one for all connections of a run.
func (r *accountRun) tokens() (*oauth.Source, error) {
	if r.source != nil {
		return r.source, nil
	}
	source, err := oauth.NewSource(oauth.Options{Account: r.a.Name, User: r.a.User, OAuth: *r.a.OAuth, Secrets: &r.secrets})
	if err != nil {
		return nil, err
	}
	r.source = source
	return source, nil
}
