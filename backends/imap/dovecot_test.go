package imap

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// meet makes options for a real server.
func meet(srv *servers.Server, mode reach.TLSMode) Options {
	addr := srv.IMAPS
	if mode != reach.Implicit {
		addr = srv.IMAP
	}
	_, p, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(p)
	return Options{Options: reach.Options{
		Server: reach.Server{Host: "localhost", Port: port, TLS: mode, RootCAs: srv.CA, Timeout: 20 * time.Second},
		User:   "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{Password: servers.Password}, nil },
	}, Version: "test"}
}

// fill lays n messages into a mailbox of Dovecot's or Courier's, "" being INBOX.
func fill(t testing.TB, srv *servers.Server, user, folder string, n int, body func(i int) string) {
	t.Helper()
	dir := filepath.Join(srv.Maildir(user), folder)
	for _, d := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		name := filepath.Join(dir, "cur", fmt.Sprintf("%d.M%06dP1.host:2,S", 1700000000+i, i))
		if err := os.WriteFile(name, []byte(body(i)), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1700000000+int64(i), 0)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	srv.Own(srv.Maildir(user))
}

func small(i int) string {
	return fmt.Sprintf("From: a@example.org\nSubject: number %d\n\n%s", i, strings.Repeat("A line of text in a message.\n", 50))
}

// everything returns items of 200 UIDs for all of a snapshot.
func everything(raw string, snap *state.ServerSnapshot) []state.Item {
	var items []state.Item
	for i := 0; i < len(snap.Messages); i += 200 {
		it := state.Item{ID: len(items), Raw: raw, UIDValidity: snap.Mark.UIDValidity}
		for _, m := range snap.Messages[i:min(i+200, len(snap.Messages))] {
			it.UIDs = append(it.UIDs, m.UID)
			it.Bytes += m.Size
		}
		items = append(items, it)
	}
	return items
}

func TestDovecot(t *testing.T) {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	fill(t, srv, "ada", "", 450, small)
	fill(t, srv, "ada", ".Lists.go", 30, small)
	for _, mode := range []reach.TLSMode{reach.Implicit, reach.StartTLS, reach.None} {
		t.Run(string(mode), func(t *testing.T) {
			a := account(t, meet(srv, mode), func(o *Options) { o.Connections, o.Compress = 2, CompressAlways })
			roundTrip(t, a)
		})
	}
}

// roundTrip lists, scans, fetches, flags and scans again.
func roundTrip(t *testing.T, a *Account) {
	ctx := t.Context()
	l, err := a.List(ctx, func(state.Listed) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]state.Listed{}
	for _, m := range l.Mailboxes {
		marks[strings.Join(m.Levels, "/")] = m
	}
	if m := marks["Lists/go"]; m.Mark.Exists != 30 || !m.HasMark || m.NoSelect {
		t.Errorf("Lists/go is listed as %+v", m)
	}
	if marks["Drafts"].Role != "drafts" {
		t.Errorf("Drafts has role %q", marks["Drafts"].Role)
	}
	kw := state.NewKeywords(nil)
	inbox := marks["INBOX"].Raw
	snap, err := a.Scan(ctx, state.ScanRequest{Raw: inbox, Keywords: kw})
	if err != nil {
		t.Fatal(err)
	}
	if !snap.Complete || !snap.All || len(snap.Messages) != 450 {
		t.Fatalf("first scan: complete %v, all %v, %d messages", snap.Complete, snap.All, len(snap.Messages))
	}
	if m := snap.Messages[7]; m.Date != 1700000007 || m.Size < 1000 {
		t.Errorf("message 8 is %+v", m)
	}
	w := newWork(everything(inbox, snap)...)
	if err := a.Fetch(ctx, w); err != nil {
		t.Fatal(err)
	}
	if len(w.bodies) != 450 {
		t.Fatalf("fetched %d bodies", len(w.bodies))
	}
	for i, m := range snap.Messages {
		key := fmt.Sprintf("%s %d", inbox, m.UID)
		if got := w.bodies[key]; got != strings.ReplaceAll(small(i), "\n", "\r\n") || int64(len(got)) != m.Size {
			t.Fatalf("body of %s is %d bytes, %d announced", key, len(got), m.Size)
		}
		if in := w.in[key]; in.Date != m.Date || in.Flags != m.Flags&state.System || in.Size != m.Size {
			t.Fatalf("%s came as %+v, scanned as %+v", key, in, m)
		}
	}
	for id, err := range w.done {
		if err != nil {
			t.Errorf("item %d: %v", id, err)
		}
	}
	flagAndRescan(t, a, inbox, snap, kw)
}

func flagAndRescan(t *testing.T, a *Account, inbox string, snap *state.ServerSnapshot, kw *state.Keywords) {
	ctx := t.Context()
	hot, _ := kw.Bit("hot")
	var known []state.UID
	for _, m := range snap.Messages {
		known = append(known, m.UID)
	}
	changes := []state.FlagChange{
		{UID: known[0], Add: state.Flagged | hot},
		{UID: known[1], Remove: state.Seen},
		{UID: 4_000_000},
	}
	stored, err := a.Store(ctx, state.StoreRequest{Raw: inbox, UIDValidity: snap.Mark.UIDValidity, Changes: changes, Keywords: kw})
	echo := stored.Echoed
	if err != nil {
		t.Fatal(err)
	}
	want := []state.OnServer{
		{UID: known[0], Flags: state.Seen | state.Flagged | hot, Size: -1, Date: state.NoDate},
		{UID: known[1], Size: -1, Date: state.NoDate},
	}
	if len(echo) != 2 || echo[0] != want[0] || echo[1] != want[1] {
		t.Errorf("echoed %+v, want %+v", echo, want)
	}
	again, err := a.Scan(ctx, state.ScanRequest{Raw: inbox, Since: snap.Mark, Known: len(known), KnownUID: known, Keywords: kw})
	if err != nil {
		t.Fatal(err)
	}
	if again.All || !again.Complete || len(again.Messages) != 2 || again.Messages[0].Flags != want[0].Flags {
		t.Errorf("second scan: %+v", again)
	}
	undo := []state.FlagChange{{UID: known[0], Remove: state.Flagged | hot}, {UID: known[1], Add: state.Seen}}
	if _, err := a.Store(ctx, state.StoreRequest{Raw: inbox, UIDValidity: snap.Mark.UIDValidity, Changes: undo, Keywords: kw}); err != nil {
		t.Fatal(err)
	}
}
