package imapscript

import (
	"fmt"
	"strconv"
	"strings"
)

// Vars are texts that a script inserts: ${name} as it is, and @{name} as a literal, its
// header before it.
type Vars map[string]string

// Play makes a Handler of a text. Each of its lines is one turn:
//
//	S: * OK ready          sends a line; $tag is the tag of the command read last,
//	                       ${name} and @{name} are from vars
//	S= "* 1 EX" "ISTS\n"   sends what Go strings say, without a line end
//	S. * OK ready          sends a line one octet at a time
//	C: LOGIN ada *         reads a command that matches, * standing for anything
//	L: DONE                reads a line that is no command
//	X: stall               sends nothing more; also close, reset, any (takes whatever comes)
//
// Empty lines and those that begin with # are left out. After its last turn the
// server waits for the client to close; a command more fails the test.
func Play(text string, vars ...Vars) Handler {
	turns := strings.Split(text, "\n")
	all := Vars{}
	for _, v := range vars {
		for name, value := range v {
			all[name] = value
		}
	}
	return func(p *Peer) {
		for n, turn := range turns {
			turn = strings.TrimLeft(turn, " \t")
			if turn == "" || turn[0] == '#' {
				continue
			}
			if len(turn) < 2 {
				p.Errorf("turn %d: cannot read %q", n+1, turn)
			}
			p.turn(turn[:2], strings.TrimPrefix(turn[2:], " "), all)
		}
		if cmd, ok := p.Next(); ok {
			p.Errorf("client sent %q after the end of the script", cmd.Verb+" "+cmd.Args)
		}
	}
}

// turn plays one line of a script.
func (p *Peer) turn(who, what string, vars Vars) {
	switch who {
	case "S:":
		p.Send(vars.insert(what))
	case "S.":
		p.Drip([]byte(p.fill(vars.insert(what))+"\r\n"), 1)
	case "S=":
		p.Raw([]byte(p.fill(p.unquote(what))))
	case "C:":
		p.Expect(vars.insert(what))
	case "L:":
		if line := p.Line(); !Match(what, line) {
			p.Errorf("client sent the line %q, expected %q", line, what)
		}
	case "X:":
		p.act(what)
	default:
		p.Errorf("cannot read the turn %q", who+" "+what)
	}
}

func (p *Peer) act(what string) {
	switch strings.TrimSpace(what) {
	case "stall":
		p.Stall()
		p.End()
	case "close":
		p.End()
	case "reset":
		p.Reset()
	case "any":
		for {
			if _, ok := p.Next(); !ok {
				p.End()
			}
		}
	default:
		p.Errorf("cannot do %q", what)
	}
}

// unquote joins Go strings with blanks between them.
func (p *Peer) unquote(text string) string {
	var sb strings.Builder
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		one, err := strconv.QuotedPrefix(text)
		if err != nil {
			p.Errorf("no Go string: %s", text)
		}
		s, err := strconv.Unquote(one)
		if err != nil {
			p.Errorf("no Go string: %s", one)
		}
		sb.WriteString(s)
		text = text[len(one):]
	}
	return sb.String()
}

func (v Vars) insert(line string) string {
	for name, value := range v {
		line = strings.ReplaceAll(line, "${"+name+"}", value)
		line = strings.ReplaceAll(line, "@{"+name+"}", Literal(value))
	}
	return line
}

// Literal returns a text as a literal: its header, a line end, and itself.
func Literal(s string) string { return fmt.Sprintf("{%d}\r\n%s", len(s), s) }
