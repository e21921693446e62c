package wire

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

func TestReadOnlyRefusesWhatCouldChangeTheServer(t *testing.T) {
	allowed := []string{"CAPABILITY", "NOOP", "LOGOUT", "EXAMINE x", "LIST \"\" *", "STATUS x (MESSAGES)", "NAMESPACE", "ID NIL",
		"ENABLE QRESYNC", "UNSELECT", "GETQUOTA x", "GETQUOTAROOT x", "COMPRESS DEFLATE", "SEARCH ALL", "UID SEARCH ALL", "LOGIN a b",
		"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ BODY.PEEK[]) (CHANGEDSINCE 5 VANISHED)", "FETCH 1 FLAGS",
		"UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (DATE)]<0.100>)", "uid fetch 1 body.peek[]", "UID FETCH 1 RFC822.HEADER", "UID FETCH 1 (EMAILID X-GM-MSGID)"}
	refused := []string{"SELECT x", "CLOSE", "EXPUNGE", "UID EXPUNGE 1", "STORE 1 +FLAGS (x)", "UID STORE 1 FLAGS ()", "APPEND x {1}", "COPY 1 x",
		"UID COPY 1 x", "MOVE 1 x", "UID MOVE 1 x", "CREATE x", "DELETE x", "RENAME x y", "SUBSCRIBE x", "UNSUBSCRIBE x", "SETQUOTA x ()",
		"SETACL x y z", "SETMETADATA x ()", "UID FETCH 1 (BODY[])", "UID FETCH 1 (UID BODY.PEEK[] BODY[TEXT])", "UID FETCH 1 RFC822",
		"UID FETCH 1 (RFC822.TEXT)", "UID FETCH 1 body[]", "UID FETCH 1 BINARY[1]", "FETCH 1 (FLAGS XANYTHING)", "UID FETCH 1 (FLAGS) (STORE)",
		"XEXPUNGE", "UID", "CHECK", "UID FETCH 1 (BODY.PEEK[HEADER] {3}", "REPLACE 1 x", "UNAUTHENTICATE"}
	for _, line := range append(slices.Clone(allowed), refused...) {
		under := &sink{}
		c := New(under, Options{ReadOnly: true})
		_, err := io.WriteString(c, "T1 "+line+"\r\n")
		if want := slices.Contains(allowed, line); want && (err != nil || !strings.Contains(under.got, line)) {
			t.Errorf("%s: refused: %v", line, err)
		} else if !want && (err == nil || under.got != "" || c.LastError() == nil) {
			t.Errorf("%s: error %v, sent %q", line, err, under.got)
		}
	}
	c := New(&sink{}, Options{})
	if _, err := io.WriteString(c, "T1 UID EXPUNGE 1\r\n"); err != nil {
		t.Errorf("refused without backup mode: %v", err)
	}
	c = New(&sink{}, Options{ReadOnly: true})
	if _, err := c.Do(t.Context(), "UID EXPUNGE 1", nil); err == nil {
		t.Error("our own command was not refused")
	}
}

// sink is a connection that remembers what was written.
type sink struct {
	net.Conn
	got string
}

func (s *sink) Write(b []byte) (int, error) { s.got += string(b); return len(b), nil }
func (s *sink) Close() error                { return nil }

func TestARefusedCommandFailsInTheClient(t *testing.T) {
	r := newRig(t, "X: any", Options{ReadOnly: true})
	if _, err := r.client.Select("INBOX", nil).Wait(); err == nil || !strings.Contains(err.Error(), `"SELECT" refused`) {
		t.Errorf("select: %v", err)
	}
	if cmds := r.server.Commands(); len(cmds) != 0 {
		t.Errorf("sent %q", cmds)
	}
}

func TestOurCommandsGoBetweenTheClients(t *testing.T) {
	r := newRig(t, `C: ENABLE QRESYNC
		S: * ENABLED QRESYNC
		S: * 5 EXISTS
		S: * LIST () "/" {3}
		S= "a)b (MAILBOXID (x))\r\n"
		S: * VANISHED 7
		S: $tag OK done
		C: BAD THING
		S: $tag BAD [CLIENTBUG] what is this
		C: NOOP
		S: $tag OK`, Options{})
	var lines []Line
	_, err := r.conn.Do(t.Context(), "ENABLE QRESYNC", func(l Line) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%s %q", l.Text, l.Literals))
	}
	if want := []string{`ENABLED QRESYNC []`, `5 EXISTS []`, `LIST () "/" {3} (MAILBOXID (x)) ["a)b"]`, `VANISHED 7 []`}; !slices.Equal(got, want) {
		t.Errorf("collected %q, want %q", got, want)
	}
	var answer *Answer
	if _, err := r.conn.Do(t.Context(), "BAD THING", nil); !errors.As(err, &answer) || answer.Type != "BAD" || answer.Code != "CLIENTBUG" {
		t.Errorf("error %v", err)
	}
	r.alive()
	if n := r.conn.Commands(); n != 3 {
		t.Errorf("counted %d commands, want 3", n)
	}
	if _, err := r.conn.Do(t.Context(), "NOOP\r\nX DELETE INBOX", nil); err == nil {
		t.Error("two commands in one were sent")
	}
}

func TestACommandWaitsForTheOneBefore(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect("UID FETCH *")
		close(begun)
		<-release
		p.Send("$tag OK done")
		p.Expect("XOURS")
		p.Send("$tag OK done")
	})
	r := newRigOn(t, s, Options{})
	cmd := r.client.Fetch(imap.UIDSetNum(7), bodies)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.conn.Do(ctx, "XNEVER", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := r.conn.Do(t.Context(), "XOURS", nil)
		done <- err
	}()
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := cmd.Close(); err != nil {
		t.Error(err)
	}
}

func TestCancellingASentCommandBreaksTheConnection(t *testing.T) {
	sent := make(chan struct{})
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect("XSLOW")
		close(sent)
		p.Stall()
	})
	r := newRigOn(t, s, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-sent; cancel() }()
	if _, err := r.conn.Do(ctx, "XSLOW", nil); !errors.Is(err, context.Canceled) || state.KindOf(err) != state.Interrupted {
		t.Errorf("error %v", err)
	}
	if err := r.client.Noop().Wait(); err == nil {
		t.Error("the connection lives on")
	}
}

func TestCompressionGoesOnBothWays(t *testing.T) {
	body := strings.Repeat("all work and no play\r\n", 5000)
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] hi")
		p.Expect("COMPRESS DEFLATE")
		p.Send("$tag OK on")
		p.Wrap(func(c net.Conn) (io.Reader, io.Writer) {
			w, err := flate.NewWriter(c, flate.BestSpeed)
			if err != nil {
				t.Error(err)
			}
			return flate.NewReader(bufio.NewReader(c)), flushed{w}
		})
		p.Expect("UID FETCH *")
		p.Raw([]byte("* 1 FETCH (UID 7 BODY[] " + script.Literal(body) + ")\r\n"))
		p.Send("$tag OK done")
		p.Expect("LOGOUT")
		p.Send("* BYE")
		p.Send("$tag OK")
	})
	r := newRigOn(t, s, Options{})
	if err := r.conn.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := r.fetch(imap.UIDSetNum(7), bodies)
	if err != nil || len(got) != 1 || got[0].body != body {
		t.Fatalf("fetch: %v, %d messages (%v)", err, len(got), r.conn.LastError())
	}
	if n := r.conn.BytesRead(); n > int64(len(body)/4) {
		t.Errorf("read %d octets for a body of %d", n, len(body))
	}
	if err := r.client.Logout().Wait(); err != nil {
		t.Error(err)
	}
	_ = r.client.Close()
	if err := r.conn.LastError(); err != nil {
		t.Errorf("a log-out is no break: %v", err)
	}
}

// flushed flushes after each write.
type flushed struct{ w *flate.Writer }

func (f flushed) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, f.w.Flush()
}

func TestAServerThatRefusesCompressionGoesOnWithout(t *testing.T) {
	r := newRig(t, "C: COMPRESS DEFLATE\nS: $tag NO [COMPRESSIONACTIVE] no\nC: NOOP\nS: $tag OK", Options{})
	var answer *Answer
	if err := r.conn.Compress(t.Context()); !errors.As(err, &answer) {
		t.Errorf("compress: %v", err)
	}
	r.alive()
}

func TestLiteralsOfTheClientGoOut(t *testing.T) {
	for name, caps := range map[string]string{"synchronizing": "IMAP4rev1", "LITERAL-": "IMAP4rev1 LITERAL-"} {
		t.Run(name, func(t *testing.T) {
			content := strings.Repeat("x {3}\r\n", 2000)
			var got script.Command
			s := script.New(t, func(p *script.Peer) {
				p.Send("* OK [CAPABILITY " + caps + "] hi")
				got = p.Expect("APPEND *")
				p.Send("$tag OK [APPENDUID 1 2] done")
				p.Expect("NOOP")
				p.Send("$tag OK")
			})
			r := newRigOn(t, s, Options{})
			cmd := r.client.Append("box", int64(len(content)), nil)
			if _, err := io.WriteString(cmd, content); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := cmd.Wait(); err != nil {
				t.Errorf("append: %v", err)
			}
			r.alive()
			if len(got.Literals) != 1 || string(got.Literals[0]) != content {
				t.Errorf("the server got %d literals", len(got.Literals))
			}
		})
	}
}
