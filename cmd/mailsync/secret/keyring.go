package secret

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/zalando/go-keyring"

	"mailsync/state"
)

// KeyringService is the service under which the keyring has our passwords.
const KeyringService = "mailsync"

// fromKeyring asks the keyring of the user's session for a password. A keyring that wants to be
// unlocked is waited for as password_command is.
func (s Source) fromKeyring(ctx context.Context) (Secret, error) {
	type answer struct {
		word string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		word, err := keyring.Get(KeyringService, s.Keyring)
		got <- answer{word, err}
	}()
	limit := cmp.Or(s.Timeout, commandTimeout)
	select {
	case a := <-got:
		switch {
		case errors.Is(a.err, keyring.ErrNotFound):
			return Secret{}, state.Faultf(state.Login, "password_keyring: the keyring has no password of %s", s.Keyring).
				WithHint("store it: %s", storeIn(s.Keyring))
		case a.err != nil:
			return Secret{}, state.Faultf(state.Login, "password_keyring: %w", a.err).
				WithHint("there may be no keyring here, or none for cron: password_command or password_file need none")
		case a.word == "":
			return Secret{}, state.Faultf(state.Login, "password_keyring: the password of %s is empty", s.Keyring)
		}
		return New(a.word), nil
	case <-time.After(limit):
		return Secret{}, state.Faultf(state.Login, "password_keyring: no answer in %v", limit).
			WithHint("the keyring may be locked: unlock it, or log in to the desktop")
	case <-ctx.Done():
		return Secret{}, ctx.Err()
	}
}

// storeIn is a command that puts a password into the keyring of this system.
func storeIn(user string) string {
	switch runtime.GOOS {
	case "darwin":
		return "security add-generic-password -s " + KeyringService + " -a '" + user + "' -w"
	case "windows":
		return "cmdkey /generic:" + KeyringService + ":" + user + " /user:" + user + " /pass"
	}
	return "secret-tool store --label=mailsync service " + KeyringService + " username '" + user + "'"
}
