package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"mailsync/backends/redact"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/oauth"
	"mailsync/state"
	"mailsync/sync/port"
)

// signingIn is how "login" goes about it.
type signingIn struct {
	device bool
	file   bool
}

func (p *program) loginCommand() *cobra.Command {
	how := &signingIn{}
	c := &cobra.Command{
		Use:   "login ACCOUNT",
		Short: "log in by OAuth 2.0, in a browser, and keep the tokens",
		Long: `login is for accounts with auth = "oauth2". It opens the provider's page in a browser, and prints its
address for those without one here. With --device it prints a code instead, to enter in a browser on
any machine. What the provider then gives is kept in the keyring if there is one, else in a file that
only you can read, and is renewed when it ends. At the end it tests the log-in at the mail server.`,
		Example: "mailsync login work\nmailsync login work --device",
		Args:    p.oneAccount,
	}
	c.Flags().BoolVar(&how.device, "device", false, "print a code to enter in a browser on any machine")
	c.Flags().BoolVar(&how.file, "file", false, "keep the tokens in a file, also where there is a keyring: cron often has none")
	run := func(ctx context.Context, r *accountRun) (*port.Result, error) { return logIn(ctx, r, how) }
	return p.onAccounts(c, task{name: "login", run: run, check: haveTokens}, asks...)
}

// errNotLoggedIn is the error of a log-in that was interrupted, or whose time was up.
var errNotLoggedIn = errors.New("interrupted before the log-in was done")

// haveTokens refuses accounts that do not log in by tokens of ours.
func haveTokens(accounts []*config.Account) error {
	for _, a := range accounts {
		switch {
		case !a.Token.None():
			return usage("account %s gets its tokens from token_command", a.Name).WithHint("log in with that program")
		case a.OAuth == nil:
			return usage("account %s logs in with a password", a.Name).
				WithHint(`where its provider wants OAuth, set auth = "oauth2" and a table [accounts.%s.oauth2]`, a.Name)
		}
	}
	return nil
}

func logIn(ctx context.Context, r *accountRun, how *signingIn) (*port.Result, error) {
	source, err := r.tokens()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var token *oauth2.Token
	if how.device {
		token, err = source.Device(ctx, r.showCode)
	} else {
		token, err = source.Browser(ctx, r.showPage)
	}
	if ctx.Err() != nil { // there is nothing that the next run could continue
		return nil, state.Faultf(kindOf(err), "%w", errNotLoggedIn)
	}
	if err != nil {
		return nil, err
	}
	place, err := source.Keep(ctx, token, began, !how.file)
	if err != nil {
		return nil, err
	}
	result := &port.Result{}
	said := "logged in; tokens: " + place
	if token.RefreshToken == "" {
		r.out.Note("", "the provider gave no token to renew the log-in with, so it ends soon", "some give one only for the scope offline_access")
	}
	if scopes := source.Withheld(token); len(scopes) > 0 {
		r.out.Note("", "the provider did not give what was asked for: "+strings.Join(scopes, " "), "log in again, and tick everything on its page")
	}
	if err := r.probe(ctx); err != nil {
		result.Problems = append(result.Problems, port.Problem{Err: err})
		said += "; but the server could not be logged in to"
	} else {
		said += fmt.Sprintf("; %s accepts them", r.a.Host)
	}
	r.out.Line(said)
	return result, nil
}

// probe logs in to the server once.
func (r *accountRun) probe(ctx context.Context) error {
	s, err := r.connect(reach{readOnly: true})
	if err != nil {
		return err
	}
	_, err = s.Probe(ctx)
	return err
}

// showPage opens the provider's page. Its address is printed whatever the flags, on a line of its own
// and never cut: it is there to be copied.
func (r *accountRun) showPage(address string) {
	opened := oauth.Open(address)
	text := "Open this page in a browser, and log in as " + r.a.User + ":"
	if opened {
		text = "Your browser should show this page; log in as " + r.a.User + " there:"
	}
	_, _ = fmt.Fprintf(r.report.Log(), "%s\n\n  %s\n\n%s", text, address, farAway(address, opened))
}

// farAway is what to do where the browser is on another machine, "" where it is probably not.
func farAway(address string, opened bool) string {
	u, err := url.Parse(address)
	if err != nil || opened || os.Getenv("SSH_CONNECTION") == "" {
		return ""
	}
	back, err := url.Parse(u.Query().Get("redirect_uri"))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("The browser is on another machine? There, run this first, so that it finds its way back:\n\n  ssh -N -L %[1]s:127.0.0.1:%[1]s THIS-MACHINE\n\n", back.Port())
}

// showCode prints what the user has to enter, and where.
func (r *accountRun) showCode(c oauth.Code) {
	_, _ = fmt.Fprintf(r.report.Log(), "Open this page in a browser on any machine, and log in as %s:\n\n  %s\n\nEnter this code there, before %s:\n\n  %s\n\n",
		r.a.User, printable(c.Address), c.Until.Local().Format("15:04"), printable(c.Code))
}

// printable is a text of the provider without what could steer a terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return -1
		}
		return c
	}, redact.Cut(s, 1000))
}

func (p *program) logoutCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "logout ACCOUNT",
		Short: "forget the tokens of an account, and revoke them",
		Long: `logout has the provider revoke what login got, where the provider can do that, and then forgets it
here, also where revoking failed: then it says so.`,
		Example: "mailsync logout work",
		Args:    p.oneAccount,
	}
	return p.onAccounts(c, task{name: "logout", run: logOut, check: haveTokens}, append(talks, "max-time")...)
}

func logOut(ctx context.Context, r *accountRun) (*port.Result, error) {
	source, err := r.tokens()
	if err != nil {
		return nil, err
	}
	did, err := source.Leave(ctx)
	result := &port.Result{}
	if err != nil {
		result.Fatal = err
	}
	if did.Err != nil {
		result.Problems = append(result.Problems, port.Problem{Err: state.Faultf(state.KindOf(did.Err), "not revoked: %w", did.Err).
			WithHint("end it on the provider's web page, among the apps that have access to the account")})
	}
	switch {
	case errors.Is(err, context.Canceled):
		r.out.Line("not logged out")
	case !did.Was:
		r.out.Line("there was no log-in")
	case did.Revoked:
		r.out.Line("logged out: revoked at the provider, and forgotten here")
	case did.Err != nil:
		r.out.Line("forgotten here, but not revoked at the provider")
	default:
		r.out.Line("forgotten here; the provider offers no revocation to programs, so end it on its web page")
	}
	return result, nil
}
