package pop3

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"mailsync/backends/auth"
	"mailsync/backends/reach"
	"mailsync/state"
)

// entrance is what an account knows of logging in to its server.
type entrance struct {
	*reach.Login
	worked  bool            // a log-in did, in this run or an earlier one
	shut    map[string]bool // ways that were refused where there is another
	doubted bool            // a proof of the password was refused
	renewed bool            // a token was refused, and is another one now
}

// logIn proves who we are, in the best way that server and connection allow.
func (e *entrance) logIn(ctx context.Context, c *client) error {
	secret, err := e.Secret(ctx)
	if err != nil {
		return err
	}
	if secret.Token {
		return e.withToken(ctx, c, secret)
	}
	return e.judge(c, e.authenticate(&attempt{c, secret.Password}), secret)
}

// judge is what a refused log-in means.
func (e *entrance) judge(c *client, err error, secret reach.Secret) error {
	r, refused := asRefusal(err)
	hint := ""
	if refused {
		hint = reach.RefusedHint(r.text)
	}
	switch {
	case err == nil:
		e.worked = true
		return nil
	case !refused:
		return err
	case isLater(r, err) && reach.CountsFailures(r.text):
		return e.Counted(r)
	case isLater(r, err) && !r.later():
		return &reach.Busy{Err: fmt.Errorf("log-in of %s refused for now: %w", reach.Quoted(c.o.User), err)}
	case r.later(), r.has("SYS/PERM") && hint == "":
		return fmt.Errorf("log-in of %s refused: %w", reach.Quoted(c.o.User), err) // not about us, and so no reason to doubt the password
	case secret.Token:
		return e.RefusedToken(err, r.text)
	case auth.IsUnfit(err):
		return e.Refused(err, auth.UnfitHint)
	case !r.blames() && hint == "" && e.worked:
		return state.Faultf(state.Unreachable, "log-in of %s refused: %w", reach.Quoted(c.o.User), r).WithHint("%s", unclearHint)
	}
	return e.Refused(err, cmp.Or(hint, loginHint))
}

// errNextWay means that a connection ended with a refused log-in, and that there is another way to try.
var errNextWay = errors.New("the connection ended with a refused log-in")

// authenticate logs in. A way that is refused is left for the next one, if package auth lets there be one, and
// is not tried again: some servers announce what they do not have, or have for some users only. One that
// hangs up then is met once more.
func (e *entrance) authenticate(with *attempt) error {
	if with.password == "" {
		return state.Faultf(state.Login, "there is no password")
	}
	ways := with.ways()
	if len(ways) == 0 {
		return reach.OnlyTokens()
	}
	if open := slices.DeleteFunc(slices.Clone(ways), func(w auth.Way) bool { return e.shut[w.Name] }); len(open) > 0 {
		ways = open
	} else {
		ways = ways[len(ways)-1:]
	}
	var last error
	for walk := auth.NewWalk(ways, e.Way()); ; {
		w, ok := walk.At()
		if !ok {
			return last
		}
		how, err := with.try(w)
		r, refused := asRefusal(err)
		if refused {
			r.readWords(with.c.o.User)
			how = e.outcome(w, how, r)
		}
		switch {
		case err == nil:
			e.Worked(w.Name)
			e.doubted = false
			return nil
		case refused && (!r.later() || r.code == "" && !walk.Last()): // words may be about the way alone
		case last != nil && reach.Interrupted(err), !walk.Last() && reach.HungUp(err):
			if last == nil {
				e.shut[w.Name] = true
			}
			return errNextWay
		default:
			return err
		}
		if last = err; !walk.Last() {
			e.shut[w.Name] = true
		}
		walk.Refused(how)
	}
}

// outcome is what a refusal tells of a way. Where the password itself is refused, it is sent once more with
// USER and PASS, for servers that announce PLAIN and have it for nobody; but no third time.
func (e *entrance) outcome(w auth.Way, how auth.Outcome, r *refusal) auth.Outcome {
	switch {
	case reach.CountsFailures(r.text):
		return auth.Condemned
	case how != auth.Doubted:
		return how
	case !w.Shown:
		e.doubted = true
	case !e.doubted:
		return auth.NotTaken
	}
	return how
}

// attempt is a log-in with a password over one connection.
type attempt struct {
	c        *client
	password string
}

// The commands that log in, as ways.
const (
	byAPOP = "APOP"
	byPass = "USER"
)

// ways are the ways to log in that may be tried, none where the server takes only tokens. APOP, which is MD5, is
// one where nothing else hides the password, or where there is nothing else. Some servers greet everybody
// with a timestamp and know no APOP secret of most: where it is refused, the password is sent as it is, for
// without TLS there is a connection only to this machine, or where the user allowed it.
func (a *attempt) ways() []auth.Way {
	c, credentials := a.c, a.c.credentials(a.password)
	o := auth.Offer{Has: c.caps.sasl, Safe: c.safe, Binding: auth.BindingOf(reach.StateOf(c.conn.Conn))}
	if !c.safe && c.stamp != "" {
		o.Proof = byAPOP
	}
	if !c.caps.known || c.caps.has("USER") {
		o.Show = []auth.Way{{Name: byPass, Shown: true}}
	}
	ways := auth.Ways(credentials, o)
	switch {
	case len(ways) > 0:
		return ways
	case c.stamp != "":
		o.Proof = byAPOP
	case o.Has(auth.OAuthBearer), o.Has(auth.XOAuth2):
		return nil
	default:
		o.Show = []auth.Way{{Name: byPass, Shown: true}}
	}
	return auth.Ways(credentials, o)
}

// try logs in in one way.
func (a *attempt) try(w auth.Way) (auth.Outcome, error) {
	switch {
	case w.Make != nil:
		x, err := a.c.sasl(w.Make())
		return x.Outcome(err), err
	case w.Name == byAPOP:
		return auth.Doubted, a.apop()
	}
	return auth.Doubted, a.userPass()
}

// userPass is RFC 1939 section 7, USER and PASS. PASS waits for USER's answer, for what
// it says may be that we must not send it.
func (a *attempt) userPass() error {
	if _, err := a.c.command("USER " + a.c.o.User); err != nil {
		return err
	}
	_, err := a.c.command("PASS " + a.password)
	return err
}

// apop is RFC 1939 section 7, APOP: the digest of the greeting's timestamp and the
// password.
func (a *attempt) apop() error {
	c := a.c
	sum := md5.Sum([]byte(c.stamp + a.password))
	digest := hex.EncodeToString(sum[:])
	c.o.Secrets.Keep(digest) // passwords can be tried against it
	_, err := c.command("APOP " + c.o.User + " " + digest)
	return err
}

// Way is the way of logging in with a password that worked last, for the options of the next run.
func (a *Account) Way() string { return a.entrance.Way() }
