package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mailsync/state/store"
	"mailsync/sync/port"
)

// lastRun is what is known of the account's run before this one. It is read once: who may write it holds the lock.
func (r *accountRun) lastRun() (store.LastRun, error) {
	if r.last == nil {
		last, _, err := store.ReadLastRun(r.stateDir())
		if err != nil {
			return last, err
		}
		r.last = &last
	}
	return *r.last, nil
}

// remember records how the run ended, for "status" and for the next run's clock.
func (r *accountRun) remember(ctx context.Context, result *port.Result) error {
	last, err := r.lastRun()
	if err != nil {
		return err
	}
	last.Command, last.Part, last.Status = r.task.name, r.part, result.Status()
	last.Started, last.Ended = result.Began, result.Ended
	if r.begun != nil {
		r.askQuota(ctx, r.begun.server, result, &last)
	}
	r.keepWay(&last)
	known(&last, result, r.fetchesAll())
	if r.fetchesAll() && result.Status() == "ok" {
		last.Success = &store.Success{Command: last.Command, Started: last.Started, Ended: last.Ended}
	}
	if last.Summary, err = json.Marshal(r.out.Final(r.summary(result))); err != nil {
		return fmt.Errorf("write the last run: %w", err)
	}
	return store.WriteLastRun(r.lock.Dir(), last)
}

// fetchesAll reports whether a run is one that fetches, and is about all mailboxes of the account. If it leaves nothing
// undone it is what "status" calls a success. archive, restore and verify are about other things, and never show that
// new mail is here.
func (r *accountRun) fetchesAll() bool {
	return (r.task.name == "sync" || r.task.name == "backup") && !r.part
}

// known takes over what a run learned of mailboxes that the state does not know. A run that was not about all of them
// only adds to that.
func known(last *store.LastRun, result *port.Result, all bool) {
	if result.Listed {
		last.Gone = result.Gone
	}
	if all && (result.Listed || result.Unreadable > 0) {
		last.Unknown = nil
	}
	for _, name := range result.Unknown {
		if !slices.Contains(last.Unknown, name) {
			last.Unknown = append(last.Unknown, name)
		}
	}
}

// askQuota asks for the quota after a run that changed something here or there: an idle one costs
// nothing. Where the server does not answer, the last known quota stays.
func (r *accountRun) askQuota(ctx context.Context, server port.Server, result *port.Result, last *store.LastRun) {
	if result.Fatal != nil || result.Fetched+result.Appended+result.DeletedOnServer+result.MovedToTrash+result.MovedBack == 0 {
		return
	}
	quota, err := server.Quota(ctx, "INBOX")
	if err != nil {
		r.log.Info("ask for the quota", "account", r.a.Name, "err", err)
		return
	}
	last.Quota, last.QuotaAsked = quota, time.Now()
}
