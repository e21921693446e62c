package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/providers"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
	"mailsync/state/store"
)

// credential is where the password is, or will be.
type credential struct {
	command []string
	file    string
	keyring bool
	typed   secret.Secret // was typed, and is put into file or keyring once it has worked
	asked   bool          // it was typed, or is to be
	client  *client       // tokens in place of a password; nil: a password
}

// source is where the password is read from in this run.
func (c credential) source(user, host string) secret.Source {
	switch {
	case c.asked:
		return secret.Source{Literal: c.typed}
	case len(c.command) > 0:
		return secret.Source{Command: c.command}
	case c.file != "":
		return secret.Source{File: c.file}
	}
	return secret.Source{Keyring: user + "@" + host}
}

// line is the key that the configuration gets.
func (c credential) line(env func(string) string) config.Line {
	switch {
	case c.client != nil:
		return config.Line{Key: "auth", Value: "oauth2"}
	case len(c.command) > 0:
		return config.Line{Key: "password_command", Value: c.command}
	case c.file != "":
		return config.Line{Key: "password_file", Value: config.Short(c.file, env)}
	}
	return config.Line{Key: "password_keyring", Value: true}
}

// chooseSecret finds out where the password is, and asks for it where nobody else has it.
func (s *setup) chooseSecret(ctx context.Context) error {
	if tokens, err := s.wantsTokens(ctx); tokens || err != nil {
		return err
	}
	o, given := s.flags, 0
	for _, name := range []string{"password-file", "password-command", "keyring"} {
		if s.changed(name) {
			given++
		}
	}
	switch {
	case given > 1:
		return usage("several places for one password").WithHint("give one of --password-command, --password-file, --keyring")
	case s.changed("password-command"):
		argv, err := secret.Words(o.passwordCommand)
		if err != nil {
			return usage("--password-command: %w", err)
		}
		s.secret.command = argv
		return nil
	case o.passwordFile != "":
		return s.secretInFile(ctx)
	case o.keyring:
		return s.secretInKeyring(ctx)
	case s.ask == nil:
		return noSecret(s.server.User)
	}
	return s.typeSecret(ctx)
}

func noSecret(user string) error {
	return usage("there is no terminal to ask for the password of %s", user).
		WithHint("give --password-command 'pass show mail/work', --password-file FILE, or --keyring")
}

// secretInFile takes the password from a file. One that does not exist is made, with a password that is typed.
func (s *setup) secretInFile(ctx context.Context) error {
	path, err := filepath.Abs(s.flags.passwordFile)
	if err != nil {
		return usage("--password-file: %w", err)
	}
	s.secret.file = path
	if info, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if passing(path) || err == nil && !info.Mode().IsRegular() {
			return usage("--password-file: %s is not a file that is there for the next run too", s.flags.passwordFile).
				WithHint("write the password into a file, or give --password-command")
		}
		return nil // how it can be read shows when it is
	}
	if s.ask == nil {
		return usage("--password-file: %s does not exist", path).WithHint("write the password into it, on one line, and make it private: chmod 600")
	}
	return s.typeSecret(ctx)
}

// passing reports whether a path is one of this process alone, such as the <(…) of a shell.
func passing(path string) bool {
	return path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/")
}

// secretInKeyring takes the password from the keyring, or has it typed to be put there.
func (s *setup) secretInKeyring(ctx context.Context) error {
	s.secret.keyring = true
	_, err := s.secret.source(s.server.User, s.server.Host).Read(ctx)
	if err == nil || s.ask == nil || ctx.Err() != nil || !secret.KeyringWorks(ctx) {
		return err
	}
	return s.typeSecret(ctx)
}

// typeSecret asks for the password.
func (s *setup) typeSecret(ctx context.Context) error {
	kind, help := "Password", ""
	if p := s.server.Provider; p != nil {
		switch p.Login {
		case providers.AppPassword:
			kind, help = "App password", "Not the account's own: "+p.Title+" refuses that here."
		case providers.OwnPassword:
			kind, help = "Password for mail programs", ""
		case providers.Bridge:
			kind, help = "Password that Bridge shows", "Not the one of the Proton account."
		}
	}
	check := func(word string) error {
		if word == "" {
			return errors.New("it must not be empty")
		}
		return nil
	}
	q := ask.Question{Title: fmt.Sprintf("%s of %s", kind, s.server.User), Help: help, Check: check}
	word, err := s.ask.Secret(ctx, q)
	s.secret.typed, s.secret.asked = secret.New(s.tidied(word)), true
	return err
}

// tidied is a password without what comes with it from a web page: blanks around it, and those that
// Google shows within its app passwords and does not take.
func (s *setup) tidied(word string) string {
	p := s.server.Provider
	if p == nil || p.Login != providers.AppPassword {
		return word
	}
	word = strings.TrimSpace(word)
	inGroups := regexp.MustCompile(`^[a-z]{4}([ \x{a0}][a-z]{4}){3}$`) // as Google shows it, for the eye
	if p.OAuth == "google" && inGroups.MatchString(strings.ToLower(word)) {
		return strings.NewReplacer(" ", "", "\u00a0", "").Replace(word)
	}
	return word
}

// keepSecret asks where a password that was typed, and has worked, is kept.
func (s *setup) keepSecret(ctx context.Context) error {
	c := &s.secret
	if !c.asked || c.file != "" || c.keyring {
		return nil
	}
	path := s.freeFile(".password")
	if !secret.KeyringWorks(ctx) {
		c.file = path
		return ctx.Err()
	}
	choices := []string{
		"in the keyring of this desktop (cron can read it only while you are logged in)",
		"in a file that only you can read: " + config.Short(path, os.Getenv),
	}
	n := 0
	if !s.flags.yes {
		var err error
		if n, err = s.ask.One(ctx, ask.Question{Title: "Keep the password"}, choices, 0); err != nil {
			return err
		}
	}
	if c.keyring = n == 0; !c.keyring {
		c.file = path
	}
	return nil
}

// freeFile is a file beside the configuration for a secret, one that does not exist yet.
func (s *setup) freeFile(kind string) string {
	dir := filepath.Dir(s.draft.Path)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	for n, name := 2, s.name; ; n++ {
		path := filepath.Join(dir, name+kind)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || n > 100 {
			return path
		}
		name = fmt.Sprintf("%s-%d", s.name, n)
	}
}

// storeSecret puts a password or a client's secret that was typed where it is kept, and returns how that is undone.
func (s *setup) storeSecret(ctx context.Context) (undo func(), err error) {
	c := s.secret
	switch {
	case c.client != nil && c.client.file != "":
		return storeInFile(c.client.file, c.client.secret)
	case c.client != nil, !c.asked:
		return func() {}, nil
	case c.file != "":
		return storeInFile(c.file, c.typed)
	}
	name := s.server.User + "@" + s.server.Host
	return func() { _ = secret.Forget(ctx, name) }, secret.Store(ctx, name, c.typed.Reveal())
}

// storeInFile writes a secret into a file of its own, which must not exist, and returns how that is undone.
func storeInFile(path string, word secret.Secret) (undo func(), err error) {
	if _, err := os.Lstat(path); err == nil {
		return func() {}, state.Faultf(state.Storage, "%s exists meanwhile", path).WithHint("run init again")
	}
	return func() { _ = store.RemoveUserFile(path) }, store.WriteUserFile(path, []byte(word.Reveal()+"\n"))
}
