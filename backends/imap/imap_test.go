package imap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// options reach a scripted server in plain text.
func options(srv *script.Server) Options {
	return Options{Options: reach.Options{
		Server: reach.Server{Host: "127.0.0.1", Port: srv.Port(), TLS: reach.None, Timeout: 5 * time.Second},
		User:   "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{Password: "secret"}, nil },
	}}
}

// account opens an account; change may alter its options.
func account(t testing.TB, o Options, change ...func(*Options)) *Account {
	t.Helper()
	for _, f := range change {
		f(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// waits records how long an account would have waited, without waiting.
type waits struct {
	sync.Mutex
	all []time.Duration
	at  time.Time
}

func (w *waits) in(a *Account) *waits {
	w.at = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	a.patience.Now = func() time.Time {
		w.Lock()
		defer w.Unlock()
		return w.at
	}
	a.patience.Sleep = func(_ context.Context, d time.Duration) error {
		w.Lock()
		defer w.Unlock()
		w.all = append(w.all, d)
		w.at = w.at.Add(d)
		return nil
	}
	return w
}

// work is a state.Work that hands out items in order and keeps what came.
type work struct {
	sync.Mutex
	items  []state.Item
	bodies map[string]string // "INBOX 3": the bytes
	in     map[string]state.Incoming
	cut    []error                                           // of readers that did not end with EOF
	done   map[int]error                                     // by item ID
	asked  []string                                          // what Next was told to be selected
	body   func(state.Item, state.Incoming, io.Reader) error // instead of keeping them
}

func newWork(items ...state.Item) *work {
	for i := range items {
		items[i].ID = i
	}
	return &work{items: items, bodies: map[string]string{}, in: map[string]state.Incoming{}, done: map[int]error{}}
}

func (w *work) Next(selected string) (state.Item, bool) {
	w.Lock()
	defer w.Unlock()
	w.asked = append(w.asked, selected)
	if len(w.items) == 0 {
		return state.Item{}, false
	}
	it := w.items[0]
	w.items = w.items[1:]
	return it, true
}

func (w *work) Body(it state.Item, in state.Incoming, r io.Reader) error {
	if w.body != nil {
		return w.body(it, in, r)
	}
	var b bytes.Buffer
	_, err := io.Copy(&b, r)
	w.Lock()
	defer w.Unlock()
	if err != nil {
		w.cut = append(w.cut, err)
		return nil
	}
	key := fmt.Sprintf("%s %d", it.Raw, in.UID)
	if _, twice := w.bodies[key]; twice {
		return fmt.Errorf("body of %s came twice", key)
	}
	w.bodies[key], w.in[key] = b.String(), in
	return nil
}

func (w *work) Done(it state.Item, err error) {
	w.Lock()
	defer w.Unlock()
	if _, twice := w.done[it.ID]; twice {
		err = fmt.Errorf("item %d ended twice", it.ID)
	}
	w.done[it.ID] = err
}

// kept returns the keys of the bodies that came, sorted.
func (w *work) kept() []string {
	var keys []string
	for k := range w.bodies {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func uids(list ...state.UID) []state.UID { return list }

// sent counts the commands that match a pattern.
func sent(srv *script.Server, pattern string) int {
	n := 0
	for _, c := range srv.Commands() {
		if script.Match(pattern, c) {
			n++
		}
	}
	return n
}

// wantFault checks an error's kind, a piece of its text, and that it has a hint.
func wantFault(t *testing.T, err error, kind state.Kind, text string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", text)
	}
	if state.KindOf(err) != kind {
		t.Errorf("kind %d of %q, want %d", state.KindOf(err), err, kind)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("error %q, want %q in it", err, text)
	}
	if kind != state.Other && state.HintOf(err) == "" {
		t.Errorf("no hint with %q", err)
	}
}
