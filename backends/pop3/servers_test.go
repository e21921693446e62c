package pop3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// basket is the engine's side of a Fetch: it wants some UIDs and keeps what comes.
type basket struct {
	items  []state.Item
	bodies map[state.UID][]byte
	errs   []error
}

func (w *basket) Next(string) (state.Item, bool) {
	if len(w.items) == 0 {
		return state.Item{}, false
	}
	item := w.items[0]
	w.items = w.items[1:]
	return item, true
}

func (w *basket) Body(_ state.Item, msg state.Incoming, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil {
		w.bodies[msg.UID] = b
	}
	return nil
}

func (w *basket) Done(_ state.Item, err error) {
	if err != nil {
		w.errs = append(w.errs, err)
	}
}

func open(t *testing.T, srv *servers.Server, mode reach.TLSMode, addr string, numbers *Numbers) *Account {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	a, err := New(Options{Options: reach.Options{
		Server: reach.Server{Host: "localhost", Port: n, TLS: mode, RootCAs: srv.CA, Timeout: 20 * time.Second},
		User:   "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{Password: servers.Password}, nil },
	}, Numbers: numbers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// A real server's messages come byte for byte; a later session knows them again; what is
// deleted after a good QUIT is gone, and nothing else is.
func TestRealServers(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(testing.TB, ...servers.Option) *servers.Server
	}{{"Dovecot", servers.Dovecot}, {"Courier", servers.Courier}, {"Cyrus", servers.Cyrus}} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			var want [][sha256.Size]byte
			for i := range 12 {
				body := []byte("Subject: " + strconv.Itoa(i) + "\r\n\r\n.\r\n..dots\r\nline\r\n")
				if err := client.Append("INBOX", nil, time.Unix(1700000000, 0), body); err != nil {
					t.Fatal(err)
				}
				want = append(want, sha256.Sum256(body))
			}
			sortDigests(want)
			for _, mode := range []struct {
				mode reach.TLSMode
				addr string
			}{{reach.Implicit, srv.POP3S}, {reach.StartTLS, srv.POP3}, {reach.None, srv.POP3}} {
				if got := fetchAll(t, open(t, srv, mode.mode, mode.addr, nil)); !slices.Equal(got, want) {
					t.Errorf("%s: other bytes than were appended", mode.mode)
				}
			}
			numbers := NewNumbers(nil)
			first := open(t, srv, reach.Implicit, srv.POP3S, numbers)
			before := scanned(t, first)
			doomed := state.ExpungeRequest{Raw: "INBOX", UIDValidity: 1}
			for _, uid := range before[:3] {
				doomed.Messages = append(doomed.Messages, state.Doomed{UID: uid, Size: -1, Date: state.NoDate})
			}
			out, err := first.Expunge(t.Context(), doomed)
			if err != nil || !slices.Equal(out.Gone, before[:3]) {
				t.Fatalf("deleted %v, %v", out, err)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			if left := scanned(t, open(t, srv, reach.Implicit, srv.POP3S, numbers)); !slices.Equal(left, before[3:]) {
				t.Errorf("left %v, want %v", left, before[3:])
			}
		})
	}
}

func scanned(t *testing.T, a *Account) (uids []state.UID) {
	t.Helper()
	sn, err := a.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"})
	if err != nil {
		t.Fatal(err)
	}
	if !sn.Complete || !sn.All || len(sn.Trouble) > 0 {
		t.Fatalf("listing %+v", sn)
	}
	for _, m := range sn.Messages {
		uids = append(uids, m.UID)
	}
	return uids
}

// sortDigests puts what came in an order of our own: a server may list its mail in any
// (Courier goes by file names, in which microseconds have no leading zeros).
func sortDigests(d [][sha256.Size]byte) {
	slices.SortFunc(d, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
}

func fetchAll(t *testing.T, a *Account) (digests [][sha256.Size]byte) {
	t.Helper()
	uids := scanned(t, a)
	w := &basket{bodies: map[state.UID][]byte{}, items: []state.Item{
		{ID: 1, Raw: "INBOX", UIDValidity: 1, UIDs: uids[:5]}, {ID: 2, Raw: "INBOX", UIDValidity: 1, UIDs: uids[5:]},
	}}
	if err := a.Fetch(t.Context(), w); err != nil || len(w.errs) > 0 {
		t.Fatalf("fetch: %v, %v", err, w.errs)
	}
	for _, uid := range uids {
		digests = append(digests, sha256.Sum256(w.bodies[uid]))
	}
	sortDigests(digests)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return digests
}

// A server that lets one session in at a time is told from one that refuses the password, and met again
// once the other has ended, without QUIT too.
func TestDovecotThatLocksTheMailbox(t *testing.T) {
	srv := servers.Dovecot(t, servers.Config("protocol pop3 {\n  pop3_lock_session = yes\n}"))
	srv.AddUser("ada")
	first := open(t, srv, reach.None, srv.POP3, nil)
	scanned(t, first)
	second := open(t, srv, reach.None, srv.POP3, nil)
	if _, err := second.Scan(t.Context(), state.ScanRequest{Raw: "INBOX"}); state.KindOf(err) != state.Unreachable || state.HintOf(err) == "" {
		t.Errorf("%v", err)
	}
	first.session.c.drop()
	second.patience.Most = time.Minute
	second.patience.Sleep = func(context.Context, time.Duration) error { return nil } // the server makes us wait
	scanned(t, second)
}
