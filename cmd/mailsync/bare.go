package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/backends/maildir"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
	"mailsync/state/store"
)

// An account without a configuration is made by flags, in one way for every command whose task has
// bareNeeds: onAccounts gives the command the flags, and makes the account.

// bareNeeds is what a command needs of an account that flags make.
type bareNeeds struct {
	maildir bool // it reads or writes the Maildirs
	// server is why the command asks the server, as the end of a sentence; "": it does not.
	server func() string
}

// always is server of a command that cannot do without.
func always() string { return "it asks the server" }

// never is server of a command that works offline.
func never() string { return "" }

// bareFlags are those flags.
type bareFlags struct {
	url, maildir, tlsCA, command string
	pins                         []string
}

// bareNames are their names.
var bareNames = []string{"url", "maildir", "password-command", "tls-ca", "tls-pin"}

func (b *bareFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&b.url, "url", "", "the server's `URL`: imaps://USER@HOST[:PORT], or imap://, pop3s://, pop3://")
	f.Var(pathFlag{&b.maildir, "DIR"}, "maildir", "its Maildirs are in `DIR`")
	f.StringVar(&b.command, "password-command", "", "run `COMMAND` for the password; else it is asked for")
	f.Var(pathFlag{&b.tlsCA, "FILE"}, "tls-ca", "trust the roots in the PEM file `FILE` too")
	f.StringArrayVar(&b.pins, "tls-pin", nil, "trust the key `PIN` (sha256/...), whoever signed it; may be repeated")
	group(f, "An account without a configuration", bareNames...)
}

// given reports whether the flags make an account, and refuses those that mean nothing alone.
func (b *bareFlags) given(c *cobra.Command) (bool, error) {
	f := c.Flags()
	if f.Changed("url") || f.Changed("maildir") {
		return true, nil
	}
	for _, name := range bareNames {
		if f.Changed(name) {
			return false, usage("--%s needs --url", name).WithHint("for an account of the configuration, set it there")
		}
	}
	return false, nil
}

// account makes the account.
func (b *bareFlags) account(c *cobra.Command, args []string, needs *bareNeeds) (*config.Account, error) {
	f, flag := c.Flags(), "--maildir"
	if f.Changed("url") {
		flag = "--url"
	}
	switch why := needs.server(); {
	case len(args) > 0:
		return nil, usage("%s makes an account by itself, and %q names one of the configuration", flag, args[0]).
			WithHint("leave out one of the two")
	case f.Changed("config"):
		return nil, usage("%s makes an account without a configuration, and --config names one", flag).WithHint("leave out one of the two")
	case why != "" && !f.Changed("url"):
		return nil, usage("--maildir needs --url here: %s", why).WithHint("add --url imaps://USER@HOST")
	case needs.maildir && b.maildir == "":
		return nil, usage("--url needs --maildir: the folder of its mail").WithHint("e.g. --maildir ~/Mail/work")
	case !f.Changed("url"):
		for _, name := range []string{"password-command", "tls-ca", "tls-pin"} {
			if f.Changed(name) {
				return nil, usage("--%s needs --url: it is about a server", name)
			}
		}
	}
	if b.tlsCA != "" {
		if _, err := os.ReadFile(b.tlsCA); err != nil {
			return nil, usage("--tls-ca: %w", err)
		}
	}
	from := config.Bare{URL: b.url, Maildir: b.maildir, TLSCA: b.tlsCA, TLSPins: b.pins}
	if f.Changed("url") && b.url == "" {
		return nil, usage("--url is empty").WithHint("write imaps://ada@imap.example.org")
	}
	if f.Changed("password-command") {
		argv, err := secret.Words(b.command)
		if err != nil {
			return nil, usage("--password-command: %w", err)
		}
		from.PasswordCommand = argv
	}
	a, err := from.Account()
	if err != nil || a.Maildir == "" {
		return a, err
	}
	return a, recognize(c.Context(), a)
}

// onBare does a command's task with the account that its flags make, and reports whether they make one.
// Where nothing else has the password, it is asked for when the server wants it.
func (p *program) onBare(c *cobra.Command, args []string, b *bareFlags, t task) (done bool, err error) {
	if t.bare == nil {
		return false, nil
	}
	if given, err := b.given(c); err != nil || !given {
		return false, err
	}
	if p.flags.shard.given() {
		return false, usage("--shard is a part of the accounts of a configuration, and flags make this one").WithHint("leave it out")
	}
	a, err := b.account(c, args, t.bare)
	if err != nil {
		return false, err
	}
	if a.Password.None() {
		a.Password = p.typed(a)
	}
	if a.Maildir == "" { // then there is no state either
		empty, err := os.MkdirTemp("", "mailsync-empty-")
		if err != nil {
			return false, state.Faultf(state.Storage, "make an empty folder: %w", err)
		}
		defer func() { _ = os.Remove(empty) }() // nothing is ever written to it
		a.StateDir = empty
	}
	p.code, err = p.perform(c.Context(), t, work{accounts: []*config.Account{a}})
	return true, err
}

// recognize takes from Maildirs what no flag says of their account: the layout, and where there is no
// URL the protocol, the server and the user.
func recognize(ctx context.Context, a *config.Account) error {
	l := local{a}
	for _, name := range []string{maildir.PlusPlus.StateDir(), "mailsync.marker"} { // state_dir may be elsewhere
		if _, err := os.Stat(filepath.Join(a.Maildir, name)); err == nil {
			a.Layout = string(maildir.PlusPlus)
		}
	}
	if a.Host != "" {
		return nil
	}
	if info, err := os.Stat(a.Maildir); errors.Is(err, fs.ErrNotExist) {
		return state.Faultf(state.Storage, "there is no folder %s", a.Maildir).WithHint("is it mounted? is its name right?")
	} else if err == nil && !info.IsDir() {
		return state.Faultf(state.Storage, "%s is not a folder", a.Maildir)
	}
	host, user, pop, err := l.owner(ctx)
	if err != nil {
		return err
	}
	if user == "" {
		return notOurs(a.Maildir)
	}
	a.Host, a.User, a.Name = host, user, config.BareName(user, host)
	if pop {
		a.Protocol = "pop3"
	}
	return nil
}

// notOurs is the error for a folder in which no account has its mail. The one that was meant may be next to it.
func notOurs(root string) error {
	err := state.Faultf(state.Storage, "%s is not the root of an account's Maildirs: it has no state of mailsync, and no marker", root)
	near := []string{filepath.Dir(root)}
	below, _ := os.ReadDir(root) // what cannot be read is not offered
	for _, d := range below {
		near = append(near, filepath.Join(root, d.Name()))
	}
	for _, dir := range near {
		for _, layout := range []maildir.Layout{maildir.FS, maildir.PlusPlus} {
			if _, stat := os.Stat(filepath.Join(dir, layout.StateDir(), "state.db")); stat == nil {
				return err.WithHint("did you mean %s?", dir)
			}
		}
	}
	return err.WithHint(`"mailsync backup" makes one`)
}

// owner is the server and the user of the account whose mail is in a root, by its state or by a marker; "" where there
// is neither. pop: the mail was fetched by POP3, as far as the state knows.
func (l local) owner(ctx context.Context) (host, user string, pop bool, err error) {
	base, err := store.OpenReadOnly(l.stateDir())
	if err != nil {
		return "", "", false, err
	}
	row, err := base.Account(ctx)
	if err == nil {
		_, pop, err = uniqueIDs(ctx, base)
	}
	if err = errors.Join(err, base.Close()); err != nil || row.User != "" {
		return row.Host, row.User, pop, err
	}
	tree, closeTree, err := openTree(l.a.MaildirLayout(), l.a.Maildir, "", nil, nil)
	if err != nil {
		return "", "", false, err
	}
	defer func() { _ = closeTree() }() // it was only read
	found, err := tree.Find(ctx)
	for _, f := range found {
		if f.Err == nil && f.Marker.Path == f.Path { // else its root is another folder
			return f.Marker.Host, f.Marker.User, pop, nil
		}
	}
	return "", "", false, err
}

// isAccountAt reports whether the mail in an account's root is of the account's own server and user, by its protocol.
func (l local) isAccountAt(ctx context.Context) (bool, error) {
	host, user, pop, err := l.owner(ctx)
	if err != nil || !strings.EqualFold(host, l.a.Host) || user != l.a.User {
		return false, err
	}
	l.a.Host = host // as it was written then
	return pop == (l.a.Protocol == "pop3"), nil
}

// words name the account on a command line.
func (l local) words() string {
	a := l.a
	if !a.Bare {
		return a.Name
	}
	scheme := map[bool]string{false: a.Protocol, true: a.Protocol + "s"}[a.TLS == "implicit"]
	at := url.URL{Scheme: scheme, User: url.User(a.User), Host: a.Host}
	if a.Port != 0 { // there was a URL
		at.Host = net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	}
	words := []string{"--url", shellQuote(at.String())}
	for _, f := range [][2]string{{"--maildir", a.Maildir}, {"--tls-ca", a.TLSCA}} {
		if f[1] != "" {
			words = append(words, f[0], shellQuote(f[1]))
		}
	}
	for _, pin := range a.TLSPins {
		words = append(words, "--tls-pin", shellQuote(pin))
	}
	return strings.Join(words, " ")
}

// puller is the command that fetches what is missing here.
func (l local) puller() string {
	if l.a.Bare {
		return "mailsync backup"
	}
	return "mailsync sync"
}
