package imap

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"mailsync/backends/reach"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// mailOn appends three messages to INBOX and makes a mailbox with an odd name, with
// a client of its own.
func mailOn(t *testing.T, srv *servers.Server, odd string) {
	t.Helper()
	srv.AddUser("ada")
	c := srv.LogIn("ada")
	defer c.Close()
	for i := range 3 {
		at := time.Unix(1700000000+int64(i), 0)
		if err := c.Append("INBOX", []string{`\Flagged`}, at, []byte(strings.ReplaceAll(small(i), "\n", "\r\n"))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Do("CREATE " + servers.Quote(odd)); err != nil {
		t.Fatal(err)
	}
}

// The same steps on servers of other dialects: prefix and separator, LOGINDISABLED after
// log-in, FLAGS before UID, no CONDSTORE, no UIDNEXT in SELECT.
func TestOtherServers(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(testing.TB, ...servers.Option) *servers.Server
		odd   string // raw name of a mailbox
	}{
		{"Cyrus", servers.Cyrus, "Work/&AOQ-pfel"},
		{"Courier", servers.Courier, "INBOX.Work.&AOQ-pfel"},
		{"Exchange-like", func(t testing.TB, _ ...servers.Option) *servers.Server {
			return servers.Dovecot(t, servers.ExchangeLike())
		}, "Work/&AOQ-pfel"},
		{"INBOX prefix", func(t testing.TB, _ ...servers.Option) *servers.Server {
			return servers.Dovecot(t, servers.InboxPrefix())
		}, "INBOX.Work.&AOQ-pfel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.start(t)
			mailOn(t, srv, c.odd)
			for _, mode := range []reach.TLSMode{reach.Implicit, reach.StartTLS} {
				a := account(t, meet(srv, mode), func(o *Options) { o.Connections, o.Compress = 2, CompressAlways })
				walk(t, a, c.odd)
			}
		})
	}
}

// walk lists, scans, flags, scans again and fetches the mail of mailOn.
func walk(t *testing.T, a *Account, odd string) {
	t.Helper()
	l, err := a.List(t.Context(), everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(l.Mailboxes, func(m state.Listed) bool { return m.Raw == odd })
	if i < 0 || !slices.Equal(l.Mailboxes[i].Levels, []string{"Work", "äpfel"}) || !l.Mailboxes[i].HasMark {
		t.Fatalf("no %s in %+v", odd, l.Mailboxes)
	}
	req := since(t, a, "INBOX")
	undo := []state.FlagChange{{UID: req.KnownUID[1], Remove: state.Answered}}
	if stored, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: req.Since.UIDValidity, Changes: undo, Keywords: req.Keywords}); err != nil || len(stored.Echoed) != 1 {
		t.Errorf("a flag that is not there: echoed %+v, %v", stored.Echoed, err) // the first time
	}
	req = since(t, a, "INBOX")
	if req.Known != 3 || req.Since.UIDValidity == 0 {
		t.Fatalf("scanned %+v", req)
	}
	change := []state.FlagChange{{UID: req.KnownUID[1], Add: state.Answered}}
	if stored, err := a.Store(t.Context(), state.StoreRequest{Raw: "INBOX", UIDValidity: req.Since.UIDValidity, Changes: change, Keywords: req.Keywords}); err != nil || len(stored.Echoed) != 1 {
		t.Errorf("echoed %+v, %v", stored.Echoed, err)
	}
	snap := scanOf(t, a, req)
	j := slices.IndexFunc(snap.Messages, func(m state.OnServer) bool { return m.UID == req.KnownUID[1] })
	if !snap.Complete || j < 0 || snap.Messages[j].Flags != state.Flagged|state.Answered {
		t.Errorf("scanned again %+v", snap)
	}
	scanOf(t, a, state.ScanRequest{Raw: odd})
	w := newWork(state.Item{Raw: "INBOX", UIDValidity: snap.Mark.UIDValidity, UIDs: req.KnownUID},
		state.Item{Raw: odd, UIDValidity: 1, UIDs: uids(1)})
	if err := a.Fetch(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	for n, uid := range req.KnownUID {
		if got := w.bodies[fmt.Sprintf("INBOX %d", uid)]; got != strings.ReplaceAll(small(n), "\n", "\r\n") {
			t.Errorf("UID %d is %d bytes", uid, len(got))
		}
	}
	if w.done[0] != nil || w.done[1] == nil {
		t.Errorf("items ended with %v", w.done)
	}
}

// An embedded server, which announces IMAP4rev2 and has no CONDSTORE.
func TestEmbeddedServer(t *testing.T) {
	mem := imapmemserver.New()
	user := imapmemserver.NewUser("ada", "secret")
	for _, name := range []string{"INBOX", "Entwürfe"} {
		if err := user.Create(name, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := user.Append(name, strings.NewReader("Subject: "+name+"\r\n\r\nhello\r\n"), &goimap.AppendOptions{Flags: []goimap.Flag{goimap.FlagSeen}}); err != nil {
			t.Fatal(err)
		}
	}
	mem.AddUser(user)
	srv := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps:         goimap.CapSet{goimap.CapIMAP4rev1: {}, goimap.CapIMAP4rev2: {}},
		InsecureAuth: true,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	a := account(t, Options{Options: reach.Options{
		Server: reach.Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: reach.None, Timeout: 5 * time.Second},
		User:   "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{Password: "secret"}, nil },
	}})
	list, err := a.List(t.Context(), everyMailbox)
	if err != nil || len(list.Mailboxes) != 2 {
		t.Fatalf("listed %+v, %v", list, err)
	}
	for _, m := range list.Mailboxes {
		snap := scanOf(t, a, state.ScanRequest{Raw: m.Raw})
		if !snap.Complete || len(snap.Messages) != 1 || snap.Mark.UIDValidity != m.Mark.UIDValidity {
			t.Fatalf("%q: %+v", m.Levels, snap)
		}
		w := newWork(everything(m.Raw, snap)...)
		if err := a.Fetch(t.Context(), w); err != nil || w.done[0] != nil {
			t.Fatal(err, w.done)
		}
		if got := w.bodies[m.Raw+" 1"]; got != "Subject: "+m.Levels[0]+"\r\n\r\nhello\r\n" {
			t.Errorf("%q holds %q", m.Levels, got)
		}
	}
}
