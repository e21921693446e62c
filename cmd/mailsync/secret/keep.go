package secret

import (
	"context"
	"errors"
	"time"

	"github.com/zalando/go-keyring"

	"mailsync/state"
)

// Store puts a word into the user's keyring, in place of an older one. An error is of kind Login: there
// is no keyring, it does not answer, or the word is too long for it.
func Store(ctx context.Context, name, word string) error {
	return inKeyring(ctx, "store in the keyring", func() error { return keyring.Set(KeyringService, name, word) })
}

// Recall reads a word that Store put into the user's keyring.
func Recall(ctx context.Context, name string) (Secret, error) {
	got := make(chan string, 1)
	err := inKeyring(ctx, "read from the keyring", func() error {
		text, err := keyring.Get(KeyringService, name)
		got <- text
		return err
	})
	if err != nil {
		return Secret{}, err
	}
	return New(<-got), nil
}

// Forget removes a word from the user's keyring. One that is not there is no error.
func Forget(ctx context.Context, name string) error {
	return inKeyring(ctx, "remove from the keyring", func() error {
		if err := keyring.Delete(KeyringService, name); !errors.Is(err, keyring.ErrNotFound) {
			return err
		}
		return nil
	})
}

// inKeyring does something in the keyring. One that has to be unlocked is waited for as long as for
// password_command.
func inKeyring(ctx context.Context, doing string, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		if err != nil {
			return state.Faultf(state.Login, "%s: %w", doing, err)
		}
		return nil
	case <-time.After(commandTimeout):
		return state.Faultf(state.Login, "%s: no answer in %v", doing, commandTimeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
