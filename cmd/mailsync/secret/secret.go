// Package secret reads passwords from where the configuration says they are, and keeps
// them from being printed.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"mailsync/state"
)

// Secret is a password. Whatever prints, formats, marshals or logs it gets "[secret]";
// only Reveal returns it.
type Secret struct{ word string }

// New returns a Secret that hides word.
func New(word string) Secret { return Secret{word} }

// Reveal returns the password, for the one call that sends it.
func (s Secret) Reveal() string { return s.word }

// Empty reports whether there is no password at all.
func (s Secret) Empty() bool { return s.word == "" }

const mask = "[secret]"

func (s Secret) String() string { return mask }

// GoString hides it from %#v where fmt.Formatter is not asked.
func (s Secret) GoString() string { return mask }

// Format hides it from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText hides it from encoding/json and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue hides it from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// withdrawn is what Withdraw took out of the environment of this process.
var withdrawn struct {
	sync.Mutex
	words map[string]string
}

// Withdraw removes the variables that sources name from the environment of this process, so
// that no child inherits a password: neither a password_command nor a program that a library
// starts. A Source still finds it.
func Withdraw(sources ...Source) {
	withdrawn.Lock()
	defer withdrawn.Unlock()
	for _, s := range sources {
		word, set := os.LookupEnv(s.Env)
		if !set {
			continue
		}
		if withdrawn.words == nil {
			withdrawn.words = map[string]string{}
		}
		withdrawn.words[s.Env] = word
		_ = os.Unsetenv(s.Env) // it was found, so its name is valid
	}
}

// lookup is os.LookupEnv that also knows what was withdrawn. The environment wins: it is
// newer.
func lookup(name string) (word string, set bool) {
	withdrawn.Lock()
	defer withdrawn.Unlock()
	if word, set = os.LookupEnv(name); !set {
		word, set = withdrawn.words[name]
	}
	return word, set
}

func fromEnv(name string) (Secret, error) {
	word, set := lookup(name)
	if !set {
		return Secret{}, state.Faultf(state.Login, "password_env: $%s is not set", name).
			WithHint("export %s before mailsync starts; cron sets very few variables", name)
	}
	return notEmpty(word, "password_env: $"+name)
}

// notEmpty returns a password, or the error that its source holds an empty one.
func notEmpty(word, source string) (Secret, error) {
	if word == "" {
		return Secret{}, state.Faultf(state.Login, "%s is empty", source)
	}
	return New(word), nil
}
