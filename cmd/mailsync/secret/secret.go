// Package secret gets passwords from where the configuration says they are, and keeps
// them from being printed.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password. Whatever prints, formats, marshals or logs it gets "[secret]";
// only Reveal gives it away.
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
