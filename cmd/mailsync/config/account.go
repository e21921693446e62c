// Package config reads the configuration file.
//
// Every key is in one table, keys.go. A file is read to its end whatever is wrong with it, and
// every mistake is reported at once, with its line and a cure.
package config

import (
	"net"
	"path/filepath"
	"strings"
	"time"

	"mailsync/backends/maildir"
	"mailsync/cmd/mailsync/secret"
)

// Config is a configuration without a mistake in its main file.
type Config struct {
	Path     string
	Accounts []*Account // in the order of the files, at least one

	defaults *Account // what an account is by [defaults] alone
	sets     []string // the keys that are there
	bad      []BadFile
	empty    []string // patterns of "include" that match no file
}

// Account is one account, with every default set and every path absolute.
type Account struct {
	Name     string
	Bare     bool   // flags made it, and no configuration
	Protocol string // "imap" or "pop3"

	Host     string
	Port     int
	TLS      string   // "implicit", "starttls" or "none"
	TLSCA    string   // a PEM file with more trusted roots, "" for none
	TLSPins  []string // "sha256/" and base64
	TLSCert  string   // a PEM file with a client certificate, "" for none
	TLSKey   string   // a PEM file with its key, "": in TLSCert
	User     string
	Auth     string // "password" or "oauth2"
	Password secret.Source
	Token    secret.Source // a command that prints access tokens
	OAuth    *OAuth        // with Auth "oauth2" and without Token, else nil
	Insecure bool          // plain text to a host that is not loopback is allowed

	Proxy         *Proxy   // nil: none
	TunnelCommand []string // argv whose stdin and stdout are the connection, empty: none

	Maildir  string
	StateDir string // "": in Maildir
	Layout   string // "fs" or "maildir++"

	Mailboxes   Patterns
	Connections int
	// HostConnections bounds the connections to the host over all of its accounts; 0: nothing is set.
	HostConnections int
	Compress        string // "auto", "always" or "never"
	Timeout         time.Duration
	MaxWait         time.Duration
	ComplainAfter   time.Duration

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

	file string // the included file that it is in; "": the main file
}

// DefaultConnections is how many connections an account has where nothing says otherwise.
const DefaultConnections = 3

// fresh returns an account as it is before the first key is read.
func fresh(name string) *Account {
	return &Account{
		Name: name, Protocol: "imap", Auth: "password", TLS: "implicit", Layout: "fs",
		Mailboxes:   Patterns{Include: []Pattern{{text: "*", name: []rune{'*'}}}},
		Connections: DefaultConnections, Compress: "auto", Timeout: 60 * time.Second, MaxWait: 10 * time.Minute,
		Flags: "both", OnServerDelete: "keep", OnDiskDelete: "keep", MaxDelete: 100,
		TrashKeep: 30 * 24 * time.Hour, Delete: "never",
	}
}

// MaildirLayout is the layout that the key names.
func (a *Account) MaildirLayout() maildir.Layout { return maildir.Layout(a.Layout) }

// DefaultPort is the registered port of a protocol with a kind of TLS (RFC 8314).
func DefaultPort(protocol, tls string) int {
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

// Loopback reports whether a host, by its name or address alone, is this machine
// (RFC 6761 section 6.3).
func Loopback(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Archive is which mail may leave the server, and how.
type Archive struct {
	OlderThan        time.Duration // negative: no message leaves for its age alone
	UntilQuota       int           // percent; 0: not for the quota
	LargerThan       int64         // bytes
	NeverYoungerThan time.Duration
	KeepFlagged      bool
	KeepUnread       bool
	CopiedBefore     string // a file
	Into             string // may hold {year}, {month} and {mailbox}; "": files stay
	Via              string // "auto", "expunge" or "trash"
	Quota            int64  // bytes, 0: the server reports it
}

// archive returns the account's archive table, made with its defaults at first use.
func (a *Account) archive() *Archive {
	if a.Archive == nil {
		a.Archive = &Archive{OlderThan: -1, NeverYoungerThan: 30 * 24 * time.Hour, KeepFlagged: true, KeepUnread: true, Via: "auto"}
	}
	return a.Archive
}

// Asks reports whether any rule asks for mail to leave the server.
func (a *Archive) Asks() bool {
	return a != nil && (a.OlderThan >= 0 || a.UntilQuota > 0 || a.LargerThan > 0)
}

// IntoRoot is the folder of the archive Maildirs: as much of the key "into" as is the same
// for every message.
func (a *Archive) IntoRoot() string {
	fixed, _, varies := strings.Cut(a.Into, "{")
	if !varies {
		return a.Into
	}
	return filepath.Dir(fixed + "x")
}

// IntoPath is the Maildir of a message, relative to IntoRoot and slash-separated: mailbox is
// the path of its mailbox, date its INTERNALDATE in seconds since 1970.
func (a *Archive) IntoPath(mailbox string, date int64) string {
	at := time.Unix(date, 0).UTC()
	full := strings.NewReplacer("{year}", at.Format("2006"), "{month}", at.Format("01"), "{mailbox}", filepath.FromSlash(mailbox)).Replace(a.Into)
	rel, err := filepath.Rel(a.IntoRoot(), full)
	if err != nil {
		rel = "." // both are absolute and clean
	}
	return filepath.ToSlash(rel)
}
