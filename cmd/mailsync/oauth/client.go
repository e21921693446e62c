package oauth

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"mailsync/backends/redact"
	"mailsync/cmd/mailsync/config"
)

// Options are what a log-in by tokens needs to know of an account.
type Options struct {
	Account string // its name in the configuration, which the user logs in by
	User    string // at the mail server
	config.OAuth

	Secrets *redact.Secrets // gets every secret that passes
	Timeout time.Duration   // for one answer of the provider; 0 means 30 seconds
	Now     func() time.Time
}

// client talks to the provider of an account.
type client struct {
	Options
	http http.RoundTripper
}

func newClient(o Options) *client {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Secrets == nil {
		o.Secrets = &redact.Secrets{}
	}
	return &client{o, newTransport(o.Timeout)}
}

// config is the account's for the library, with the secret of the client where it has one.
func (c *client) config(ctx context.Context) (*oauth2.Config, error) {
	conf := &oauth2.Config{
		ClientID: c.ClientID, Scopes: c.Scopes,
		// Of the two places for the client's secret, every provider we know takes it here.
		Endpoint: oauth2.Endpoint{AuthURL: c.AuthURL, TokenURL: c.TokenURL, DeviceAuthURL: c.DeviceURL, AuthStyle: oauth2.AuthStyleInParams},
	}
	if c.ClientSecret.None() {
		return conf, nil
	}
	word, err := c.ClientSecret.Read(ctx)
	if err != nil {
		return nil, err
	}
	conf.ClientSecret = word.Reveal()
	c.Secrets.Keep(conf.ClientSecret)
	return conf, nil
}

// ask sends one question to the provider's token endpoint, and keeps what it got
// from being shown. A client that is refused is tried once more with its secret in the header, where
// RFC 6749 section 2.3.1 prefers it.
func (c *client) ask(ctx context.Context, conf *oauth2.Config, question func(context.Context, *oauth2.Config) (*oauth2.Token, error)) (*oauth2.Token, error) {
	token, err := question(c.with(ctx), conf)
	if code, _ := refusal(err); code == "invalid_client" && conf.ClientSecret != "" {
		other := *conf
		other.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
		token, err = question(c.with(ctx), &other)
	}
	if err != nil {
		return nil, err
	}
	c.Secrets.Keep(token.AccessToken, token.RefreshToken)
	return token, nil
}

// with makes the library use our client.
func (c *client) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, c.client(ctx, true))
}

// client is one whose answers are bounded and, where objects are wanted, of JSON. Each request ends
// with the context, or when its time is up.
func (c *client) client(ctx context.Context, objects bool) *http.Client {
	return &http.Client{
		Transport: bound{to: c.http, ctx: ctx, timeout: c.Timeout, objects: objects},
		// No endpoint of OAuth redirects; the page of some hotel's network does.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Withheld are the scopes that were asked for and not given: in the pages of some providers the user
// ticks each, and a log-in without one comes to nothing at the mail server. It is nil where the answer
// does not tell (RFC 6749 section 5.1). Whether the log-in can be renewed is seen from its tokens.
func (s *Source) Withheld(given *oauth2.Token) (scopes []string) {
	told, _ := given.Extra("scope").(string)
	for _, scope := range s.Scopes {
		if told != "" && scope != "offline_access" && !slices.Contains(strings.Fields(told), scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}
