package main

import (
	"context"
	"slices"
	"time"

	"mailsync/cmd/mailsync/report"
)

// token checks that the account is logged in at its provider, and reports when its token ends.
func (c *checking) token(ctx context.Context) bool {
	if c.a.OAuth == nil {
		with, err := c.credentials()
		if err == nil {
			_, err = with.ask(ctx)
		}
		if err != nil {
			return c.fail("token", err)
		}
		c.ok("token", "printed by %s", c.a.Token.Kind())
		return true
	}
	source, err := c.tokens()
	if err != nil {
		return c.fail("token", err)
	}
	if _, err := source.Token(ctx); err != nil {
		return c.fail("token", err)
	}
	now, err := source.Standing()
	if err != nil {
		return c.fail("token", err)
	}
	end := now.Until.Local().Format("2006-01-02 15:04:05")
	left := report.Seconds(time.Until(now.Until).Round(time.Second))
	place := now.File
	if now.Keyring {
		place = "the keyring and " + place
	}
	if now.Renewable {
		c.ok("token", "ends %s, in %s, and is renewed before; kept in %s", end, left, place)
	} else {
		c.warn("token", "the provider gave none to renew it with; some give one only for the scope offline_access",
			"ends %s, in %s, and then it takes another log-in; kept in %s", end, left, place)
	}
	if !slices.Equal(now.Scopes, c.a.OAuth.Scopes) {
		c.warn("token", `"mailsync login `+c.a.Name+`" asks for the new ones`, "scopes changed since the log-in")
	}
	return true
}
