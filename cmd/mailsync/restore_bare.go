package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/state/store"
)

// checkBare finds out where the mail of --url is from. What is in --maildir returns to its own account
// only if it is that account's; anybody else's is sent as that of --from is.
func (o *restoring) checkBare(a *config.Account) error {
	switch {
	case o.to != "":
		return usage("--url and --to both name a server").WithHint("leave out one of the two")
	case a.Maildir == "" && o.from == "":
		return usage("--url needs --maildir: the folder of the mail to upload").WithHint("or --from, for Maildirs that mailsync does not know")
	}
	if o.from == "" {
		if _, err := os.Stat(a.Maildir); err != nil {
			return state.Faultf(state.Storage, "nothing to restore: %w", err).WithHint("is it mounted? is its name right?")
		}
		own, err := local{a}.isAccountAt(context.Background())
		if own || err != nil {
			return err
		}
		o.from, a.Maildir = a.Maildir, ""
	}
	if a.Maildir != "" {
		return nil
	}
	home, err := store.Home()
	if err != nil {
		return err
	}
	// What was sent is recorded, so that it can be interrupted and run again.
	a.Maildir, a.StateDir, a.Layout = filepath.Join(home, "restored", url.QueryEscape(a.User+"@"+a.Host)), "", "fs"
	return nil
}
