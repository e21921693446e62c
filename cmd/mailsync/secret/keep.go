package secret

import (
	"context"
	"errors"

	"github.com/zalando/go-keyring"

	"mailsync/state"
)

// Store puts a word into the user's keyring, in place of an older one. An error is of kind Login: there
// is no keyring, it does not answer, or the word is too long for it.
func Store(ctx context.Context, name, word string) error {
	_, err := inKeyring(ctx, "store in the keyring", func() (string, error) { return "", keyring.Set(KeyringService, name, word) })
	return err
}

// Recall reads a word that Store put into the user's keyring.
func Recall(ctx context.Context, name string) (Secret, error) {
	word, err := inKeyring(ctx, "read from the keyring", func() (string, error) { return keyring.Get(KeyringService, name) })
	return New(word), err
}

// Forget removes a word from the user's keyring. One that is not there is no error.
func Forget(ctx context.Context, name string) error {
	_, err := inKeyring(ctx, "remove from the keyring", func() (string, error) {
		if err := keyring.Delete(KeyringService, name); !errors.Is(err, keyring.ErrNotFound) {
			return "", err
		}
		return "", nil
	})
	return err
}

// inKeyring does something in the keyring. One that has to be unlocked is waited for as long as for
// password_command.
func inKeyring(ctx context.Context, doing string, do func() (string, error)) (string, error) {
	word, err := await(ctx, commandTimeout, do)
	switch {
	case err == nil:
		return word, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, errTooLate):
		return "", state.Faultf(state.Login, "%s: no answer in %v", doing, commandTimeout)
	}
	return "", state.Faultf(state.Login, "%s: %w", doing, err)
}
