package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	backend "mailsync/backends/reach"
	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

// chooseFolder chooses where the mail is kept.
func (s *setup) chooseFolder(ctx context.Context) error {
	dir := s.flags.maildir
	if dir == "" {
		if _, err := s.account(); err == nil {
			return nil // the defaults have one
		}
		dir = "~/Mail/" + s.name
		if s.ask != nil && !s.flags.yes {
			check := func(text string) error { _, err := folder(text); return err }
			text, err := s.ask.Text(ctx, ask.Question{Title: "Folder for its mail", Check: check}, dir)
			if err != nil {
				return err
			}
			dir = text
		}
	}
	path, err := folder(dir)
	if err != nil {
		return err
	}
	s.maildir = path
	_, err = s.account()
	return err
}

// folder is the full path of a folder that exists, or can be made.
func folder(text string) (string, error) {
	path, err := config.Expand(text, os.Getenv)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", usage("--maildir: %w", err)
	}
	_, err = existing(path)
	return path, err
}

// table is the account's table as it is to be written.
func (s *setup) table() string {
	f := s.server
	lines := []config.Line{}
	add := func(key string, value any, comment string) {
		lines = append(lines, config.Line{Key: key, Value: value, Comment: comment})
	}
	sets := s.draft.Sets // what [defaults] has would else be the account's
	if f.Protocol != "imap" || sets("protocol") {
		add("protocol", f.Protocol, "")
	}
	add("host", f.Host, "")
	if f.Port != config.DefaultPort(f.Protocol, f.TLS) || sets("port") {
		add("port", f.Port, "")
	}
	if f.TLS != "implicit" || sets("tls") {
		add("tls", f.TLS, "")
	}
	if s.flags.tlsCA != "" {
		add("tls_ca", config.Short(s.flags.tlsCA, os.Getenv), "")
	}
	if len(s.pins) > 0 {
		add("tls_pins", s.pins, "trusted, whoever signed the certificate")
	}
	add("user", f.User, "")
	if s.secret.client == nil && sets("auth") {
		add("auth", "password", "")
	}
	lines = append(lines, s.secret.line(os.Getenv))
	if s.maildir != "" {
		add("maildir", config.Short(s.maildir, os.Getenv), "")
	}
	if f.Protocol == "imap" {
		if !slices.Equal(s.exclude, s.excludedAlways()) {
			add("exclude", s.exclude, "mailboxes that are left out")
		}
		if p, usual := f.Provider, s.draft.Defaults().Connections; p != nil && (p.Connections < usual || p.Connections > usual && !sets("connections")) {
			add("connections", p.Connections, "")
		}
	}
	return config.Table(s.name, s.head(), lines) + s.oauthTable()
}

// excludedAlways are the patterns that [defaults] has.
func (s *setup) excludedAlways() (patterns []string) {
	for _, p := range s.draft.Defaults().Mailboxes.Exclude {
		patterns = append(patterns, p.String())
	}
	return patterns
}

// head is what stands above the table.
func (s *setup) head() (lines []string) {
	if !s.draft.Exists {
		lines = append(lines, `mailsync's configuration, begun by "mailsync init". "mailsync help config" has every key.`, "")
	}
	about := s.address.Text
	if about == "" {
		about = s.server.User
	}
	lines = append(lines, fmt.Sprintf("%s, set up on %s.", about, time.Now().Format(time.DateOnly)))
	switch pop3, sets := s.server.Protocol == "pop3", s.draft.Sets; {
	case pop3 && sets("delete", "delete_bigger_than"):
		return append(lines, "[defaults] says what is deleted on the server: delete, delete_bigger_than.")
	case pop3:
		return append(lines, "Nothing is deleted on the server: delete = \"14d\" would delete what has been here for so long.")
	case sets("flags", "on_server_delete", "on_disk_delete", "append"):
		return append(lines, "[defaults] says where flags go and what is deleted: flags, on_server_delete, on_disk_delete, append.")
	}
	return append(lines, "Flags go both ways, and nothing is deleted on either side: on_server_delete, on_disk_delete and append change that.")
}

// account is the account as it will be read, to try it before it is written.
func (s *setup) account() (*config.Account, error) {
	a, err := s.draft.Read(s.name, s.table(), os.Getenv)
	if err != nil {
		return nil, err
	}
	a.Timeout = min(a.Timeout, 20*time.Second) // somebody is waiting
	a.MaxWait = 0
	if c := s.secret.client; c != nil && !c.secret.Empty() {
		a.OAuth.ClientSecret = secret.Source{Literal: c.secret}
	}
	return a, nil
}

// trial is a run with the account before it is written.
func (s *setup) trial() (*accountRun, error) {
	a, err := s.account()
	if err != nil {
		return nil, err
	}
	return &accountRun{session: s.session, local: local{a}, out: s.report.Account(a.Name), opened: &opened{}}, nil
}

// try connects and logs in as "check" does. Without a password it ends where that would be sent.
func (s *setup) try(ctx context.Context, password secret.Source) (*accountRun, server, state.Probe, error) {
	r, err := s.trial()
	if err != nil {
		return nil, nil, state.Probe{}, err
	}
	if s.secret.client == nil {
		r.a.Password = password
	}
	srv, err := r.connect(reachAll)
	if err != nil {
		return nil, nil, state.Probe{}, err
	}
	p, err := srv.Probe(ctx)
	if err != nil {
		r.hangUp()
	}
	return r, srv, p, err
}

// reachAll is what a first look needs of a server.
var reachAll = reach{readOnly: true, sizes: true}

// meetServer connects before a password is asked for. A certificate that is not trusted is shown, and its
// key trusted if somebody says so.
func (s *setup) meetServer(ctx context.Context) error {
	for {
		s.say("Connecting to %s ...", at(s.server))
		_, _, p, err := s.try(ctx, secret.Source{})
		if p.Greeted || err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			if err := s.trust(ctx, bad, err); err != nil {
				return err
			}
			continue
		}
		if s.ask == nil || state.KindOf(err) != state.Unreachable {
			return err
		}
		s.report.Wrong(err)
		n, bad := s.ask.One(ctx, ask.Question{Title: "That did not work"}, []string{"try again", "another server", "give up"}, 1)
		switch {
		case bad != nil:
			return bad
		case n == 1:
			if err := s.askServer(ctx); err != nil {
				return err
			}
			s.pins = s.flags.pins
		case n == 2:
			return err
		}
	}
}

// trust asks whether a key is the server's. Nobody is asked with --yes: whoever stands in between would be
// trusted.
func (s *setup) trust(ctx context.Context, bad *tls.CertificateVerificationError, err error) error {
	if s.ask == nil || s.flags.yes || len(bad.UnverifiedCertificates) == 0 {
		return err
	}
	leaf := bad.UnverifiedCertificates[0]
	pin := backend.PinOf(leaf)
	if slices.Contains(s.pins, pin) {
		return err // it was trusted, and something else is wrong
	}
	what, _, _ := strings.Cut(err.Error(), ": subject ")
	// Whatever the flags: without it nobody can answer. The names are anybody's.
	_, _ = fmt.Fprintf(s.report.Log(), "%s\n  subject  %s\n  issuer   %s\n  ends     %s\n  its key  %s\n", what,
		report.Clean(leaf.Subject.String()), report.Clean(leaf.Issuer.String()), leaf.NotAfter.Format(time.DateOnly), pin)
	q := ask.Question{Title: "Trust this key from now on?",
		Help: "Only if you know that it is your server's: it is on this machine, or its operator confirms the key."}
	yes, bad2 := s.ask.Yes(ctx, q, false)
	switch {
	case bad2 != nil:
		return bad2
	case !yes:
		return err
	}
	s.pins = append(slices.Clone(s.pins), pin)
	return nil
}

// logIn logs in, and asks again where a password that was typed is refused. Then it shows the mailboxes.
func (s *setup) logIn(ctx context.Context) error {
	if s.secret.client != nil {
		if err := s.signIn(ctx); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		r, srv, _, err := s.try(ctx, s.secret.source(s.server.User, s.server.Host))
		if err == nil {
			s.say("The log-in of %s worked.", s.server.User)
			defer r.hangUp()
			return s.chooseMailboxes(ctx, r, srv)
		}
		if s.ask == nil || !s.secret.asked || state.KindOf(err) != state.Login || n == tries || ctx.Err() != nil {
			return err
		}
		s.report.Wrong(err)
		choice, bad := s.ask.One(ctx, ask.Question{Title: "The log-in was refused"}, []string{"type the password again", "another user", "give up"}, 0)
		switch {
		case bad != nil:
			return bad
		case choice == 2:
			return err
		case choice == 1:
			if s.server.User, bad = s.ask.Text(ctx, ask.Question{Title: "User", Check: notEmpty}, s.server.User); bad != nil {
				return bad
			}
		}
		if err := s.typeSecret(ctx); err != nil {
			return err
		}
	}
}
