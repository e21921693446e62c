package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/term"

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
	in := int(os.Stdin.Fd())
	before, err := term.GetState(in)
	if err != nil {
		return secret.Secret{}, state.Faultf(state.Login, "the password is needed, and there is no terminal to ask for it").
			WithHint("use --password-command 'pass show mail/work', or a configuration")
	}
	type answer struct {
		word []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		word, err := term.ReadPassword(in)
		got <- answer{word, err}
	}()
	// Until the terminal stops to echo, a password that is typed at once would be seen.
	for n := 0; n < 200 && echoes(in, before) && len(got) == 0; n++ {
		time.Sleep(time.Millisecond)
	}
	_, _ = fmt.Fprintf(stderr, "Password of %s at %s: ", strconv.QuoteToGraphic(user), host)
	select {
	case a := <-got:
		_, _ = fmt.Fprintln(stderr)
		if a.err != nil {
			return secret.Secret{}, state.Faultf(state.Login, "read the password: %w", a.err)
		}
		if len(a.word) == 0 {
			return secret.Secret{}, state.Faultf(state.Login, "the password is empty")
		}
		return secret.New(string(a.word)), nil
	case <-ctx.Done():
		_ = term.Restore(in, before) // the goroutine that waits for the password ends with the program
		_, _ = fmt.Fprintln(stderr)
		return secret.Secret{}, context.Cause(ctx)
	}
}

// echoes reports whether a terminal is still as it was.
func echoes(in int, before *term.State) bool {
	now, err := term.GetState(in)
	return err == nil && *now == *before
}
