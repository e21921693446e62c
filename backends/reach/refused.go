package reach

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"mailsync/state"
)

// HasWords reports whether a refusal holds one of these words, which are in lower case.
func HasWords(text string, words ...string) bool {
	text = strings.ReplaceAll(strings.ToLower(text), "(failure)", "") // with which all refusals of Gmail's end
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// Passes reports whether a refused log-in is about now, whoever the user is. A text that also blames the
// user may still be about the password: that depends on the protocol.
func Passes(text string) bool {
	return HasWords(text, "temporar", "try again later", "unavailable", "another session") ||
		HasWords(text, "too many") && HasWords(text, "login") || isCrowded(text)
}

// BlamesUser reports whether a refused log-in is about a wrong user or password. No other answer of a
// server has these words.
func BlamesUser(text string) bool {
	return HasWords(text, "auth fail", "authentication fail", "authorization fail", "login fail", "log-in fail", "logon fail", "failed login",
		"authentication error", "credential", "invalid login", "incorrect login", "invalid password", "incorrect password",
		"wrong password", "bad password")
}

// isCrowded reports whether a refused log-in is about how many connections there are, or how much or
// how often is asked.
func isCrowded(text string) bool {
	return HasWords(text, "too many", "maximum", "limit", "exceed") && HasWords(text, "connection", "session", "bandwidth") ||
		HasWords(text, "limit") && HasWords(text, "exceed", "rate", "frequen", "reached") || HasWords(text, "login frequen", "log in frequen")
}

// NamesMechanism reports whether a refused log-in is about the way of logging in, and not about the user: another
// one may do.
func NamesMechanism(text string) bool {
	return HasWords(text, "mechanism", "unsupported", "not supported", "not implemented", "not enabled", "unknown command")
}

// CountsFailures reports whether a log-in is refused because too many had a wrong password: one more may
// keep the user out for longer.
func CountsFailures(text string) bool {
	return HasWords(text, "too many", "exceed", "maximum") && HasWords(text, "attempt", "fail", "incorrect", "invalid", "bad auth", "wrong")
}

// CountedHint is what to do where the server counts log-ins that failed.
const CountedHint = "the server counts failed log-ins and lets nobody in for a while: see that no program still tries an old password, wait, then run again"

// RefusedHint is what to do about a refused log-in, by the words that providers use; "" where they give
// no reason.
func RefusedHint(text string) string {
	switch {
	case CountsFailures(text):
		return CountedHint
	case HasWords(text, "application-specific", "app-specific", "app password", "application password", "apppassword", "authorization code"):
		return "the provider wants an app password here: make one in its account settings, and use it in place of the account's own"
	case HasWords(text, "web browser", "web login", "weblogin"):
		return "log in once with a web browser, where the provider asks for something, then run again"
	case HasWords(text, "basic auth", "basicauth", "oauth", "modern auth"):
		return "the provider takes no password of a mail program here, it wants OAuth"
	case isSwitchedOff(text):
		return "switch IMAP or POP3 on in the provider's settings; where it is on, check user and password"
	case HasWords(text, "under a layer", "non-secure", "without tls", "without ssl", "cleartext", "plaintext", "encrypt"):
		return `the server wants TLS: use tls = "implicit" or "starttls"`
	case isLocked(text):
		return lockedHint
	}
	return ""
}

func isSwitchedOff(text string) bool {
	return HasWords(text, "enable", "activate", "disabled", "permitted", "not allowed", "not open", "switched off") && HasWords(text, "imap", "pop", "service")
}

func isLocked(text string) bool {
	return HasWords(text, "account", "user", "mailbox") && HasWords(text, "suspended", "disabled", "blocked", "locked", "closed", "deactivated")
}

const lockedHint = "the provider has locked or closed the account: log in with a web browser to see why"

// tokenHint is RefusedHint for a token: what is about passwords means nothing for it.
func tokenHint(text string) string {
	switch {
	case CountsFailures(text):
		return CountedHint
	case HasWords(text, "not connected"): // Exchange Online: "User is authenticated but not connected."
		return "the provider accepts the token but opens no mailbox: user has to be the mailbox's own address, with IMAP or POP3 switched on for it"
	case isSwitchedOff(text):
		return "switch IMAP or POP3 on in the provider's settings; an administrator may have to allow it"
	case isLocked(text):
		return lockedHint
	}
	return ""
}

// Login has the secret of an account. It is safe for concurrent use: all connections of an account
// share it.
type Login struct {
	o *Options

	mu    sync.Mutex
	known *Secret // nil: not asked for yet, or refused
	way   string  // that worked last
}

// NewLogin returns the log-in of an account with these options.
func NewLogin(o *Options) *Login { return &Login{o: o, way: o.Way} }

// Way is the way of logging in with a password that worked last, in this run or, by the options, before it.
func (l *Login) Way() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.way
}

// Worked notes that a way of logging in worked.
func (l *Login) Worked(way string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.way = way
}

// Secret returns the secret, and asks for it where it is not known. A token may have ended since the
// last log-in, so it is asked for each time; who gives it out knows how long it lasts.
func (l *Login) Secret(ctx context.Context) (Secret, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ask(ctx)
}

// ask is Secret; l.mu is held.
func (l *Login) ask(ctx context.Context) (Secret, error) {
	if l.known != nil {
		return *l.known, nil
	}
	s, err := l.o.Secret(ctx)
	if err != nil {
		if state.KindOf(err) == state.Other {
			err = state.Faultf(state.Login, "password of %s: %w", l.user(), err)
		}
		return Secret{}, err
	}
	l.o.Secrets.Keep(s.Password)
	if l.known = &s; s.Token {
		l.known = nil
	}
	return s, nil
}

// Renewed tells the source of a token that the server refused it, and asks for the next one. ok is false
// where that is the same, or no token: it would be refused again.
func (l *Login) Renewed(ctx context.Context, refused Secret) (next Secret, ok bool, err error) {
	if !refused.Token {
		return Secret{}, false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.Refused != nil {
		l.o.Refused(refused)
	}
	next, err = l.ask(ctx)
	return next, err == nil && next.Token && next.Password != refused.Password, err
}

// user is the user, fit to be shown.
func (l *Login) user() string { return Quoted(l.o.User) }

// Refused is the error of a log-in that is refused because of user or password. It forgets the secret.
func (l *Login) Refused(why error, hint string) error {
	l.mu.Lock()
	l.known = nil
	l.mu.Unlock()
	return state.Faultf(state.Login, "log-in of %s refused: %w", l.user(), why).WithHint("%s", hint)
}

// RefusedToken is Refused of a token, which has the hint of whoever gives tokens out. text is what the server says.
func (l *Login) RefusedToken(why error, text string) error {
	return l.Refused(why, cmp.Or(tokenHint(text), l.o.LoginHint, "the token may have ended, be of another user, or not be for this protocol: have a new one made"))
}

// Again reports whether another password is to be tried after an error of a log-in.
func (l *Login) Again(err error) bool {
	return err != nil && l.o.Again != nil && state.KindOf(err) == state.Login && l.o.Again(err)
}

// NoToken is the error for a server that takes no token.
func (l *Login) NoToken() error {
	return state.Faultf(state.Login, "log-in of %s: server takes no token, it offers neither OAUTHBEARER nor XOAUTH2", l.user()).
		WithHint("the provider may want a password here")
}

// OnlyTokens is the error for a server that takes tokens, and there is a password.
func OnlyTokens() error {
	return state.Faultf(state.Login, "server takes no password, only OAuth tokens").
		WithHint(`set auth = "oauth2", or token_command where a program prints an access token`)
}

// Counted is the error of a log-in that is refused for now by a server that counts failures. Another try
// would be one more failure, so it does not wrap its cause, and nobody waits for it.
func (l *Login) Counted(why error) error {
	return state.Faultf(state.Unreachable, "log-in of %s refused for now: %v", l.user(), why).WithHint("%s", CountedHint)
}
