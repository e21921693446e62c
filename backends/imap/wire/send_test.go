package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// octets is a literal of n octets, 'a' to 'z' over and over.
func octets(n int, sync bool) Literal {
	return Literal{Size: int64(n), Sync: sync, Body: strings.NewReader(letters(n))}
}

func letters(n int) string {
	return strings.Repeat("abcdefghijklmnopqrstuvwxyz", n/26+1)[:n]
}

func TestLiteralsAreSentBackToBack(t *testing.T) {
	const large = 3*uploadPiece + 7
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		var tags []string
		for i, n := range []int{0, 5, uploadPiece, large} {
			cmd := p.Expect("APPEND x {*+}")
			tags = append(tags, cmd.Tag)
			if string(cmd.Literals[0]) != letters(n) {
				p.Errorf("literal %d has %d octets", i, len(cmd.Literals[0]))
			}
		}
		p.Send("* 3 EXISTS")
		for i, tag := range tags {
			if p.Tag = tag; i == 1 {
				p.Send("$tag NO [OVERQUOTA] full")
				continue
			}
			p.Send("$tag OK [APPENDUID 7 9] stored")
		}
		p.Expect("NOOP")
		p.Send("$tag OK")
	})
	r := newRigOn(t, s, Options{})
	var sent []*Sent
	for _, n := range []int{0, 5, uploadPiece, large} {
		one, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(n, false))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one)
	}
	for i, one := range sent {
		answer, err := one.Wait(t.Context())
		var no *Answer
		switch {
		case i == 1 && (!errors.As(err, &no) || no.Code != "OVERQUOTA"):
			t.Errorf("answer %d: %v", i, err)
		case i != 1 && (err != nil || answer.Code != "APPENDUID 7 9"):
			t.Errorf("answer %d: %+v, %v", i, answer, err)
		}
	}
	r.alive()
}

// Where the server has to be asked, the next command goes out behind the literal, and
// one that is refused sends none.
func TestLiteralsWaitForTheGoAhead(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		first := p.Expect("APPEND x {40}") // Next has said go ahead
		p.Expect("APPEND x {50}")
		second := p.Tag
		p.Tag = first.Tag
		p.Send("$tag OK one")
		p.Tag = second
		p.Send("$tag OK two")
		tag, _, _ := strings.Cut(p.Line(), " ")
		p.Send(tag + " NO [TOOBIG] never")
		p.Expect("NOOP")
		p.Send("$tag OK")
	})
	r := newRigOn(t, s, Options{})
	var sent []*Sent
	for _, n := range []int{40, 50, 60} {
		one, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(n, true))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one)
	}
	for i, one := range sent {
		_, err := one.Wait(t.Context())
		if (err != nil) != (i == 2) {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	r.alive()
}

// A body of another length than announced never becomes a message; what was sent before
// it is answered all the same.
func TestABodyOfAnotherLengthBreaksTheConnection(t *testing.T) {
	for name, c := range map[string]struct {
		body io.Reader
		want string
	}{
		"short":  {strings.NewReader(letters(uploadPiece + 99)), "1 octets early"},
		"empty":  {strings.NewReader(""), "ended"},
		"long":   {strings.NewReader(letters(uploadPiece + 101)), "grew"},
		"broken": {io.MultiReader(strings.NewReader(letters(uploadPiece)), failing{}), "disk on fire"},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan int, 1)
			s := script.New(t, func(p *script.Peer) {
				p.Send("* OK [CAPABILITY IMAP4rev1] hi")
				p.Expect("APPEND x {10+}")
				tag := p.Tag
				if line := p.Line(); !strings.HasSuffix(line, "APPEND y {32868+}") {
					p.Errorf("client sent %q", line)
				}
				p.Tag = tag
				p.Send("$tag OK first")
				var rest bytes.Buffer
				p.Wrap(copying(&rest))
				p.Stall()
				got <- rest.Len()
			})
			r := newRigOn(t, s, Options{})
			first, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(10, false))
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.conn.SendLiteral(t.Context(), "APPEND y", Literal{Size: uploadPiece + 100, Body: c.body})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
			if _, err := first.Wait(t.Context()); err != nil {
				t.Errorf("the message before: %v", err)
			}
			if n := <-got; n > uploadPiece {
				t.Errorf("the server got %d octets", n)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

// What the server may have is not known after a break; what it cannot have is an error
// at once.
func TestABreakWhileLiteralsAreSent(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		p.Expect("APPEND x *")
		p.Send("* BYE going down")
	})
	r := newRigOn(t, s, Options{})
	whole, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(10, false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := whole.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "going down") {
		t.Errorf("the message that was sent: %v", err)
	}
	if _, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(10, true)); err == nil {
		t.Error("a literal was sent on a connection that has ended")
	}
}

// A literal that was never asked for is one that the server cannot have.
func TestALiteralThatIsNotAskedFor(t *testing.T) {
	for name, said := range map[string]string{"BYE": "* BYE going down", "OK": "%s OK [APPENDUID 1 2] stored"} {
		s := script.New(t, func(p *script.Peer) {
			p.MayEnd = true
			p.Send("* OK [CAPABILITY IMAP4rev1] hi")
			tag, _, _ := strings.Cut(p.Line(), " ")
			p.Send(strings.ReplaceAll(said, "%s", tag))
			if name == "OK" {
				p.Stall()
			}
		})
		r := newRigOn(t, s, Options{})
		if _, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(10, true)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPipelinedCommandsAnswerInTheirOrder(t *testing.T) {
	s := script.New(t, func(p *script.Peer) {
		p.Send("* OK [CAPABILITY IMAP4rev1] hi")
		a, b := p.Expect("STATUS a (MESSAGES)"), p.Expect("STATUS b (MESSAGES)")
		p.Send("* STATUS a (MESSAGES 1)")
		p.Send(a.Tag + " OK")
		p.Send("* STATUS b (MESSAGES 2)")
		p.Send(b.Tag + " NO not that one")
		p.Expect("NOOP")
		p.Send("$tag OK")
	})
	r := newRigOn(t, s, Options{})
	got := make([][]string, 2)
	var sent []*Sent
	for i, name := range []string{"a", "b"} {
		one, err := r.conn.Send(t.Context(), "STATUS "+name+" (MESSAGES)", func(l Line) error {
			got[i] = append(got[i], l.Text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, one)
	}
	done := make(chan error, 1)
	go func() { done <- r.client.Noop().Wait() }() // waits behind ours
	for i, one := range sent {
		if _, err := one.Wait(t.Context()); (err != nil) != (i == 1) {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(got[0]) != 1 || len(got[1]) != 1 || !strings.Contains(got[1][0], "STATUS b") {
		t.Errorf("collected %q", got)
	}
}

func TestABackupSendsNoLiteral(t *testing.T) {
	r := newRig(t, "X: any", Options{ReadOnly: true})
	if _, err := r.conn.SendLiteral(t.Context(), "APPEND x", octets(3, false)); err == nil {
		t.Error("a message was appended")
	}
	if cmds := r.server.Commands(); len(cmds) != 0 {
		t.Errorf("sent %q", cmds)
	}
}

// copying keeps what the client sends from here on.
func copying(to io.Writer) func(net.Conn) (io.Reader, io.Writer) {
	return func(c net.Conn) (io.Reader, io.Writer) { return io.TeeReader(c, to), c }
}

// Once a command has ended, however, it is told of no more answers.
func TestNoAnswerAfterTheEnd(t *testing.T) {
	for range 6 {
		s := script.New(t, func(p *script.Peer) {
			p.MayEnd = true
			p.Send("* OK [CAPABILITY IMAP4rev1] hi")
			p.Expect("XALL")
			for {
				p.Send("* X more and more")
			}
		})
		r := newRigOn(t, s, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		told := 0 // the race detector minds
		_, err := r.conn.Do(ctx, "XALL", func(Line) error {
			if told++; told == 50 {
				cancel()
			}
			return nil
		})
		if err == nil || told < 50 {
			t.Errorf("%v after %d answers", err, told)
		}
	}
}
