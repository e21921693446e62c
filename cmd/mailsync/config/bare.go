package config

import (
	"cmp"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

// Bare is an account without a configuration file: all of it is on the command line.
type Bare struct {
	URL             string // "": no server is asked
	Maildir         string // may be relative, and hold {account}; "": nothing is read or written here
	TLSCA           string
	TLSPins         []string
	PasswordCommand []string
}

// Account checks what was given and makes the account, with the defaults of a configuration.
// Errors repeat nothing of the URL, which may hold a password.
func (b Bare) Account() (*Account, error) {
	a, err := fresh(""), error(nil)
	if b.URL != "" {
		if a, err = accountAt(b.URL); err != nil {
			return nil, err
		}
	}
	if a.TLS == "none" && (b.TLSCA != "" || len(b.TLSPins) > 0) {
		return nil, badURL(a.Protocol+":// to this machine is plain text, without a certificate").WithHint("use %ss://", a.Protocol)
	}
	a.TLSCA = b.TLSCA
	if a.TLSPins, err = readPins(b.TLSPins); err != nil {
		return nil, state.Faultf(state.Usage, "--tls-pin: %w", err)
	}
	if b.Maildir != "" {
		if a.Maildir, err = fill(b.Maildir, cmp.Or(a.Name, "{account}")); err == nil {
			a.Maildir, err = filepath.Abs(a.Maildir)
		}
		if err != nil {
			return nil, state.Faultf(state.Usage, "--maildir: %w", err)
		}
	}
	if a.Name == "" {
		a.Name = filepath.Base(a.Maildir)
	}
	a.Bare = true
	a.Password = secret.Source{Command: b.PasswordCommand}
	return a, nil
}

// accountAt makes an account of a URL: protocol, TLS, host, port and user.
func accountAt(text string) (*Account, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return nil, badURL("it cannot be read")
	}
	host, user := u.Hostname(), ""
	if u.User != nil {
		user = u.User.Username()
		if _, has := u.User.Password(); has {
			return nil, badURL("it holds a password, which everybody on this machine could see").
				WithHint("leave it out; mailsync asks for it, or use --password-command")
		}
	}
	a := fresh(BareName(user, host))
	switch u.Scheme {
	case "imaps", "imap":
	case "pop3s", "pop3":
		a.Protocol = "pop3"
	default:
		return nil, badURL("it does not begin with imaps://, imap://, pop3s:// or pop3://")
	}
	switch {
	case strings.HasSuffix(u.Scheme, "s"): // RFC 8314: TLS from the first byte
	case Loopback(host):
		a.TLS = "none"
	default:
		a.TLS = "starttls"
	}
	switch {
	case host == "":
		return nil, badURL("it has no host")
	case user == "":
		return nil, badURL("it has no user")
	case strings.ContainsFunc(user, unicode.IsControl):
		return nil, badURL("the user's name holds a control character")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, badURL("something follows the host").WithHint("--mailbox selects mailboxes")
	}
	a.Host, a.User = host, user
	if a.Port, err = portOf(u, DefaultPort(a.Protocol, a.TLS)); err != nil {
		return nil, badURL(err.Error())
	}
	return a, nil
}

// portOf is the port of a URL, usual where it has none.
func portOf(u *url.URL, usual int) (int, error) {
	if u.Port() == "" {
		return usual, nil
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil || port < 1 || port > 65535 {
		return 0, errors.New("its port is not a number from 1 to 65535")
	}
	return port, nil
}

// BareName is the name of an account without a configuration.
func BareName(user, host string) string {
	if strings.Contains(user, "@") {
		return user
	}
	return user + "@" + host
}

func badURL(what string) *state.Fault {
	return state.Faultf(state.Usage, "--url is not an account: %s", what).WithHint("write imaps://ada@imap.example.org, or with a port after the host")
}
