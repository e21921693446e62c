package imapscript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strconv"
	"strings"
	"testing"

	"mailsync/internal/testkit/stage"
)

// Peer is the server's end of one connection. A method that cannot go on because the
// client is gone ends the handler; one that meets what it did not expect fails the
// test as well.
type Peer struct {
	*stage.Peer
	Tag    string // of the command read last; $tag in what is sent
	MayEnd bool   // the client may end the connection wherever it likes
	// OnLiteral, if not nil, is called before a literal is asked for and read, with the command's
	// text so far and the literal's length. It returns true where it has answered the command.
	OnLiteral func(p *Peer, text string, size int) bool
}

// Command is one command of the client's.
type Command struct {
	Tag      string
	Verb     string   // upper case; "UID FETCH" where it has a UID before it
	Args     string   // the rest, a literal as its header {n}
	Literals [][]byte // contents of the literals
}

// Errorf fails the test and ends the handler.
func (p *Peer) Errorf(format string, args ...any) {
	p.Stage.T().Helper()
	p.Stage.T().Errorf("script: "+format, args...)
	p.End()
}

// T returns the test.
func (p *Peer) T() testing.TB { return p.Stage.T() }

// Send sends a line, with $tag replaced by the tag of the command read last, and its
// end added.
func (p *Peer) Send(line string) { p.Raw([]byte(p.fill(line) + "\r\n")) }

// Sendf is Send with a format.
func (p *Peer) Sendf(format string, args ...any) { p.Send(fmt.Sprintf(format, args...)) }

func (p *Peer) fill(line string) string { return strings.ReplaceAll(line, "$tag", p.Tag) }

// Drip sends octets in pieces of n, each in a packet of its own.
func (p *Peer) Drip(b []byte, n int) {
	for len(b) > 0 {
		k := min(n, len(b))
		p.Raw(b[:k])
		b = b[k:]
	}
}

// Line reads a line of the client's that is no command (of AUTHENTICATE, DONE).
func (p *Peer) Line() string {
	line, err := p.ReadLine()
	if err != nil {
		p.gone(err, "a line")
	}
	return line
}

// gone ends the handler because the client closed the connection; that fails the test
// unless the server itself is being closed.
func (p *Peer) gone(err error, wanted string) {
	if !p.MayEnd && !p.Stage.Ending() && !errors.Is(err, net.ErrClosed) {
		p.Errorf("connection ended (%v), expected %s", err, wanted)
	}
	p.End()
}

// Next reads the next command, its literals included; ok is false when the client has
// closed the connection instead.
func (p *Peer) Next() (cmd Command, ok bool) {
	var text bytes.Buffer
	for {
		line, err := p.ReadLine()
		if err != nil {
			if text.Len() > 0 || len(line) > 0 {
				p.gone(err, "the rest of a command")
			}
			return cmd, false
		}
		text.WriteString(line)
		size, sync, isLiteral := header(line)
		if !isLiteral {
			break
		}
		if p.OnLiteral != nil {
			p.Tag, _, _ = strings.Cut(text.String(), " ")
			if p.OnLiteral(p, text.String(), size) {
				return p.Next()
			}
		}
		if sync {
			p.Send("+ go ahead")
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(p, b); err != nil {
			p.gone(err, "a literal")
		}
		cmd.Literals = append(cmd.Literals, b)
	}
	tag, rest, _ := strings.Cut(text.String(), " ")
	verb, args, _ := strings.Cut(rest, " ")
	if cmd.Verb = strings.ToUpper(verb); cmd.Verb == "UID" {
		verb, args, _ = strings.Cut(args, " ")
		cmd.Verb += " " + strings.ToUpper(verb)
	}
	cmd.Tag, cmd.Args, p.Tag = tag, args, tag
	p.Stage.Record(rest)
	return cmd, true
}

// Expect reads the next command and fails the test unless it matches the pattern, in
// which * stands for anything: "UID FETCH * (*BODY.PEEK[]*)".
func (p *Peer) Expect(pattern string) Command {
	p.Stage.T().Helper()
	cmd, ok := p.Next()
	if !ok {
		p.gone(io.EOF, "the command "+pattern)
	}
	if got := strings.TrimSpace(cmd.Verb + " " + cmd.Args); !Match(pattern, got) {
		p.Errorf("client sent %q, expected %q", got, pattern)
	}
	return cmd
}

// Match reports whether a command matches a pattern in which * stands for anything.
func Match(pattern, command string) bool {
	// path.Match has *; the rest of its syntax is taken away.
	plain := strings.NewReplacer("/", "\x01", "[", "\x02", "?", "\x03", `\`, "\x04")
	ok, err := path.Match(plain.Replace(pattern), strings.ReplaceAll(plain.Replace(command), "*", "\x05"))
	return err == nil && ok
}

// header finds a literal's header at the end of a line.
func header(line string) (size int, sync, ok bool) {
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return 0, false, false
	}
	digits, nonSync := strings.CutSuffix(line[open+1:len(line)-1], "+")
	size, err := strconv.Atoi(digits)
	return size, !nonSync, err == nil && size >= 0 && size <= 1<<30
}
