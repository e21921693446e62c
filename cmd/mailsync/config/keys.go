package config

import "time"

// key is one key of the configuration: the only place that knows it.
type key struct {
	name    string
	only    string // the protocol it is for, "" for both
	source  bool   // one of the places a password can be
	example string // a right value, as TOML
	read    reader
}

// reader checks a value of TOML's type and puts it into the account. Its error says what
// is wrong with the value and what would be right.
type reader func(r *reading, value any) error

// accountKeys are the keys of [accounts.NAME] and of [defaults].
var accountKeys = []key{
	{name: "protocol", example: `"imap"`,
		read: word(func(a *Account) *string { return &a.Protocol }, "imap", "pop3")},
	{name: "host", example: `"imap.example.org"`, read: host},
	{name: "port", example: `993`, read: number(1, 65535, func(a *Account) *int { return &a.Port })},
	{name: "tls", example: `"implicit"`,
		read: word(func(a *Account) *string { return &a.TLS }, "implicit", "starttls", "none")},
	{name: "tls_ca", example: `"/etc/ssl/own.pem"`, read: path(func(a *Account) *string { return &a.TLSCA })},
	{name: "tls_pins", example: `["sha256/" and 44 characters of base64]`, read: pins},
	{name: "user", example: `"ada"`, read: text(func(a *Account) *string { return &a.User })},
	{name: "insecure", example: `false`, read: yes(func(a *Account) *bool { return &a.Insecure })},

	{name: "password_command", source: true, example: `["pass", "show", "mail/work"]`, read: passwordCommand},
	{name: "password_file", source: true, example: `"~/.config/mailsync/work.password"`,
		read: path(func(a *Account) *string { return &a.Password.File })},
	{name: "password_env", source: true, example: `"WORK_PASSWORD"`,
		read: text(func(a *Account) *string { return &a.Password.Env })},
	{name: "password_keyring", source: true, example: `true`, read: keyring},
	{name: "password", source: true, example: `"…"`, read: password},

	{name: "maildir", example: `"~/Mail/{account}"`, read: path(func(a *Account) *string { return &a.Maildir })},
	{name: "state_dir", example: `"~/.local/share/mailsync/{account}"`,
		read: path(func(a *Account) *string { return &a.StateDir })},
	{name: "layout", example: `"fs"`,
		read: word(func(a *Account) *string { return &a.Layout }, "fs", "maildir++")},
	{name: "include", only: "imap", example: `["*"]`,
		read: patterns(func(a *Account) *[]Pattern { return &a.Mailboxes.Include })},
	{name: "exclude", only: "imap", example: `["Lists/*", "role:junk"]`,
		read: patterns(func(a *Account) *[]Pattern { return &a.Mailboxes.Exclude })},
	{name: "connections", only: "imap", example: `3`,
		read: number(1, 32, func(a *Account) *int { return &a.Connections })},
	{name: "compress", only: "imap", example: `"auto"`,
		read: word(func(a *Account) *string { return &a.Compress }, "auto", "always", "never")},
	{name: "timeout", example: `"60s"`,
		read: duration(time.Second, func(a *Account) *time.Duration { return &a.Timeout })},
	{name: "max_wait", example: `"10m"`, read: duration(0, func(a *Account) *time.Duration { return &a.MaxWait })},
	{name: "complain_after", example: `"6h"`,
		read: duration(0, func(a *Account) *time.Duration { return &a.ComplainAfter })},

	{name: "flags", only: "imap", example: `"both"`,
		read: word(func(a *Account) *string { return &a.Flags }, "both", "pull", "none")},
	{name: "on_server_delete", only: "imap", example: `"keep"`,
		read: word(func(a *Account) *string { return &a.OnServerDelete }, "keep", "delete")},
	{name: "on_disk_delete", only: "imap", example: `"keep"`,
		read: word(func(a *Account) *string { return &a.OnDiskDelete }, "keep", "delete")},
	{name: "append", only: "imap", example: `false`,
		read: yes(func(a *Account) *bool { return &a.Append })},
	{name: "max_delete", example: `100`, read: number(0, 1<<31-1, func(a *Account) *int { return &a.MaxDelete })},
	{name: "trash_keep", example: `"30d"`,
		read: duration(0, func(a *Account) *time.Duration { return &a.TrashKeep })},
	{name: "max_size", example: `"20M"`, read: size(func(a *Account) *int64 { return &a.MaxSize })},

	{name: "delete", only: "pop3", example: `"14d"`, read: popDelete},
	{name: "delete_bigger_than", only: "pop3", example: `"20M"`,
		read: size(func(a *Account) *int64 { return &a.DeleteBiggerThan })},
}

// archiveKeys are the keys of [accounts.NAME.archive] and of [defaults.archive].
var archiveKeys = []key{
	{name: "older_than", only: "imap", example: `"1y"`,
		read: duration(0, func(a *Account) *time.Duration { return &a.archive().OlderThan })},
	{name: "until_quota", only: "imap", example: `"80%"`, read: untilQuota},
	{name: "larger_than", only: "imap", example: `"1M"`,
		read: size(func(a *Account) *int64 { return &a.archive().LargerThan })},
	{name: "never_younger_than", only: "imap", example: `"30d"`,
		read: duration(0, func(a *Account) *time.Duration { return &a.archive().NeverYoungerThan })},
	{name: "keep", only: "imap", example: `["flagged", "unread"]`, read: archiveKeep},
	{name: "copied_before", only: "imap", example: `"~/.cache/offsite.stamp"`,
		read: path(func(a *Account) *string { return &a.archive().CopiedBefore })},
	{name: "into", only: "imap", example: `"~/Mail/archive/{account}/{year}"`, read: archiveInto},
	{name: "via", only: "imap", example: `"auto"`,
		read: word(func(a *Account) *string { return &a.archive().Via }, "auto", "expunge", "trash")},
	{name: "quota", only: "imap", example: `"15G"`,
		read: size(func(a *Account) *int64 { return &a.archive().Quota })},
}

// Keys returns the names of an account's keys.
func Keys() []string { return names(accountKeys) }

// ArchiveKeys is Keys for an account's archive.
func ArchiveKeys() []string { return names(archiveKeys) }

func find(keys []key, name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
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
