package store_test

import (
	"context"
	gosync "sync"
	"testing"

	"mailsync/state"
	"mailsync/state/store"
)

// reopened is a store that every call opens anew.
type reopened struct {
	t   *testing.T
	dir string
	mu  gosync.Mutex
}

func with[T any](r *reopened, call func(*store.Store) (T, error)) (T, error) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := store.TryLock(r.dir)
	if err != nil {
		r.t.Error(err)
	}
	s, found, err := store.Open(l)
	if err != nil || found.SetAside != "" {
		r.t.Errorf("open again: %v, %+v", err, found)
	}
	got, err := call(s)
	closed(r.t, s)
	if err := l.Unlock(); err != nil {
		r.t.Error(err)
	}
	return got, err
}

func do(r *reopened, call func(*store.Store) error) error {
	_, err := with(r, func(s *store.Store) (struct{}, error) { return struct{}{}, call(s) })
	return err
}

func (r *reopened) Account(ctx context.Context) (state.AccountRow, error) {
	return with(r, func(s *store.Store) (state.AccountRow, error) { return s.Account(ctx) })
}

func (r *reopened) SetAccount(ctx context.Context, a state.AccountRow) error {
	return do(r, func(s *store.Store) error { return s.SetAccount(ctx, a) })
}

func (r *reopened) Mailboxes(ctx context.Context) ([]state.MailboxRow, error) {
	return with(r, func(s *store.Store) ([]state.MailboxRow, error) { return s.Mailboxes(ctx) })
}

func (r *reopened) SaveMailbox(ctx context.Context, m *state.MailboxRow) error {
	return do(r, func(s *store.Store) error { return s.SaveMailbox(ctx, m) })
}

func (r *reopened) Records(ctx context.Context, gen state.GenID) ([]state.Record, error) {
	return with(r, func(s *store.Store) ([]state.Record, error) { return s.Records(ctx, gen) })
}

func (r *reopened) Proofs(ctx context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error) {
	return with(r, func(s *store.Store) (map[state.UID]state.Proof, error) { return s.Proofs(ctx, gen, uids) })
}

func (r *reopened) UIDLs(ctx context.Context, gen state.GenID) ([]state.UIDL, error) {
	return with(r, func(s *store.Store) ([]state.UIDL, error) { return s.UIDLs(ctx, gen) })
}

func (r *reopened) Intents(ctx context.Context, gen state.GenID) ([]state.Intent, error) {
	return with(r, func(s *store.Store) ([]state.Intent, error) { return s.Intents(ctx, gen) })
}

func (r *reopened) Departures(ctx context.Context, gen state.GenID) ([]state.Departure, error) {
	return with(r, func(s *store.Store) ([]state.Departure, error) { return s.Departures(ctx, gen) })
}

func (r *reopened) Commit(ctx context.Context, c state.Commit) error {
	return do(r, func(s *store.Store) error { return s.Commit(ctx, c) })
}
