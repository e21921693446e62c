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

// mostTries is how often a password is asked for. Servers count failures, and lock out who has too many.
const mostTries = 3

// typing asks for an account's password on the terminal, above the progress, when the server wants it: by
// then TLS is up, and its certificate is trusted. All connections of the run share the answer.
type typing struct {
	program *program
	account *config.Account

	mu    sync.Mutex
	known secret.Secret // the answer, empty before
	tries int
}

// typed is the password that somebody types.
func (p *program) typed(a *config.Account) secret.Source {
	t := &typing{program: p, account: a}
	return secret.Source{Ask: t.ask, Again: t.again}
}

func (t *typing) ask(ctx context.Context) (secret.Secret, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.known.Empty() {
		return t.known, nil
	}
	resume := t.program.shown.Suspend()
	defer resume()
	var err error
	t.tries++
	t.known, err = askPassword(ctx, t.account.User, t.account.Host, t.program.stderr)
	return t.known, err
}

// again forgets an answer that was refused, and reports whether there will be another one. It prints
// why, unless that ends the run.
func (t *typing) again(refused error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known.Empty() || t.tries >= mostTries {
		return false
	}
	t.known = secret.Secret{}
	t.program.shown.Wrong(fmt.Errorf("%s: %w", t.account.Name, refused))
	return true
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
