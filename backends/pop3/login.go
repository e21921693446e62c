package pop3

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"mailsync/backends/reach"
	"mailsync/state"
)

// entrance is what an account knows of logging in to its server.
type entrance struct {
	*reach.Login
	worked bool // a log-in did, in this run or an earlier one
	shut   set  // ways that were refused where there is another
}

// logIn proves who we are, in the best way that server and connection allow.
func (e *entrance) logIn(ctx context.Context, c *client) error {
	secret, err := e.Secret(ctx)
	if err != nil {
		return err
	}
	err = e.authenticate(&auth{c, secret.Password})
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
	case r.later() && reach.CountsFailures(r.text):
		return e.Counted(r)
	case r.later(), r.has("SYS/PERM") && hint == "":
		return fmt.Errorf("log-in of %s refused: %w", reach.Quoted(c.o.User), err) // not about us, and so no reason to doubt the password
	case !r.blames() && hint == "" && e.worked && c.caps.token(secret.Password) == "": // a token ends by itself
		return state.Faultf(state.Unreachable, "log-in of %s refused: %w", reach.Quoted(c.o.User), r).WithHint("%s", unclearHint)
	}
	return e.Refused(r, cmp.Or(hint, loginHint))
}

// errNextWay says that a connection ended with a refused log-in, and that there is another way to try.
var errNextWay = errors.New("the connection ended with a refused log-in")

// authenticate logs in. A way that is refused is left for the next one, if there is one, and is not
// tried again: some servers announce what they do not have, or have for some users only. One that
// hangs up then is met once more.
func (e *entrance) authenticate(with *auth) error {
	var last error
	for ways := with.ways(); len(ways) > 0; ways = ways[1:] {
		w := ways[0]
		if e.shut[w.name] && len(ways) > 1 {
			continue
		}
		err := w.run()
		r, refused := asRefusal(err)
		if refused {
			r.readWords(with.c.o.User)
		}
		switch {
		case refused && (!r.later() || r.code == "" && len(ways) > 1): // words may be about the way alone
		case last != nil && reach.BrokeOff(err), len(ways) > 1 && reach.HungUp(err):
			if last == nil {
				e.shut.add(w.name)
			}
			return errNextWay
		default:
			return err
		}
		if last = err; len(ways) > 1 {
			e.shut.add(w.name)
		}
	}
	return last
}
