package pop3

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
)

// turns counts how often a client waited for a server: once for each group of commands that it sent together, and once for the
// greeting.
func turns(trace string) (n int) {
	waits := true
	for line := range strings.Lines(trace) {
		switch fromServer := strings.HasPrefix(line, "S: "); {
		case fromServer && waits:
			n++
			waits = false
		case !fromServer:
			waits = true
		}
	}
	return n
}

// On a distant server each turn takes a round trip. A run with nothing new takes these: the greeting, CAPA, the log-in, the
// listing; QUIT is not waited for. A first fetch has one more for up to 512 messages. Where the server does not take commands ahead, each has its own.
func TestTurns(t *testing.T) {
	config, roots := certificate(t)
	alone := []string{"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "USER", "SASL PLAIN"}
	for _, c := range []struct {
		name  string
		caps  []string // nil: CAPA is not known
		tls   bool
		fetch int // messages
		turns int
	}{
		{"nothing new", script.DefaultCaps, false, 0, 4},
		{"nothing new, STLS", script.DefaultCaps, true, 0, 6},
		{"first fetch", script.DefaultCaps, false, 200, 5},
		{"first fetch, STLS", script.DefaultCaps, true, 200, 7},
		{"nothing new, without PIPELINING", alone, false, 0, 7},
		{"first fetch, without PIPELINING", alone, false, 4, 7 + 2*4},
		{"nothing new, without CAPA", nil, false, 0, 7}, // USER and PASS in place of AUTH
	} {
		t.Run(c.name, func(t *testing.T) {
			box := script.NewBox()
			box.Caps = slices.Clone(c.caps)
			for i := range max(c.fetch, 3) {
				box.Add(fmt.Sprintf("Subject: %d\r\n\r\nbody\r\n", i))
			}
			var trace bytes.Buffer
			a := meet(t, script.WithTLS(t, config, script.Healthy(box, nil)), func(o *Options) {
				o.Trace = &trace
				if c.tls {
					o.TLS, o.RootCAs, box.Caps = reach.StartTLS, roots, append(box.Caps, "STLS")
				}
			})
			if err := logIn(a, t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.fetch > 0 {
				uids := scanned(t, a)
				w := &basket{bodies: map[state.UID][]byte{}, items: []state.Item{{ID: 1, Raw: "INBOX", UIDValidity: 1, UIDs: uids}}}
				if err := a.Fetch(t.Context(), w); err != nil || len(w.bodies) != c.fetch {
					t.Fatalf("%d fetched: %v", len(w.bodies), err)
				}
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if n := turns(trace.String()); n != c.turns {
				t.Errorf("%d turns, want %d:\n%s", n, c.turns, trace.String())
			}
		})
	}
}

// A refusal in the middle of a group ends no session, and leaves the answers behind it in place. Nothing is
// sent behind a log-in before it is answered: a refused one is one, and a server that lets go of what follows it is not waited
// for (Courier and Cyrus do, and announce PIPELINING).
func TestRefusalsWithinAGroup(t *testing.T) {
	for _, c := range []struct {
		refused string
		turns   int
		fails   bool
	}{
		{"STAT", 4, false},
		{"LIST", 4, false},
		{"UIDL", 5, true}, // one message is asked for alone; it is announced, so that is an error
		{"QUIT", 4, false},
		{"CAPA", 7, false}, // then none is known: USER, PASS, and each question alone
		{"AUTH", 6, false}, // USER and PASS follow
	} {
		t.Run(c.refused, func(t *testing.T) {
			var trace bytes.Buffer
			srv := script.New(t, script.Healthy(script.NewBox("Subject: 1\r\n\r\none\r\n"), script.Answers{c.refused: script.Say("-ERR no")}))
			a := meet(t, srv, func(o *Options) { o.Trace = &trace })
			if err := logIn(a, t.Context()); (err != nil) != c.fails {
				t.Error(err)
			}
			a.Close()
			if n := turns(trace.String()); n != c.turns || srv.Accepted() != 1 {
				t.Errorf("%d turns, want %d, over %d connections:\n%s", n, c.turns, srv.Accepted(), trace.String())
			}
		})
	}
	srv := script.New(t, script.Healthy(script.NewBox(), script.Answers{"AUTH": script.Say("-ERR [AUTH] no"), "PASS": script.Say("-ERR [AUTH] no")}))
	if err := logIn(meet(t, srv), t.Context()); state.KindOf(err) != state.Login {
		t.Error(err)
	}
	for _, command := range srv.Commands() {
		if verb, _, _ := strings.Cut(command, " "); !slices.Contains([]string{"CAPA", "AUTH", "USER", "PASS", "QUIT"}, verb) {
			t.Errorf("sent with a log-in: %s", command)
		}
	}
}
