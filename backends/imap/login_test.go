package imap

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// noop makes a connection and does as little as can be done with it.
func noop(ctx context.Context, a *Account) error {
	_, err := a.Scan(ctx, state.ScanRequest{Raw: "INBOX"})
	return err
}

func TestLoginMechanisms(t *testing.T) {
	for _, c := range []struct{ name, caps, want string }{
		{"PLAIN in one go", "IMAP4rev1 AUTH=PLAIN SASL-IR", "AUTHENTICATE PLAIN AGFkYQBzZWNyZXQ="},
		{"PLAIN", "IMAP4rev1 AUTH=PLAIN", "AUTHENTICATE PLAIN"},
		{"PLAIN beside LOGINDISABLED", "IMAP4rev1 AUTH=PLAIN SASL-IR LOGINDISABLED", "AUTHENTICATE PLAIN *"},
		{"LOGIN", "IMAP4rev1", `LOGIN "ada" "secret"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := boxes()
			acct.Caps = c.caps
			srv := script.Every(t, script.Healthy(acct, nil))
			if err := noop(t.Context(), account(t, options(srv))); err != nil {
				t.Fatal(err)
			}
			if sent(srv, c.want) != 1 || sent(srv, "ID *") != 0 {
				t.Errorf("sent %q", srv.Commands())
			}
		})
	}
}

func TestLoginFallsBackWhereAuthenticateIsUnknown(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": answer("$tag BAD unknown")}))
	if err := noop(t.Context(), account(t, options(srv))); err != nil {
		t.Fatal(err)
	}
	if sent(srv, "LOGIN *") != 1 {
		t.Errorf("sent %q", srv.Commands())
	}
}

// Capabilities change with the log-in, whether or not the server says so by itself.
func TestLoginReadsCapabilitiesAgain(t *testing.T) {
	for name, ok := range map[string][]string{
		"in the answer":     {"$tag OK [CAPABILITY IMAP4rev1 CONDSTORE LOGINDISABLED] in"},
		"before the answer": {"* CAPABILITY IMAP4rev1 CONDSTORE", "$tag OK in"},
		"when asked":        {"$tag OK in"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script.New(t, func(p *script.Peer) {
				p.Send("* OK [CAPABILITY IMAP4rev1] ready")
				p.Expect("LOGIN *")
				for _, l := range ok {
					p.Send(l)
				}
				for {
					cmd, open := p.Next()
					switch {
					case !open:
						return
					case cmd.Verb == "CAPABILITY":
						p.Send("* CAPABILITY IMAP4rev1 CONDSTORE")
					case cmd.Verb == "EXAMINE":
						p.Send("* 0 EXISTS")
					}
					p.Send("$tag OK done")
				}
			})
			a := account(t, options(srv))
			if err := noop(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if sent(srv, "EXAMINE * (CONDSTORE)") != 1 {
				t.Errorf("sent %q", srv.Commands())
			}
		})
	}
}

func TestLoginRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers script.Answers
		kind    state.Kind
		text    string
	}{
		{"wrong password", script.Answers{"AUTHENTICATE": answer("$tag NO [AUTHENTICATIONFAILED] wrong \x07 password")}, state.Login, `wrong \a password`},
		{"no code", script.Answers{"AUTHENTICATE": answer("$tag NO go away")}, state.Login, `"go away"`},
		{"LOGINDISABLED", script.Answers{"GREETING": answer("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready")}, state.Login, "allows no log-in"},
		{"unavailable", script.Answers{"AUTHENTICATE": answer("$tag NO [UNAVAILABLE] database is down")}, state.Unreachable, "database is down"},
		{"limit", script.Answers{"AUTHENTICATE": answer("$tag NO [LIMIT] Maximum number of connections")}, state.Unreachable, "Maximum"},
		{"limit without a code", script.Answers{"AUTHENTICATE": answer("$tag NO Too many open connections (3 of 3 for ada)")}, state.Unreachable, "Too many"},
		{"BYE as greeting", script.Answers{"GREETING": func(p *script.Peer, _ script.Command) bool {
			p.Send("* BYE [UNAVAILABLE] maintenance")
			p.Close()
			return true
		}}, state.Unreachable, "maintenance"},
		{"BYE in place of an answer", script.Answers{"AUTHENTICATE": func(p *script.Peer, _ script.Command) bool {
			p.Send("* BYE Temporary problem, please try again later")
			p.Close()
			return true
		}}, state.Unreachable, "Temporary problem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), c.answers))
			wantFault(t, noop(t.Context(), account(t, options(srv))), c.kind, c.text)
			if srv.Accepted() != 1 {
				t.Errorf("tried %d times", srv.Accepted())
			}
		})
	}
}

func TestLoginComesBackLater(t *testing.T) {
	acct := boxes()
	answers := []string{
		"$tag NO [LIMIT] one",
		"$tag NO [UNAVAILABLE] two",
		"$tag NO Request is throttled. Suggested Backoff Time: 45000 milliseconds",
		"$tag NO [INUSE] four",
	}
	n := 0
	srv := script.Every(t, script.Healthy(acct, script.Answers{
		"AUTHENTICATE": func(p *script.Peer, _ script.Command) bool {
			acct.Lock()
			defer acct.Unlock()
			if n == len(answers) {
				return false
			}
			p.Send(answers[n])
			n++
			return true
		},
	}))
	a := account(t, options(srv), func(o *Options) { o.MaxWait = 10 * time.Minute })
	waited := new(waits).in(a)
	if err := noop(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 45 * time.Second, 20 * time.Second}
	if !slices.Equal(waited.all, want) {
		t.Errorf("waited %v, want %v", waited.all, want)
	}
}

func TestLoginGivesUpAfterMaxWait(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": answer("$tag NO [UNAVAILABLE] down")}))
	a := account(t, options(srv), func(o *Options) { o.MaxWait = time.Minute })
	waited := new(waits).in(a)
	wantFault(t, noop(t.Context(), a), state.Unreachable, "down")
	if want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}; !slices.Equal(waited.all, want) {
		t.Errorf("waited %v, want %v", waited.all, want)
	}
}

func TestLoginWithoutAPassword(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	o := options(srv)
	o.Secret = func(context.Context) (reach.Secret, error) { return reach.Secret{}, errors.New("pass: not found") }
	err := noop(t.Context(), account(t, o))
	if state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "pass: not found") {
		t.Errorf("%v of kind %d", err, state.KindOf(err))
	}
}

func TestLoginAsksForThePasswordOnce(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	asked := 0
	o := options(srv)
	o.Secret = func(context.Context) (reach.Secret, error) {
		asked++
		return reach.Secret{Password: "secret"}, nil
	}
	a := account(t, o, func(o *Options) { o.Connections = 3 })
	if err := a.Fetch(t.Context(), newWork(ones(60)[:3]...)); err != nil {
		t.Fatal(err)
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// Somebody who types a password may take longer than a server may to answer.
func TestLoginWaitsForWhoTypes(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	o := options(srv)
	o.Timeout = 200 * time.Millisecond
	o.Secret = func(ctx context.Context) (reach.Secret, error) {
		select {
		case <-time.After(3 * o.Timeout):
			return reach.Secret{Password: "secret"}, nil
		case <-ctx.Done():
			return reach.Secret{}, context.Cause(ctx)
		}
	}
	if err := noop(t.Context(), account(t, o)); err != nil {
		t.Fatal(err)
	}
}

// A password that is refused is asked for again as long as there may be another one.
func TestLoginAsksAgain(t *testing.T) {
	var sent []string
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": answer("$tag NO [AUTHENTICATIONFAILED] no")}))
	o := options(srv)
	o.Secret = func(context.Context) (reach.Secret, error) {
		sent = append(sent, "secret")
		return reach.Secret{Password: "secret"}, nil
	}
	o.Again = func(err error) bool { return len(sent) < 3 }
	wantFault(t, noop(t.Context(), account(t, o)), state.Login, "refused")
	if len(sent) != 3 {
		t.Errorf("asked %d times", len(sent))
	}
}

// Nothing that is written down holds the password, in any of its spellings.
func TestPasswordIsWrittenNowhere(t *testing.T) {
	for _, caps := range []string{"IMAP4rev1", "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN SASL-IR"} {
		acct := boxes()
		acct.Caps = caps
		srv := script.Every(t, script.Healthy(acct, script.Answers{
			"EXAMINE": answer("$tag NO you are ada with secret"),
		}))
		var trace, log bytes.Buffer
		a := account(t, options(srv), func(o *Options) {
			o.Trace = &trace
			o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		err := noop(t.Context(), a)
		if err == nil || trace.Len() == 0 {
			t.Fatalf("error %v, trace %q", err, trace.String())
		}
		for _, text := range []string{trace.String(), log.String(), err.Error(), reach.Secret{Password: "secret"}.String()} {
			if strings.Contains(text, "AGFkYQBzZWNyZXQ=") || strings.Contains(strings.ReplaceAll(text, "[secret]", ""), "secret") {
				t.Errorf("the password is in %q", text)
			}
		}
	}
}

func TestServerIsToldWhoWeAre(t *testing.T) {
	for _, no := range []bool{false, true} {
		srv := script.Every(t, script.Healthy(boxes(), nil))
		a := account(t, options(srv), func(o *Options) { o.NoID, o.Version = no, "1.2" })
		if err := noop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		want := 1
		if no {
			want = 0
		}
		if n := sent(srv, `ID ("name" "mailsync" "version" "1.2")`); n != want {
			t.Errorf("NoID %v: sent %q", no, srv.Commands())
		}
	}
}

// A server that falls silent at any point ends the attempt within the timeout. Where that is at a mailbox,
// it is the mailbox's failure.
func TestHungServer(t *testing.T) {
	stall := func(p *script.Peer, _ script.Command) bool {
		p.Stall()
		return true
	}
	for _, at := range []string{"GREETING", "AUTHENTICATE", "CAPABILITY", "EXAMINE", "UID FETCH"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{
				at: stall,
				"AUTHENTICATE": func(p *script.Peer, cmd script.Command) bool {
					if at == "AUTHENTICATE" {
						return stall(p, cmd)
					}
					p.Send("$tag OK in")
					return at == "CAPABILITY"
				},
			}))
			if at != "CAPABILITY" {
				srv = script.Every(t, script.Healthy(boxes(), script.Answers{at: stall}))
			}
			a := account(t, options(srv), func(o *Options) { o.Timeout = time.Second })
			begun := time.Now()
			kind := state.Unreachable
			if at == "EXAMINE" || at == "UID FETCH" {
				kind = state.Other
			}
			wantFault(t, noop(t.Context(), a), kind, "")
			if d := time.Since(begun); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestCancelBreaksAWaitAtOnce(t *testing.T) {
	for _, at := range []string{"GREETING", "AUTHENTICATE", "EXAMINE", "UID FETCH"} {
		t.Run(at, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{
				at: func(p *script.Peer, _ script.Command) bool {
					cancel()
					p.Stall()
					return true
				},
			}))
			a := account(t, options(srv), func(o *Options) { o.Timeout = time.Hour })
			if err := noop(ctx, a); !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestNoIMAPServer(t *testing.T) {
	for name, c := range map[string]struct {
		greet func(p *script.Peer)
		text  string
	}{
		"silent close": {func(p *script.Peer) { p.Close() }, "without a greeting"},
		"web server":   {func(p *script.Peer) { p.Raw([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); p.Stall() }, "does not speak IMAP"},
		"half a line":  {func(p *script.Peer) { p.Raw([]byte("* OK")); p.Close() }, "greeting"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := script.Every(t, c.greet)
			wantFault(t, noop(t.Context(), account(t, options(srv))), state.Unreachable, c.text)
		})
	}
}

// Some servers say what is wrong beside the command, and then go or stay as they like.
func TestLoginRefusedBesideTheCommand(t *testing.T) {
	for _, c := range []struct {
		name string
		then []string
		stay bool
		kind state.Kind
		text string
	}{
		{"NO and BYE", []string{"* NO [AUTHENTICATIONFAILED] wrong password", "* BYE so long"}, false, state.Login, "wrong password"},
		{"NO and the end", []string{"* NO [AUTHENTICATIONFAILED] wrong password"}, false, state.Login, "wrong password"},
		{"NO and silence", []string{"* NO [AUTHENTICATIONFAILED] wrong password"}, true, state.Login, "wrong password"},
		{"BAD and BYE", []string{"* BAD [AUTHORIZATIONFAILED] not you", "* BYE"}, false, state.Login, "not you"},
		{"NO without a code", []string{"* NO Login failed.", "* BYE so long"}, false, state.Login, "Login failed"},
		{"BYE with the code", []string{"* BYE [AUTHENTICATIONFAILED] no"}, false, state.Login, "AUTHENTICATIONFAILED"},
		{"BYE in words", []string{"* BYE Authentication failed, good bye"}, false, state.Login, "Authentication failed"},
		{"BYE that counts", []string{"* BYE Too many failed logins"}, false, state.Login, "Too many failed"},
		{"expired", []string{"* NO [EXPIRED] a year old", "* BYE"}, false, state.Login, "a year old"},
		{"unavailable", []string{"* NO [UNAVAILABLE] database", "* BYE so long"}, false, state.Unreachable, "database"},
		{"temporary", []string{"* BYE Temporary authentication failure"}, false, state.Unreachable, "Temporary"},
		{"too many", []string{"* NO Too many connections", "* BYE so long"}, false, state.Unreachable, "Too many"},
		{"NO of any kind, and BYE", []string{"* NO go away", "* BYE"}, false, state.Login, "go away"},
		{"BAD of any kind, and the end", []string{"* BAD you again"}, false, state.Login, "you again"},
		{"NO of any kind, and silence", []string{"* NO go away"}, true, state.Unreachable, ""},
		{"BYE for maintenance", []string{"* NO not you", "* BYE maintenance"}, false, state.Unreachable, "maintenance"},
		{"something else", []string{"* NO Your mailbox is nearly full", "* BYE shutting down"}, false, state.Unreachable, "shutting down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": func(p *script.Peer, _ script.Command) bool {
				for _, line := range c.then {
					p.Send(line)
				}
				if c.stay {
					p.Stall()
				}
				p.Close()
				return true
			}}))
			a := account(t, options(srv), func(o *Options) { o.Timeout = 3 * time.Second })
			wantFault(t, noop(t.Context(), a), c.kind, c.text)
			if srv.Accepted() != 1 || sent(srv, "AUTHENTICATE *")+sent(srv, "LOGIN *") != 1 {
				t.Errorf("%d connections, sent %q", srv.Accepted(), srv.Commands())
			}
		})
	}
}

// It does not matter which timeout ends the silence that follows: that of the log-in or that of the connection.
func TestRefusedBesideTheCommandAndSilence(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), nil))
	a := account(t, options(srv))
	conn, err := a.o.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(a, conn, "")
	defer s.drop()
	if err := s.greet(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.heard.take("NO", "AUTHENTICATIONFAILED", "wrong password", false)
	silence := state.Faultf(state.Unreachable, "%w", state.InWords(os.ErrDeadlineExceeded, "no byte for 3s")).WithHint("the server hangs")
	wantFault(t, s.loginFault(t.Context(), silence, reach.Secret{Password: "secret"}), state.Login, "wrong password")
}

// What providers say when they let nobody in is about the user, or about now; the password is sent once,
// and the hint is about what they say.
func TestProvidersRefusals(t *testing.T) {
	for _, c := range []struct {
		answer string // to the log-in
		kind   state.Kind
		hint   string
	}{
		{"$tag NO [ALERT] Application-specific password required: https://x.example (Failure)", state.Login, "app password"},
		{"$tag NO [ALERT] Please log in via your web browser: https://x.example (Failure)", state.Login, "web browser"},
		{"$tag NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", state.Login, "check user and password"},
		{"$tag NO [ALERT] Your account is not enabled for IMAP use. (Failure)", state.Login, "switch IMAP"},
		{"$tag NO Your account is not enabled for IMAP use", state.Login, "switch IMAP"},
		{"$tag NO [ALERT] Too many simultaneous connections. (Failure)", state.Unreachable, "try again later"},
		{"$tag NO [ALERT] Account exceeded command or bandwidth limits. (Failure)", state.Unreachable, "try again later"},
		{"$tag NO [ALERT] Maximum number of connections from user+IP exceeded (limit=10)", state.Unreachable, "try again later"},
		{"$tag NO Temporary System Error (Failure)", state.Unreachable, "try again later"},
		{"$tag NO AUTHENTICATE failed.", state.Login, "check user and password"},
		{"$tag NO Server Unavailable. 15", state.Unreachable, "try again later"},
		{"$tag NO [AUTHENTICATIONFAILED] Basic authentication is disabled.", state.Login, "OAuth"},
		{"$tag NO [LIMIT] LOGIN Rate limit hit.", state.Unreachable, "try again later"},
		{"$tag NO [SERVERBUG] LOGIN Server error - Please try again later", state.Unreachable, "try again later"},
		{"$tag NO [UNAVAILABLE] LOGIN internal server error", state.Unreachable, "try again later"},
		{"$tag NO [AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is disabled", state.Login, "switch IMAP"},
		{"$tag NO [ALERT] You are yet to enable IMAP for your account. Please contact your administrator", state.Login, "switch IMAP"},
		{"$tag NO Login fail. Please using weblogin", state.Login, "web browser"},
		{"$tag NO Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is busy.", state.Login, "switch IMAP"},
		{"$tag NO LOGIN Login error or password error", state.Login, "check user and password"},
		{"$tag NO Login frequency limited", state.Unreachable, "try again later"},
		{"$tag NO Login only available under a layer", state.Login, "TLS"},
		{"$tag NO Mailbox is locked by another session", state.Unreachable, "try again later"},
		{"$tag NO Account is disabled", state.Login, "locked or closed"},
		// The server counts: not again, whether or not it says that this passes.
		{"$tag NO Temporary error for login(ada): Too many bad auth attempts!", state.Unreachable, "counts failed log-ins"},
		{"$tag NO [UNAVAILABLE] too many login attempts", state.Unreachable, "counts failed log-ins"},
		{"$tag NO Too many failed logins", state.Login, "counts failed log-ins"},
		{"* BYE Temporarily blocked: too many invalid attempts", state.Unreachable, "counts failed log-ins"},
		{"* BYE Disconnected: Auth failed", state.Login, "check user and password"},
	} {
		t.Run(c.answer, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": func(p *script.Peer, _ script.Command) bool {
				p.Send(c.answer)
				if !strings.HasPrefix(c.answer, "$tag") {
					p.Close()
				}
				return true
			}}))
			a := account(t, options(srv))
			err := noop(t.Context(), a)
			if wantFault(t, err, c.kind, "log-in of"); !strings.Contains(state.HintOf(err), c.hint) {
				t.Errorf("hint: %s", state.HintOf(err))
			}
			if n := sent(srv, "AUTHENTICATE *") + sent(srv, "LOGIN *"); n != 1 {
				t.Errorf("the password was sent %d times", n)
			}
		})
	}
}

// Where a server counts log-ins that failed, it is not waited for: to come back would be one more.
func TestNotAgainWhereFailuresAreCounted(t *testing.T) {
	for _, line := range []string{"$tag NO Temporary error: too many bad auth attempts", "* BYE Temporary error: too many bad auth attempts"} {
		srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": func(p *script.Peer, _ script.Command) bool {
			p.Send(line)
			p.Close()
			return true
		}}))
		a := account(t, options(srv), func(o *Options) { o.MaxWait = time.Hour })
		a.patience.Sleep = func(context.Context, time.Duration) error { t.Error("it waits"); return context.Canceled }
		wantFault(t, noop(t.Context(), a), state.Unreachable, "too many bad auth attempts")
	}
}

// A server that does not say once more what it can do is believed what it said before.
func TestCapabilitiesAreRefusedAfterLogin(t *testing.T) {
	for _, line := range []string{"$tag NO what", "$tag BAD Command Argument Error. 11"} {
		srv := script.Every(t, script.Healthy(boxes(), script.Answers{"AUTHENTICATE": answer("$tag OK in"), "CAPABILITY": answer(line)}))
		// The scripted server itself heard of no log-in, and says so at the next command.
		if err := noop(t.Context(), account(t, options(srv))); sent(srv, "EXAMINE *") != 1 {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// A way of logging in that the server does not take is followed by another, a password that it
// does not take by nothing.
func TestLoginTriesAnotherWay(t *testing.T) {
	const ir, noIR = "IMAP4rev1 SASL-IR AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN"
	for _, c := range []struct {
		name, caps, plain, login string
		well                     bool
		plains, logins           int
	}{
		{"BAD", ir, "$tag BAD what", "", true, 1, 1},
		{"no such mechanism", ir, "$tag NO Unsupported authentication mechanism", "", true, 1, 1},
		{"CANNOT", ir, "$tag NO [CANNOT] not here", "", true, 1, 1},
		{"refused before the password was sent", noIR, "$tag NO [AUTHENTICATIONFAILED] no", "", true, 1, 1},
		{"wrong password", ir, "$tag NO [AUTHENTICATIONFAILED] no", "", false, 1, 0},
		{"wrong password in words", ir, "$tag NO AUTHENTICATE failed.", "", false, 1, 0},
		{"wrong password said of a mechanism", ir, "$tag NO [AUTHENTICATIONFAILED] mechanism PLAIN: no", "", false, 1, 0},
		{"LOGIN must not be tried", ir + " LOGINDISABLED", "$tag BAD what", "", false, 1, 0},
		{"neither", ir, "$tag BAD what", "$tag BAD what", false, 1, 1},
		{"LOGIN is not known", "IMAP4rev1", "", "$tag BAD what", true, 1, 1},
		{"LOGIN is not supported", "IMAP4rev1", "", "$tag NO LOGIN is not supported, use AUTHENTICATE", true, 1, 1},
		{"LOGIN and a wrong password", "IMAP4rev1", "", "$tag NO [AUTHENTICATIONFAILED] no", false, 0, 1},
		{"busy", ir, "$tag NO [UNAVAILABLE] mechanism", "", false, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := boxes()
			acct.Caps = c.caps
			answers := script.Answers{}
			if c.plain != "" {
				answers["AUTHENTICATE"] = answer(c.plain)
			}
			if c.login != "" {
				answers["LOGIN"] = answer(c.login)
			}
			srv := script.Every(t, script.Healthy(acct, answers))
			a := account(t, options(srv))
			if err := noop(t.Context(), a); (err == nil) != c.well {
				t.Errorf("ended with %v", err)
			}
			if plains, logins := sent(srv, "AUTHENTICATE *"), sent(srv, "LOGIN *"); plains != c.plains || logins != c.logins {
				t.Errorf("sent %q", srv.Commands())
			}
			if !c.well {
				return
			}
			a.retire() // the next connection knows the way
			before := len(srv.Commands())
			if err := noop(t.Context(), a); err != nil {
				t.Error(err)
			}
			if n := sent(srv, "AUTHENTICATE *") + sent(srv, "LOGIN *"); n != 3 {
				t.Errorf("the second connection sent %q", srv.Commands()[before:])
			}
		})
	}
}

// What the server wants the user to see is shown once, whatever it answers.
func TestNotices(t *testing.T) {
	greeting := func(p *script.Peer, _ script.Command) bool {
		p.Send("* OK [ALERT] maintenance \x1b[2J tonight")
		return true
	}
	says := func(lines ...string) script.Answer {
		return func(p *script.Peer, _ script.Command) bool {
			for _, l := range lines {
				p.Send(l)
			}
			return false
		}
	}
	for _, c := range []struct {
		name    string
		answers script.Answers
		want    []string
	}{
		{"greeting", script.Answers{"GREETING": greeting}, []string{`"maintenance \x1b[2J tonight"`}},
		{"NO beside the log-in", script.Answers{"AUTHENTICATE": says("* NO quota 95%", "* NO quota 95%", "* OK hello")}, []string{`"quota 95%"`}},
		{"in the answer", script.Answers{"AUTHENTICATE": answer("$tag OK [ALERT] read the news")}, []string{`"read the news"`}},
		{"later", script.Answers{"EXAMINE": says("* OK [ALERT] going down", "* NO busy", "* BAD [alert] soon")}, []string{`"going down"`, `"soon"`}},
		{"beside a log-in that goes well", script.Answers{"AUTHENTICATE": says("* NO [AUTHENTICATIONFAILED] wrong", "* NO [ALERT] log in by web")}, []string{`"wrong"`, `"log in by web"`}},
		{"told as the failure", script.Answers{"AUTHENTICATE": answer("$tag NO [ALERT] log in by web")}, nil},
		{"too many", script.Answers{"EXAMINE": func(p *script.Peer, _ script.Command) bool {
			for n := range 1000 {
				p.Sendf("* OK [ALERT] number %d", n)
			}
			return false
		}}, []string{`"number 0"`, `"number 1"`, `"number 2"`, `"number 3"`, `"number 4"`, `"number 5"`, `"number 6"`, `"number 7"`, `"number 8"`, `"number 9"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := script.Every(t, script.Healthy(boxes(), c.answers))
			var got []string
			a := account(t, options(srv), func(o *Options) { o.Notice = func(text string) { got = append(got, text) } })
			for range 2 {
				_ = noop(t.Context(), a)
				a.retire()
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("shown %q, want %q", got, c.want)
			}
		})
	}
}
