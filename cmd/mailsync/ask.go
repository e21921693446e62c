package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/term"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

// typed is a source that asks for an account's password on the terminal, above the progress, when the
// server wants it: by then TLS is up, and its certificate is trusted. All connections of the run share the answer.
func (p *program) typed(a *config.Account) func(context.Context) (secret.Secret, error) {
	var mu sync.Mutex
	var known secret.Secret
	return func(ctx context.Context) (secret.Secret, error) {
		mu.Lock()
		defer mu.Unlock()
		if !known.Empty() {
			return known, nil
		}
		resume := p.suspend()
		defer resume()
		word, err := askPassword(ctx, a.User, a.Host, p.stderr)
		known = word
		return word, err
	}
}

// askPassword asks for a password on the terminal and does not show it.
func askPassword(ctx context.Context, user, host string, stderr io.Writer) (secret.Secret, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return secret.Secret{}, state.Faultf(state.Login, "the password is needed, and there is no terminal to ask for it").
			WithHint("use --password-command 'pass show mail/work', or a configuration")
	}
	word, err := ask.Password(ctx, os.Stdin, stderr, fmt.Sprintf("Password of %s at %s: ", strconv.QuoteToGraphic(user), host))
	return secret.New(word), err
}
