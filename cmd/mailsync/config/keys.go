package config

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"mailsync/cmd/mailsync/secret"
)

// key is one key of the configuration: the only place that knows it.
type key struct {
	name    string
	only    string // the protocol it is for, "" for both
	source  bool   // one of the places a password can be
	example string // a right value, as TOML
	read    reader
}

// reader checks a value of TOML's type and puts it into the account. Its error reports what is
// wrong with the value and, after "; ", what would be right.
type reader func(r *reading, value any) error

// accountKeys are the keys of [accounts.NAME] and of [defaults], read into an account.
func accountKeys(a *Account) []key {
	return []key{
		{name: "protocol", example: `"imap"`, read: word(&a.Protocol, "imap", "pop3")},
		{name: "host", example: `"imap.example.org"`, read: set(&a.Host, line, hostName)},
		{name: "port", example: `993`, read: number(&a.Port, 1, 65535)},
		{name: "tls", example: `"implicit"`, read: word(&a.TLS, "implicit", "starttls", "none")},
		{name: "tls_ca", example: `"/etc/ssl/own.pem"`, read: path(&a.TLSCA)},
		{name: "tls_pins", example: `["sha256/" and 44 characters of base64]`, read: set(&a.TLSPins, lines, readPins)},
		{name: "tls_cert", example: `"~/.config/mailsync/work.pem"`, read: path(&a.TLSCert)},
		{name: "tls_key", example: `"~/.config/mailsync/work.key"`, read: path(&a.TLSKey)},
		{name: "user", example: `"ada"`, read: set(&a.User, line, asIs)},
		{name: "insecure", example: `false`, read: yes(&a.Insecure)},
		{name: "proxy", example: `"socks5://127.0.0.1:9050"`, read: proxy},
		{name: "tunnel_command", example: `["ssh", "-q", "mail.example.org", "/usr/lib/dovecot/imap"]`, read: tunnelCommand},

		{name: "auth", example: `"password"`, read: word(&a.Auth, "password", "oauth2")},
		{name: "password_command", source: true, example: `["pass", "show", "mail/work"]`, read: command(&a.Password, "")},
		{name: "password_file", source: true, example: `"~/.config/mailsync/work.password"`, read: path(&a.Password.File)},
		{name: "password_env", source: true, example: `"WORK_PASSWORD"`, read: set(&a.Password.Env, line, asIs)},
		{name: "password_keyring", source: true, example: `true`, read: keyring},
		{name: "password_credential", source: true, example: `"work"`, read: set(&a.Password.Credential, line, credential)},
		{name: "password", source: true, example: `"…"`, read: literal(&a.Password)},
		{name: "token_command", source: true, example: `["mutt_oauth2.py", "work.tokens"]`, read: command(&a.Token, "token_command")},

		{name: "maildir", example: `"~/Mail/{account}"`, read: path(&a.Maildir)},
		{name: "state_dir", example: `"~/.local/share/mailsync/{account}"`, read: path(&a.StateDir)},
		{name: "layout", example: `"fs"`, read: word(&a.Layout, "fs", "maildir++")},
		{name: "include", only: "imap", example: `["*"]`, read: set(&a.Mailboxes.Include, lines, readPatterns)},
		{name: "exclude", only: "imap", example: `["Lists/*", "role:junk"]`, read: set(&a.Mailboxes.Exclude, lines, readPatterns)},
		{name: "connections", only: "imap", example: `3`, read: number(&a.Connections, 1, 32)},
		{name: "host_connections", example: `16`, read: number(&a.HostConnections, 1, 10000)},
		{name: "compress", only: "imap", example: `"auto"`, read: word(&a.Compress, "auto", "always", "never")},
		{name: "timeout", example: `"60s"`, read: duration(&a.Timeout, time.Second)},
		{name: "max_wait", example: `"10m"`, read: duration(&a.MaxWait, 0)},
		{name: "complain_after", example: `"6h"`, read: duration(&a.ComplainAfter, 0)},

		{name: "flags", only: "imap", example: `"both"`, read: word(&a.Flags, "both", "pull", "none")},
		{name: "on_server_delete", only: "imap", example: `"keep"`, read: word(&a.OnServerDelete, "keep", "delete")},
		{name: "on_disk_delete", only: "imap", example: `"keep"`, read: word(&a.OnDiskDelete, "keep", "delete")},
		{name: "append", only: "imap", example: `false`, read: yes(&a.Append)},
		{name: "max_delete", example: `100`, read: number(&a.MaxDelete, 0, 1<<31-1)},
		{name: "trash_keep", example: `"30d"`, read: duration(&a.TrashKeep, 0)},
		{name: "max_size", example: `"20M"`, read: size(&a.MaxSize)},

		{name: "delete", only: "pop3", example: `"14d"`, read: popDelete},
		{name: "delete_bigger_than", only: "pop3", example: `"20M"`, read: size(&a.DeleteBiggerThan)},
	}
}

// archiveKeys are the keys of [accounts.NAME.archive] and of [defaults.archive].
func archiveKeys(a *Archive) []key {
	return []key{
		{name: "older_than", only: "imap", example: `"1y"`, read: duration(&a.OlderThan, 0)},
		{name: "until_quota", only: "imap", example: `"80%"`, read: set(&a.UntilQuota, str("a string"), parsePercent)},
		{name: "larger_than", only: "imap", example: `"1M"`, read: size(&a.LargerThan)},
		{name: "never_younger_than", only: "imap", example: `"30d"`, read: duration(&a.NeverYoungerThan, 0)},
		{name: "keep", only: "imap", example: `["flagged", "unread"]`, read: archiveKeep(a)},
		{name: "copied_before", only: "imap", example: `"~/.cache/offsite.stamp"`, read: path(&a.CopiedBefore)},
		{name: "into", only: "imap", example: `"~/Mail/archive/{account}/{year}"`, read: intoPath(&a.Into)},
		{name: "via", only: "imap", example: `"auto"`, read: word(&a.Via, "auto", "expunge", "trash")},
		{name: "quota", only: "imap", example: `"15G"`, read: size(&a.Quota)},
	}
}

// SetArchive sets one key of the account's archive table from text, as a flag gives it:
// lists are words with commas between them. The account's table is made if it has none.
func (a *Account) SetArchive(name, text string, env func(string) string) error {
	var value any = text
	if name == "keep" {
		list := []any{}
		for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' }) {
			list = append(list, word)
		}
		value = list
	}
	own := *a.archive() // another run of this account may read the old one
	a.Archive = &own
	return find(archiveKeys(&own), name).read(&reading{account: a, env: env}, value)
}

func find(keys []key, name string) *key {
	if i := slices.IndexFunc(keys, func(k key) bool { return k.name == name }); i >= 0 {
		return &keys[i]
	}
	return nil
}

func names(keys []key) []string {
	out := make([]string, len(keys))
	for i := range keys {
		out[i] = keys[i].name
	}
	return out
}

// wrongType is a value of another type than its key takes.
type wrongType struct{ want, have string }

func (e wrongType) Error() string { return fmt.Sprintf("wants %s, has %s", e.want, e.have) }

// as returns value as a T, or reports what it is instead.
func as[T any](value any, want string) (T, error) {
	v, ok := value.(T)
	if !ok {
		return v, wrongType{want, typeName(value)}
	}
	return v, nil
}

func typeName(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	}
	return "a table"
}

// str takes any string; want is what the key calls it.
func str(want string) func(any) (string, error) {
	return func(value any) (string, error) { return as[string](value, want) }
}

// line takes a string of one line that is not empty.
func line(value any) (string, error) {
	s, err := as[string](value, "a string")
	switch {
	case err != nil:
		return "", err
	case strings.TrimSpace(s) == "":
		return "", errors.New("is empty")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("holds a control character")
	}
	return s, nil
}

func lines(value any) ([]string, error) {
	list, err := as[[]any](value, "a list of strings")
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, wrongType{"a list of strings", typeName(v) + " in it"}
		}
		out[i] = s
	}
	return out, nil
}

// set takes a value of TOML's type and puts what read makes of it into a field.
func set[T, V any](at *V, take func(any) (T, error), read func(T) (V, error)) reader {
	return func(_ *reading, value any) error {
		v, err := take(value)
		if err == nil {
			*at, err = read(v)
		}
		return err
	}
}

func asIs(s string) (string, error) { return s, nil }

func word(at *string, words ...string) reader {
	return set(at, str("a string"), func(s string) (string, error) {
		if !slices.Contains(words, s) {
			hint := didYouMean(s, words)
			if hint == "" {
				hint = "it takes " + oneOf(words)
			}
			return "", fmt.Errorf("%q is not a value for it; %s", s, hint)
		}
		return s, nil
	})
}

// oneOf lists words as `"a", "b" or "c"`.
func oneOf(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

func number(at *int, low, high int64) reader {
	take := func(value any) (int64, error) { return as[int64](value, "a whole number") }
	return set(at, take, func(n int64) (int, error) {
		if n < low || n > high {
			return 0, fmt.Errorf("%d is out of range; it takes %d to %d", n, low, high)
		}
		return int(n), nil
	})
}

func yes(at *bool) reader {
	return func(_ *reading, value any) (err error) {
		*at, err = as[bool](value, "true or false")
		return err
	}
}

func duration(at *time.Duration, low time.Duration) reader {
	return set(at, str("a duration in quotes"), func(s string) (time.Duration, error) {
		d, err := ParseDuration(s)
		if err == nil && d < low {
			err = fmt.Errorf("%q is too short; it takes %v or longer", s, low)
		}
		return d, err
	})
}

func size(at *int64) reader { return set(at, str("a size in quotes"), ParseSize) }

func path(at *string) reader {
	return func(r *reading, value any) error {
		err := intoPath(at)(r, value)
		if field := placeholder(*at); err == nil && field != "" {
			err = fmt.Errorf("%s is replaced in archive.into only", field)
		}
		return err
	}
}

// intoPath is path for archive.into, which differs from message to message.
func intoPath(at *string) reader {
	return func(r *reading, value any) (err error) {
		*at, err = r.path(value)
		return err
	}
}

func readPatterns(list []string) ([]Pattern, error) {
	out := make([]Pattern, len(list))
	bad := make([]error, len(list))
	for i, s := range list {
		out[i], bad[i] = ParsePattern(s)
	}
	return out, errors.Join(bad...)
}

// hostName takes a name or an address, without port, brackets or URL around it.
func hostName(s string) (string, error) {
	if net.ParseIP(s) == nil && strings.ContainsAny(s, ":/@[] ") {
		return "", fmt.Errorf("%q is not a host name; the port, the user and the protocol have keys of their own", s)
	}
	return s, nil
}

// readPins takes SHA-256 digests of public keys, as RFC 7469 section 2.4 writes them.
func readPins(list []string) ([]string, error) {
	for _, s := range list {
		digest, ok := strings.CutPrefix(s, "sha256/")
		pin, err := base64.StdEncoding.DecodeString(digest)
		if !ok || err != nil || len(pin) != sha256.Size {
			return nil, fmt.Errorf(`%q is not a pin; write "sha256/" and the base64 of 32 bytes`, s)
		}
	}
	return list, nil
}

// readArgv takes a command as its argv.
func readArgv(r *reading, value any) ([]string, error) {
	argv, err := lines(value)
	if err == nil && (len(argv) == 0 || argv[0] == "") {
		err = errors.New("names no program")
	}
	if err == nil && (strings.HasPrefix(argv[0], "~") || strings.HasPrefix(argv[0], "$")) {
		argv[0], err = r.path(argv[0])
	}
	return argv, err
}

// credential is the name of a credential of systemd's.
func credential(name string) (string, error) {
	if !secret.IsCredential(name) {
		return "", fmt.Errorf("%q is not the name of a credential; it is the one of the unit's LoadCredential=, without a path", name)
	}
	return name, nil
}

// keyring asks for the entry that the whole account names, once its keys are read.
func keyring(r *reading, value any) error { return yes(&r.keyring)(r, value) }

func popDelete(r *reading, value any) error {
	s, err := as[string](value, "a string")
	if err != nil {
		return err
	}
	r.account.Delete = s
	if s != "never" && s != "fetched" {
		r.account.Delete = "age"
		if r.account.DeleteAge, err = ParseDuration(s); err != nil {
			return fmt.Errorf(`%q is not a value for it; it takes "never", "fetched" or an age like "14d"`, s)
		}
	}
	return nil
}

func archiveKeep(a *Archive) reader {
	return func(_ *reading, value any) error {
		list, err := lines(value)
		for _, s := range list {
			if s != "flagged" && s != "unread" {
				return fmt.Errorf(`%q is not a value for it; it takes "flagged" and "unread"`, s)
			}
		}
		a.KeepFlagged, a.KeepUnread = slices.Contains(list, "flagged"), slices.Contains(list, "unread")
		return err
	}
}
