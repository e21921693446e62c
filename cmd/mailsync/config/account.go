// Package config reads the configuration file.
//
// Every key is in one table, keys.go: its name, what it takes, and whether what it asks
// for is built. A file is read to its end whatever is wrong with it, and everything that
// is wrong is told at once, with its line and a cure.
package config

import (
	"time"

	"mailsync/cmd/mailsync/secret"
)

// Config is a configuration without a mistake in it.
type Config struct {
	Path     string
	Accounts []*Account // in the order of the file, at least one
}

// Account is one account, with every default filled in and every path absolute.
type Account struct {
	Name     string
	Protocol string // "imap" or "pop3"

	Host     string
	Port     int
	TLS      string   // "implicit", "starttls" or "none"
	TLSCA    string   // a PEM file with more trusted roots, "" for none
	TLSPins  []string // "sha256/" and base64
	User     string
	Password secret.Source
	Insecure bool // plain text to a host that is not loopback is allowed

	Maildir  string
	StateDir string // "": in Maildir
	Layout   string // "fs" or "maildir++"

	Mailboxes     Patterns
	Connections   int
	Compress      string // "auto", "always" or "never"
	Timeout       time.Duration
	MaxWait       time.Duration
	ComplainAfter time.Duration

	Flags          string // "both", "pull" or "none"
	OnServerDelete string // "keep" or "delete"
	OnDiskDelete   string // "keep" or "delete"
	Append         bool
	MaxDelete      int
	MaxSize        int64 // bytes, 0: no limit
	TrashKeep      time.Duration

	Delete           string        // POP3: "never", "fetched" or "age"
	DeleteAge        time.Duration // with Delete "age"
	DeleteBiggerThan int64         // bytes, 0: no limit

	Archive *Archive // nil without an archive table
}

// fresh returns an account as it is before the first key is read.
func fresh(name string) *Account {
	return &Account{
		Name: name, Protocol: "imap", TLS: "implicit", Layout: "fs",
		Mailboxes:   Patterns{Include: []Pattern{{text: "*", name: []rune{'*'}}}},
		Connections: 3, Compress: "auto", Timeout: 60 * time.Second, MaxWait: 10 * time.Minute,
		Flags: "both", OnServerDelete: "keep", OnDiskDelete: "keep", MaxDelete: 100,
		TrashKeep: 30 * 24 * time.Hour, Delete: "never",
	}
}

// defaultPort is the registered port of a protocol with a kind of TLS (RFC 8314).
func defaultPort(protocol, tls string) int {
	switch {
	case protocol == "pop3" && tls == "implicit":
		return 995
	case protocol == "pop3":
		return 110
	case tls == "implicit":
		return 993
	}
	return 143
}
