package back

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"mailsync/bench/host"
	"mailsync/bench/row"
	"mailsync/internal/testkit/servers"
)

func startRestore(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	w, err := start(ctx, g, s)
	if err != nil {
		return nil, err
	}
	var all []row.Contender
	for _, name := range []string{"mailsync", "before"} {
		if w.programs[name] != "" {
			all = append(all, one(name, restore, func(ctx context.Context) (host.Cost, error) { return w.restore(ctx, name) }))
		}
	}
	if s.Before == "" {
		all = append(all, one(plain, restore, w.plain))
	}
	return all, nil
}

// user is a new one to restore to.
func (w *world) user() string {
	w.fresh++
	name := fmt.Sprintf("new%d", w.fresh)
	w.server.AddUser(name)
	return name
}

func (w *world) restore(ctx context.Context, program string) (host.Cost, error) {
	user := w.user()
	if err := w.configure(user); err != nil {
		return host.Cost{}, err
	}
	cost, err := w.Launch(ctx, w.command(ctx, program, "restore", "work", "--to", "other"))
	if err == nil {
		err = w.check(user)
	}
	return cost, err
}

// plain is what a client does that knows no better: one APPEND, and then the next. It asks before it
// sends a literal, as most do.
func (w *world) plain(ctx context.Context) (host.Cost, error) {
	user := w.user()
	began := time.Now()
	client, err := servers.Connect(w.far, nil)
	if err != nil {
		return host.Cost{}, err
	}
	defer client.Close()
	if _, err := client.Do(fmt.Sprintf("LOGIN %s %s", user, servers.Password)); err != nil {
		return host.Cost{}, err
	}
	for _, m := range w.mail {
		if err := errors.Join(client.Append("INBOX", m.Flags, m.Date, m.Raw), ctx.Err()); err != nil {
			return host.Cost{}, err
		}
	}
	return host.Cost{Wall: time.Since(began)}, w.check(user)
}

// check reads what a user has on the server, over no delay.
func (w *world) check(user string) error {
	return w.Guard(func(testing.TB) error {
		client := w.server.LogIn(user)
		defer client.Close()
		mails, err := client.Read("INBOX", true)
		if err != nil {
			return err
		}
		have := map[[32]byte]int{}
		for _, m := range mails {
			have[sha256.Sum256(m.Body)]++
		}
		for sum, n := range w.want {
			if have[sum] != n {
				return fmt.Errorf("%d messages are there, and not those that were sent", len(mails))
			}
		}
		return nil
	})
}
